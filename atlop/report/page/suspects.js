// The view of suspect labels: gold facts that the model denies most firmly, and facts without a label that it asserts.

const SUSPECTS = 100; // of each kind, at most

function showSuspects() {
  const facts = DATA.documents.flatMap((doc) => doc.facts).filter((fact) => fact.margin !== null);
  const denied = facts.filter(({ outcome }) => outcome === "missed").sort((a, b) => a.margin - b.margin);
  const asserted = facts.filter(({ outcome }) => isWrong(outcome)).sort((a, b) => b.margin - a.margin);
  byId("view-suspects").replaceChildren(
    element("p", {}, "Where labels and model disagree most. A gold fact far below the threshold may be a wrong label, or one that the text does not say; a found fact far above it that is not gold may be a missing label."),
    suspectTable("Gold facts that the model denies", denied, []),
    suspectTable("Facts without a label that the model asserts", asserted, [
      { title: "Outcome", words: true, value: ({ fact }) => factOutcome(fact).label },
    ]),
  );
}

function suspectTable(caption, facts, furtherColumns) {
  const shown = facts.slice(0, SUSPECTS).map((fact) => ({ fact, doc: opened(DATA.documents[fact.document]) }));
  const statement = ({ fact, doc }) => `${doc.entities[fact.subject].name} – ${relationName(fact.relation)} → ${doc.entities[fact.object].name}`;
  const count = `${formatCount(shown.length)} of ${formatCount(facts.length)}`;
  return table(`${caption}: ${count}`, [
    { title: "Fact", words: true, value: statement, show: (row) => element("a", { href: factLink(row.fact) }, bidiText(statement(row))) },
    { title: "Margin", value: ({ fact }) => fact.margin, show: ({ fact }) => formatNumber(fact.margin) },
    ...furtherColumns,
    { title: "Document", words: true, value: ({ doc }) => doc.title, show: ({ doc }) => bidiText(doc.title) },
  ], shown, { sortable: true });
}
