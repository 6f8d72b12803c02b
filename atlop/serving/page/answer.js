// The service's response: facts as a list and as a graph, with details of the chosen one.

const NO_FACTS = "";
const FOUND = { group: "right", label: "found" };
const factOutcome = () => FOUND;
const relationName = (relation) => relation;
const factLink = (fact) => `#fact/${fact.index}`;
let running = null;

/** Request the facts of the current text; a change of the text aborts the request. */
async function findFacts() {
  clearFacts();
  running = new AbortController();
  const { signal } = running;
  byId("answer").setAttribute("aria-busy", "true");
  byId("facts-title").textContent = "Facts: extracting …";
  try {
    const response = await fetch("extract?explain=true", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(requestBody()),
      signal,
    });
    const result = await response.json().catch(() => ({ error: `The service failed (${response.status}).` }));
    if (result.error) throw new Error(result.error);
    if (!state.entities.length) takeEntities(result);
    state.facts = parseFacts(result);
    state.unread = result.unread_mentions;
    show();
    byId("facts-title").scrollIntoView({ block: "nearest" });
  } catch (error) {
    showAnswer();
    if (!signal.aborted) showProblem(error instanceof TypeError ? "The service does not respond. Is it still running?" : error.message);
  } finally {
    if (running.signal === signal) byId("answer").removeAttribute("aria-busy");
  }
}

function showProblem(message) {
  byId("problem").textContent = message;
  byId("problem").hidden = false;
  byId("problem").scrollIntoView({ block: "nearest" });
}

/** Mark the entities that the service has found and that have a fact, and number the facts' entities by them. */
function takeEntities({ facts }) {
  const units = codePointOffsets();
  const found = new Map(facts.flatMap(({ subject, object }) => [subject, object]).map((entity) => [entity.entity, entity]));
  const numbers = [...found.keys()].sort((a, b) => a - b);
  state.entities = numbers.map((number) => ({
    type: found.get(number).type,
    mentions: found.get(number).mentions.map(([start, end]) => ({ start: units[start], end: units[end] })),
  }));
  for (const { subject, object } of facts) for (const entity of [subject, object]) entity.entity = numbers.indexOf(entity.entity);
}

/** Convert the facts of a response: highest margin first, offsets in UTF-16 units. */
function parseFacts(result) {
  const units = codePointOffsets();
  const toUnits = (span) => ({ ...span, start: units[span.start], end: units[span.end] });
  return result.facts
    .map((fact) => ({
      subject: fact.subject.entity,
      object: fact.object.entity,
      relation: fact.relation_name,
      id: fact.relation,
      margin: fact.margin,
      probability: fact.probability,
      words: fact.context?.words.map(toUnits) ?? [],
      evidence: fact.evidence.map(toUnits),
    }))
    .sort((a, b) => b.margin - a.margin)
    .map((fact, index) => ({ ...fact, index }));
}

function showAnswer() {
  byId("problem").hidden = true;
  const { facts, chosen } = state;
  byId("facts-title").textContent = facts === null ? "Facts" : facts.length ? `Facts: ${facts.length}` : "The model finds no facts";
  const doc = { entities: state.entities.map((entity) => ({ name: entityName(entity), type: entity.type })) };
  const unread = facts && state.unread ? [element("li", { class: "hint" }, `${state.unread} ${state.unread === 1 ? "mention is" : "mentions are"} beyond the maximum length of the model's input.`)] : [];
  byId("facts").replaceChildren(...unread, ...(facts ?? []).map((fact) => factItem(doc, fact, fact === chosen)));
  showGraph(doc, facts ?? [], chosen);
}

function factItem(doc, fact, isChosen) {
  const link = element("a", { href: isChosen ? "#" : factLink(fact), class: "fact right", "aria-current": isChosen ? "true" : false },
    element("span", { class: "statement" },
      bidiText(doc.entities[fact.subject].name), element("span", { class: "relation" }, ` ${fact.relation} → `), bidiText(doc.entities[fact.object].name)),
    element("span", { class: "margin", title: "margin" }, formatNumber(fact.margin)));
  return element("li", {}, link, ...(isChosen ? [details(fact)] : []));
}

function details(fact) {
  const evidence = fact.evidence.map(({ start, end, share }) =>
    element("li", {}, `${(100 * share).toFixed(0)} %: `, bidiText(state.text.slice(start, end))));
  const rows = [
    ["Relation", fact.id === fact.relation ? fact.id : `${fact.relation} (${fact.id})`],
    ["Margin", formatNumber(fact.margin)],
    ...(fact.probability === null ? [] : [["Probability", `${(100 * fact.probability).toFixed(0)} %`]]),
  ];
  return element("div", { class: "details" },
    element("dl", {}, ...rows.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, bidiText(text))])),
    ...(evidence.length ? [element("h3", {}, "Evidence"), element("ul", {}, ...evidence)] : []));
}
