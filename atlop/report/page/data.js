// What the page shows, with what follows from it.

const DATA = JSON.parse(byId("data").textContent);
const HAS_MODEL = DATA.documents.some((each) => each.pairs.length > 0);
const IS_COMPARED = DATA.results.length > 1;

const OUTCOMES = {
  right: { sign: "✓", group: "right", label: "right" },
  missed: { sign: "○", group: "missed", label: "missed" },
  reversed: { sign: "✗", group: "wrong", label: "wrong: reversed" },
  confused: { sign: "✗", group: "wrong", label: "wrong: other relation" },
  unrelated: { sign: "✗", group: "wrong", label: "wrong: no relation" },
  absent: { sign: "·", group: "absent", label: "only in the other result" },
};

/** How two results may differ in a fact, and which facts do. */
const DIFFERENCES = {
  gained: { label: "right here, missed there", holds: (fact) => fact.outcome === "right" && fact.other === "missed" },
  lost: { label: "missed here, right there", holds: (fact) => fact.outcome === "missed" && fact.other === "right" },
  "wrong-here": { label: "wrong here only", holds: (fact) => isWrong(fact.outcome) && fact.other === null },
  "wrong-there": { label: "wrong there only", holds: (fact) => fact.outcome === null && isWrong(fact.other) },
};

const isWrong = (outcome) => outcome !== null && OUTCOMES[outcome].group === "wrong";
const outcomeOf = (fact) => OUTCOMES[fact.outcome ?? "absent"];
const relationName = (index) => DATA.relations[index].name || DATA.relations[index].id;

/** A relation as people read it: its name, and its id where that is another. */
function relationLabel(index) {
  const { id, name } = DATA.relations[index];
  return name && name !== id ? `${name} (${id})` : id;
}

/** Address of a fact within the page. */
const linkOf = (fact) =>
  `#fact/${fact.document}/${fact.subject}/${fact.object}/${encodeURIComponent(DATA.relations[fact.relation].id.toWellFormed())}`;

for (const [index, each] of DATA.documents.entries()) {
  each.index = index;
  for (const fact of each.facts) fact.document = index;
  each.facts.sort((one, other) => one.subject - other.subject || one.object - other.object);
}

/** All that a search may find in a document, in lower case; made when it is first asked for. */
function searchable(page) {
  page.searchable ??= [page.title, ...page.sentences.map((words) => words.join(" ")), ...page.entities.map((each) => each.name)]
    .join("\n")
    .toLowerCase();
  return page.searchable;
}

const pairOf = (fact) =>
  DATA.documents[fact.document].pairs.find((pair) => pair.subject === fact.subject && pair.object === fact.object);

/** Share of each word in what the pair of a fact reads, from 0 to 1, or null; the same in both directions. */
function wordWeights(fact) {
  const pair = DATA.documents[fact.document].pairs.find(
    ({ subject, object, weights }) =>
      weights !== null &&
      ((subject === fact.subject && object === fact.object) || (subject === fact.object && object === fact.subject)),
  );
  if (!pair) return null;
  const bytes = Uint8Array.from(atob(pair.weights), (character) => character.charCodeAt(0));
  return { relative: Array.from(bytes, (byte) => byte / 255), heaviest: pair.heaviest };
}
