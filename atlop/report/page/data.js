// The page's data, and values derived from it. The text of a document is parsed when it is first looked at.

const DATA = JSON.parse(byId("data").textContent);
const HAS_MODEL = DATA.has_model;
const IS_COMPARED = DATA.results.length > 1;

const OUTCOMES = {
  right: { sign: "✓", group: "right", label: "right" },
  missed: { sign: "○", group: "missed", label: "missed" },
  reversed: { sign: "✗", group: "wrong", label: "wrong: reversed" },
  confused: { sign: "✗", group: "wrong", label: "wrong: other relation" },
  unrelated: { sign: "✗", group: "wrong", label: "wrong: no relation" },
  absent: { sign: "·", group: "absent", label: "only in the other result" },
};

/** Ways in which two results differ in a fact. */
const DIFFERENCES = {
  gained: { label: "right here, missed there", holds: (fact) => fact.outcome === "right" && fact.other === "missed" },
  lost: { label: "missed here, right there", holds: (fact) => fact.outcome === "missed" && fact.other === "right" },
  "wrong-here": { label: "wrong here only", holds: (fact) => isWrong(fact.outcome) && fact.other === null },
  "wrong-there": { label: "wrong there only", holds: (fact) => fact.outcome === null && isWrong(fact.other) },
};

const isWrong = (outcome) => outcome !== null && OUTCOMES[outcome].group === "wrong";
const factOutcome = (fact) => OUTCOMES[fact.outcome ?? "absent"];
const relationName = (index) => DATA.relations[index].name || DATA.relations[index].id;

/** Name of a relation, with its id if it differs. */
function relationLabel(index) {
  const { id, name } = DATA.relations[index];
  return name && name !== id ? `${name} (${id})` : id;
}

/** Link to a fact within the page. */
const factLink = (fact) =>
  `#fact/${fact.document}/${fact.subject}/${fact.object}/${encodeURIComponent(DATA.relations[fact.relation].id.toWellFormed())}`;

for (const [index, doc] of DATA.documents.entries()) {
  doc.index = index;
  for (const fact of doc.facts) fact.document = index;
}

/** Return a document with its sentences, entities and scored pairs. */
function opened(doc) {
  if (!doc.sentences) Object.assign(doc, JSON.parse(byId(`text-${doc.index}`).textContent));
  return doc;
}

/** Searchable text of a document in lower case, built on first use. */
function searchable(doc) {
  doc.searchable ??= [doc.title, ...opened(doc).sentences.map((words) => words.join(" ")), ...doc.entities.map((entity) => entity.name)]
    .join("\n")
    .toLowerCase();
  return doc.searchable;
}

const factPair = (fact) =>
  opened(DATA.documents[fact.document]).pairs.find((pair) => pair.subject === fact.subject && pair.object === fact.object);

/** Share of each word in what the model read for a fact's pair, or null; both directions of a pair have the same. */
function wordShares(fact) {
  const pair = opened(DATA.documents[fact.document]).pairs.find(
    ({ subject, object, weights }) =>
      weights !== null &&
      ((subject === fact.subject && object === fact.object) || (subject === fact.object && object === fact.subject)),
  );
  if (!pair) return null;
  const bytes = Uint8Array.from(atob(pair.weights), (character) => character.charCodeAt(0));
  return Array.from(bytes, (byte) => (byte / 255) * pair.heaviest);
}
