// The facts of a document as a list; the chosen one is open.

const NO_FACTS = "No fact passes the filters.";

function showFacts(page, facts, chosen) {
  const hidden = page.facts.length - facts.length;
  byId("facts-title").textContent = `Facts: ${facts.length}${hidden ? ` (${hidden} more do not pass the filters)` : ""}`;
  byId("facts").replaceChildren(...facts.map((fact) => factItem(page, fact, fact === chosen)));
}

function factItem(page, fact, isChosen) {
  const { sign, group, label } = outcomeOf(fact);
  const margin = fact.margin === null ? "" : number(fact.margin);
  const link = element("a", { href: linkOf(fact), class: `fact ${group}`, "aria-current": isChosen ? "true" : false },
    element("span", { class: "sign", role: "img", "aria-label": label, title: label }, sign),
    element("span", { class: "statement" },
      named(page.entities[fact.subject].name), element("span", { class: "relation" }, ` ${relationName(fact.relation)} → `), named(page.entities[fact.object].name)),
    element("span", { class: "margin", title: "margin" }, margin));
  return element("li", {}, link, ...(isChosen ? [details(page, fact)] : []));
}

function details(page, fact) {
  const pair = pairOf(fact);
  const sentences = (places) => (places.length ? places.join(", ") : "none");
  const rows = [
    ["Outcome", outcomeOf(fact).label],
    ...(IS_COMPARED ? [["Other result", fact.other ? OUTCOMES[fact.other].label : "not found"]] : []),
    ["Relation", relationLabel(fact.relation)],
    ["Subject", mentionsOf(page, fact.subject)],
    ["Object", mentionsOf(page, fact.object)],
    ["Sentences", fact.within ? "mentions within one sentence" : "mentions across sentences"],
    ["Gold evidence", sentences(fact.gold)],
    ...(fact.found.length ? [["Found evidence", sentences(fact.found)]] : []),
  ];
  return element("div", { class: "details" },
    element("dl", {}, ...rows.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, named(text))])),
    ...(pair ? [classScores(pair, fact)] : HAS_MODEL ? [element("p", { class: "hint" }, "The model has no score for this pair.")] : []));
}

function mentionsOf(page, entity) {
  const texts = page.entities[entity].mentions.map(([where, start, end]) => `${page.sentences[where].slice(start, end).join(" ")} (${where})`);
  return `${entity + 1}: ${texts.join(", ")}`;
}

/** Scores of the best classes of a pair, against TH. */
function classScores(pair, fact) {
  const rows = [...pair.scores.map(([relation, score]) => ({ relation, score })), { relation: null, score: pair.threshold }]
    .sort((one, other) => other.score - one.score);
  const page = DATA.documents[fact.document];
  const isGold = (relation) => page.facts.some((each) =>
    each.relation === relation && each.subject === pair.subject && each.object === pair.object && ["right", "missed"].includes(each.outcome));
  const widest = Math.max(...rows.map(({ score }) => Math.abs(score - pair.threshold)), 1e-6);
  return element("table", { class: "classes" },
    element("caption", {}, "Scores of the best classes, and how far above TH"),
    element("tbody", {}, ...rows.map(({ relation, score }) => {
      const above = score - pair.threshold;
      const bar = element("span", { class: `bar ${above > 0 ? "above" : "below"}` });
      bar.style.setProperty("--length", `${((50 * Math.abs(above)) / widest).toFixed(1)}%`);
      return element("tr", { class: relation === null ? "threshold" : relation === fact.relation ? "of-fact" : false },
        element("th", { scope: "row" }, named(relation === null ? "TH" : relationName(relation)), isGold(relation) ? element("span", { class: "chip gold" }, "gold") : ""),
        element("td", {}, number(score)),
        element("td", {}, relation === null ? "" : (above > 0 ? "+" : "") + number(above)),
        element("td", { class: "bars", "aria-hidden": "true" }, bar));
    })));
}
