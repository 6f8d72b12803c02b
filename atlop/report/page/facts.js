// The list of a document's facts, with details of the chosen one.

const NO_FACTS = "No facts match the filters.";

function showFacts(doc, facts, chosen) {
  const hidden = doc.facts.length - facts.length;
  byId("facts-title").textContent = `Facts: ${facts.length}${hidden ? ` (${hidden} more hidden by the filters)` : ""}`;
  byId("facts").replaceChildren(...facts.map((fact) => factItem(doc, fact, fact === chosen)));
}

function factItem(doc, fact, isChosen) {
  const { sign, group, label } = factOutcome(fact);
  const margin = fact.margin === null ? "" : formatNumber(fact.margin);
  const link = element("a", { href: factLink(fact), class: `fact ${group}`, "aria-current": isChosen ? "true" : false },
    element("span", { class: "sign", role: "img", "aria-label": label, title: label }, sign),
    element("span", { class: "statement" },
      bidiText(doc.entities[fact.subject].name), element("span", { class: "relation" }, ` ${relationName(fact.relation)} → `), bidiText(doc.entities[fact.object].name)),
    element("span", { class: "margin", title: "margin" }, margin));
  return element("li", {}, link, ...(isChosen ? [details(doc, fact)] : []));
}

function details(doc, fact) {
  const pair = factPair(fact);
  const sentences = (indices) => (indices.length ? indices.join(", ") : "none");
  const rows = [
    ["Outcome", factOutcome(fact).label],
    ...(IS_COMPARED ? [["Other result", fact.other ? OUTCOMES[fact.other].label : "not found"]] : []),
    ["Relation", relationLabel(fact.relation)],
    ["Subject", mentionTexts(doc, fact.subject)],
    ["Object", mentionTexts(doc, fact.object)],
    ["Sentences", fact.within ? "mentions within one sentence" : "mentions across sentences"],
    ["Gold evidence", sentences(fact.gold)],
    ...(fact.found.length ? [["Found evidence", sentences(fact.found)]] : []),
  ];
  return element("div", { class: "details" },
    element("dl", {}, ...rows.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, bidiText(text))])),
    ...(pair ? [classScores(pair, fact)] : HAS_MODEL ? [element("p", { class: "hint" }, "The model has no score for this pair.")] : []));
}

function mentionTexts(doc, entity) {
  const texts = doc.entities[entity].mentions.map(([index, start, end]) => `${doc.sentences[index].slice(start, end).join(" ")} (${index})`);
  return `${entity + 1}: ${texts.join(", ")}`;
}

/** Table of a pair's highest class scores and their margins. */
function classScores(pair, fact) {
  const rows = [...pair.scores.map(([relation, score]) => ({ relation, score })), { relation: null, score: pair.threshold }]
    .sort((a, b) => b.score - a.score);
  const doc = DATA.documents[fact.document];
  const isGold = (relation) => doc.facts.some((item) =>
    item.relation === relation && item.subject === pair.subject && item.object === pair.object && ["right", "missed"].includes(item.outcome));
  const widest = Math.max(...rows.map(({ score }) => Math.abs(score - pair.threshold)), 1e-6);
  return element("table", { class: "classes" },
    element("caption", {}, "Highest class scores, and their margins above TH"),
    element("tbody", {}, ...rows.map(({ relation, score }) => {
      const margin = score - pair.threshold;
      const bar = element("span", { class: `bar ${margin > 0 ? "above" : "below"}` });
      bar.style.setProperty("--length", `${((50 * Math.abs(margin)) / widest).toFixed(1)}%`);
      return element("tr", { class: relation === null ? "threshold" : relation === fact.relation ? "in-fact" : false },
        element("th", { scope: "row" }, bidiText(relation === null ? "TH" : relationName(relation)), isGold(relation) ? element("span", { class: "chip gold" }, "gold") : ""),
        element("td", {}, formatNumber(score)),
        element("td", {}, relation === null ? "" : (margin > 0 ? "+" : "") + formatNumber(margin)),
        element("td", { class: "bars", "aria-hidden": "true" }, bar));
    })));
}
