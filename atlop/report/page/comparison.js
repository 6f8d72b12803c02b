// The view of the comparison of two results.

/** Columns for the paired comparison of one measure. */
function differenceColumns(measure) {
  return [
    { title: "Here", value: (row) => measure(row).second, show: (row) => percent(measure(row).second) },
    { title: "There", value: (row) => measure(row).first, show: (row) => percent(measure(row).first) },
    { title: "Difference", value: (row) => measure(row).difference, show: (row) => signedPercent(measure(row).difference) },
    { title: "95 % interval", value: (row) => measure(row).low, show: (row) => `${signedPercent(measure(row).low)} … ${signedPercent(measure(row).high)}` },
    { title: "p", value: (row) => measure(row).p, show: (row) => measure(row).p.toFixed(4) },
  ];
}

function showComparison() {
  if (!DATA.comparison) {
    byId("view-comparison").replaceChildren(element("p", {}, "Nothing to compare: the documents have no gold fact."), documentDifferences());
    return;
  }
  const { all } = DATA.comparison.all;
  const measures = Object.entries({ F1: all.f1, "Ign F1": all.ign_f1, precision: all.precision, recall: all.recall })
    .filter(([, measure]) => measure)
    .map(([label, measure]) => ({ label, measure }));
  const counts = relationCounts();
  const relations = DATA.relations
    .map(({ id }, index) => ({ index, counts: counts[index], ...DATA.comparison.relations?.[id] }))
    .filter((row) => row.f1);
  const [here, there] = DATA.results;
  byId("view-comparison").replaceChildren(
    element("p", {}, "Here: ", bidiText(here.name), ". There: ", bidiText(there.name), ". Differences are here minus there, with intervals from a paired bootstrap over documents and p from approximate randomisation, not corrected for multiple comparisons."),
    table("All facts", [{ title: "Measure", value: (row) => row.label, words: true }, ...differenceColumns((row) => row.measure)], measures),
    table("F1 of groups of facts", [{ title: "Group", value: (row) => row.label, words: true }, ...differenceColumns((row) => row.f1)], groupRows(DATA.comparison)),
    table("Relations", [
      relationColumn(),
      ...differenceColumns((row) => row.f1),
      ...Object.keys(DIFFERENCES).map((name) => countColumn(DIFFERENCES[name].label, name, "difference")),
    ], relations, { sortable: true, sortedBy: "Difference" }),
    documentDifferences(),
  );
}

function documentDifferences() {
  const rows = DATA.documents.map((doc) => {
    const count = (name) => doc.facts.filter(DIFFERENCES[name].holds).length;
    return { doc, ...Object.fromEntries(Object.keys(DIFFERENCES).map((name) => [name, count(name)])) };
  });
  return table("Documents", [
    {
      title: "Document",
      words: true,
      value: (row) => row.doc.title,
      show: (row) => element("a", { href: `#document/${row.doc.index}`, click: () => filterBy({}) }, bidiText(row.doc.title)),
    },
    { title: "Balance", value: (row) => row.gained - row.lost, show: (row) => formatNumber(row.gained - row.lost, 0) },
    ...Object.entries(DIFFERENCES).map(([name, { label }]) => ({ title: label, value: (row) => row[name] })),
  ], rows, { sortable: true, sortedBy: "Balance" });
}
