// What the service answers: facts as a list and as a graph; the chosen one is open.

const NO_FACTS = "";
const FOUND = { group: "right", label: "found" };
const outcomeOf = () => FOUND;
const relationName = (relation) => relation;
const linkOf = (fact) => `#fact/${fact.index}`;
let running = null;

/** Ask for the facts of the text as it is; an answer that is no longer wanted is dropped. */
async function findFacts() {
  forget();
  running = new AbortController();
  const { signal } = running;
  byId("answer").setAttribute("aria-busy", "true");
  byId("facts-title").textContent = "Facts: reading …";
  try {
    const answer = await fetch("extract?explain=true", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(asked()),
      signal,
    });
    const found = await answer.json().catch(() => ({ error: `The service failed (${answer.status}).` }));
    if (found.error) throw new Error(found.error);
    state.facts = factsOf(found);
    state.unread = found.unread_mentions;
    showAnswer();
    byId("facts-title").scrollIntoView({ block: "nearest" });
  } catch (error) {
    showAnswer();
    if (!signal.aborted) showProblem(error instanceof TypeError ? "The service does not answer. Is it still running?" : error.message);
  } finally {
    if (running.signal === signal) byId("answer").removeAttribute("aria-busy");
  }
}

function showProblem(message) {
  byId("problem").textContent = message;
  byId("problem").hidden = false;
  byId("problem").scrollIntoView({ block: "nearest" });
}

/** The facts of an answer as this page has them: best first, places in UTF-16 units. */
function factsOf(found) {
  const units = unitsOfPoints();
  const placed = (each) => ({ ...each, start: units[each.start], end: units[each.end] });
  return found.facts
    .map((fact) => ({
      subject: fact.subject.entity,
      object: fact.object.entity,
      relation: fact.relation_name,
      id: fact.relation,
      margin: fact.margin,
      probability: fact.probability,
      together: fact.sentences.length,
      words: fact.context?.words.map(placed) ?? [],
      sentences: fact.context?.sentences.map(placed) ?? [],
    }))
    .sort((one, other) => other.margin - one.margin)
    .map((fact, index) => ({ ...fact, index }));
}

function showAnswer() {
  byId("problem").hidden = true;
  const { facts, chosen } = state;
  byId("facts-title").textContent = facts === null ? "Facts" : facts.length ? `Facts: ${facts.length}` : "The model finds no fact";
  const page = { entities: state.entities.map((entity) => ({ name: nameOf(entity), type: entity.type })) };
  const unread = facts && state.unread ? [element("li", { class: "hint" }, `${state.unread} ${state.unread === 1 ? "mention is" : "mentions are"} beyond what the model reads.`)] : [];
  byId("facts").replaceChildren(...unread, ...(facts ?? []).map((fact) => factItem(page, fact, fact === chosen)));
  showGraph(page, facts ?? [], chosen);
}

function factItem(page, fact, isChosen) {
  const link = element("a", { href: isChosen ? "#" : linkOf(fact), class: "fact right", "aria-current": isChosen ? "true" : false },
    element("span", { class: "statement" },
      named(page.entities[fact.subject].name), element("span", { class: "relation" }, ` ${fact.relation} → `), named(page.entities[fact.object].name)),
    element("span", { class: "margin", title: "margin" }, number(fact.margin)));
  return element("li", {}, link, ...(isChosen ? [details(fact)] : []));
}

function details(fact) {
  const read = fact.sentences.map(({ start, end, weight }) =>
    element("li", {}, `${(100 * weight).toFixed(0)} %: `, named(state.text.slice(start, end))));
  const rows = [
    ["Relation", fact.id === fact.relation ? fact.id : `${fact.relation} (${fact.id})`],
    ["Margin", number(fact.margin)],
    ...(fact.probability === null ? [] : [["Probability", `${(100 * fact.probability).toFixed(0)} %`]]),
    ["Sentences", fact.together ? "mentions within one sentence" : "mentions across sentences"],
  ];
  return element("div", { class: "details" },
    element("dl", {}, ...rows.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, named(text))])),
    ...(read.length ? [element("h3", {}, "Sentences that weigh most"), element("ul", {}, ...read)] : []));
}
