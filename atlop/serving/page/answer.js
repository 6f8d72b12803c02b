// The service's response: facts as a list and as a graph.

const NO_FACTS = "";
const FOUND = { group: "right", label: "found" };
const MISSED = { group: "absent", label: "not found" };
const factOutcome = (fact) => (fact.isNearMiss ? MISSED : FOUND);
const relationName = (relation) => relation;
const factLink = (fact) => `#fact=${fact.index}`;
const CLOSED = "#closed"; // an address without a fact that, unlike "#", does not scroll to the top
let running = null;

/** Ask the service; a change of the text aborts the request. Returns null if it was aborted or failed, which is said. */
async function ask(path, body) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  byId("answer").setAttribute("aria-busy", "true");
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    const result = await response.json().catch(() => ({ error: `The service failed (${response.status}).` }));
    if (result.error) throw new Error(result.error);
    return result;
  } catch (error) {
    showAnswer();
    if (!signal.aborted) showProblem(error instanceof TypeError ? "The service does not respond. Is it still running?" : error.message);
    return null;
  } finally {
    if (running.signal === signal) byId("answer").removeAttribute("aria-busy");
  }
}

/** Mark the names that the service's recogniser finds in a text without marks. */
async function markNames() {
  const found = await ask("entities", { text: state.text });
  if (found?.entities.length) load({ text: state.text, entities: found.entities });
  else if (found) showProblem("The service finds no names in this text. Mark them yourself.");
}

/** Request the facts of the current text, and choose one of them if its index is given. */
async function findFacts(chosen) {
  clearFacts();
  if (!state.entities.length) await markNames();
  if (!state.entities.length) return;
  byId("facts-title").textContent = "3. Facts: extracting …";
  const answer = await ask("extract?explain=true", requestBody());
  if (!answer) return;
  const facts = parseFacts(answer);
  Object.assign(state, { answer, facts, chosen: facts[chosen] ?? null });
  history.replaceState(null, "", addressOf(state.chosen));
  show();
  byId("facts-title").scrollIntoView({ block: "nearest" });
}

function showProblem(message) {
  byId("problem").textContent = message;
  byId("problem").hidden = false;
  byId("problem").scrollIntoView({ block: "nearest" });
}

/** Convert the facts of a response, or its near misses: highest margin first, offsets in UTF-16 units. */
function parseFacts({ facts, near_misses: nearMisses = [] }) {
  const units = codePointOffsets(state.text);
  const toUnits = (span) => ({ ...span, start: units[span.start], end: units[span.end] });
  const toWord = ({ weight, ...span }) => ({ ...toUnits(span), share: weight });
  const shown = facts.length ? [...facts].sort((a, b) => b.margin - a.margin) : nearMisses; // these come in order
  return shown
    .map((fact) => ({
      subject: fact.subject.entity,
      object: fact.object.entity,
      relation: fact.relation_name,
      id: fact.relation,
      margin: fact.margin,
      probability: fact.probability,
      words: fact.context?.words.map(toWord) ?? [],
      evidence: fact.evidence.map(toUnits),
      isNearMiss: facts.length === 0,
    }))
    .map((fact, index) => ({ ...fact, index }));
}

function showAnswer() {
  byId("problem").hidden = true;
  const { facts, chosen, answer } = state;
  const found = answer?.facts.length;
  byId("facts-title").textContent = facts === null ? "3. Facts" : found ? `3. Facts: ${found}` : "3. The model finds no facts";
  byId("facts-hint").textContent = facts === null ? "Press “Find facts” to ask the model."
    : !found && facts.length ? "No relation is above its threshold. These come closest:"
    : "";
  const doc = { entities: state.entities.map((entity) => ({ name: entityName(entity), type: entity.type })) };
  const unread = answer?.unread_mentions
    ? [element("li", { class: "hint" }, `${answer.unread_mentions} ${answer.unread_mentions === 1 ? "mention is" : "mentions are"} beyond the maximum length of the model's input.`)]
    : [];
  byId("facts").replaceChildren(...unread, ...(facts ?? []).map((fact) => factItem(doc, fact, fact === chosen)));
  showGraph(doc, facts ?? [], chosen);
}

function factItem(doc, fact, isChosen) {
  const { group } = factOutcome(fact);
  const link = element("a", { href: isChosen ? CLOSED : factLink(fact), class: `fact ${group}`, "aria-current": isChosen ? "true" : false },
    element("span", { class: "statement" },
      bidiText(doc.entities[fact.subject].name), element("span", { class: "relation" }, ` ${fact.relation} → `), bidiText(doc.entities[fact.object].name)),
    element("span", { class: "margin", title: "margin" }, formatNumber(fact.margin)));
  return element("li", {}, link, ...(isChosen ? [details(fact)] : []));
}

function details(fact) {
  const evidence = fact.evidence.map(({ start, end, share }) =>
    element("li", {}, `${(100 * share).toFixed(0)} %: `, bidiText(state.text.slice(start, end))));
  const words = fact.words.map(({ word, share }) => element("li", {}, bidiText(word), ` ${percent(share)} %`));
  const rows = [
    ["Relation", fact.id === fact.relation ? fact.id : `${fact.relation} (${fact.id})`],
    ["Margin", formatNumber(fact.margin)],
    ...(fact.probability === null ? [] : [["Probability", `${(100 * fact.probability).toFixed(0)} %`]]),
  ];
  return element("div", { class: "details" },
    element("dl", {}, ...rows.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, bidiText(text))])),
    ...(evidence.length ? [element("h3", {}, "Evidence: share of a sentence in what the model read"), element("ul", {}, ...evidence)] : []),
    ...(words.length ? [element("h3", {}, "Words that it read most"), element("ul", { class: "read" }, ...words)] : []));
}
