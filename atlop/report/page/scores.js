// Scores, relations, and two results beside each other.

const interval = (estimate) => `${percent(estimate.low)} – ${percent(estimate.high)}`;

function showScores() {
  byId("headlines").replaceChildren(...DATA.results.flatMap(headline));
  byId("groups").replaceChildren(...DATA.results.map(breakdownTable));
}

function headline({ name, scores, detailed }) {
  const tile = (label, value, note) =>
    element("div", { class: "tile" }, element("dt", {}, label), element("dd", {}, value, element("small", {}, note)));
  const { all } = detailed;
  const tiles = [
    tile("F1", percent(scores.f1), interval(all.f1)),
    ...(all.ign_f1 ? [tile("Ign F1", percent(scores.ign_f1), interval(all.ign_f1))] : []),
    tile("Precision", percent(scores.precision), interval(all.precision)),
    tile("Recall", percent(scores.recall), interval(all.recall)),
    tile("Facts", counted(scores.correct), `right, of ${counted(scores.submitted)} found and ${counted(scores.gold)} gold`),
    ...(scores.evidence_submitted ? [tile("Evidence F1", percent(scores.evidence_f1), "")] : []),
  ];
  const where = `${counted(DATA.file.documents)} documents; intervals hold 95 % of 10,000 bootstrap samples of them`;
  return [element("h2", {}, named(name)), element("p", { class: "hint" }, where), element("dl", { class: "tiles" }, ...tiles)];
}

const KINDS = {
  sentences: (label) => ({ within: "mentions within one sentence", across: "mentions across sentences" })[label],
  mentions: (label) => `${label} mentions of both entities`,
  distance: (label) => `${label} words between the closest mentions`,
  macro: (label) => (label === "all" ? "mean over relations" : `mean over relations with train facts ${label}`),
};

function groupsOf(kinds) {
  return Object.entries(KINDS).flatMap(([kind, say]) =>
    Object.entries(kinds[kind] ?? {}).map(([label, group]) => ({ label: say(label), ...group })));
}

function breakdownTable({ name, detailed }) {
  return table(`Groups of facts: ${name}`, [
    { title: "Group", value: (row) => row.label, words: true },
    { title: "F1", value: (row) => percent(row.f1.value) },
    { title: "95 % interval", value: (row) => interval(row.f1) },
    { title: "Precision", value: (row) => percent(row.precision.value) },
    { title: "Recall", value: (row) => percent(row.recall.value) },
    { title: "Right", value: (row) => (row.correct === undefined ? "" : counted(row.correct)) },
    { title: "Found", value: (row) => (row.submitted === undefined ? "" : counted(row.submitted)) },
    { title: "Gold", value: (row) => (row.gold === undefined ? "" : counted(row.gold)) },
  ], groupsOf(detailed));
}

/** How many facts of each relation have each outcome, and how many differ between two results in each way. */
function countsOfRelations() {
  const counts = DATA.relations.map(() => ({}));
  for (const fact of DATA.documents.flatMap((each) => each.facts)) {
    const of = counts[fact.relation];
    if (fact.outcome) of[fact.outcome] = (of[fact.outcome] ?? 0) + 1;
    for (const [name, { holds }] of Object.entries(DIFFERENCES)) if (holds(fact)) of[name] = (of[name] ?? 0) + 1;
  }
  return counts;
}

/** Relation of a row, as a link to the documents that have its facts. */
function relationColumn() {
  const choose = (row) => () => chooseOnly({ relation: String(row.index) });
  return {
    title: "Relation",
    words: true,
    value: (row) => relationLabel(row.index),
    show: (row) => element("a", { href: "#documents", click: choose(row) }, named(relationLabel(row.index))),
  };
}

/** A column of counts of the facts with an outcome, or a difference; each leads to them. */
function countColumn(title, name, filter) {
  return {
    title,
    value: (row) => row.counts[name] ?? 0,
    show: (row) => row.counts[name]
      ? element("a", {
        href: "#documents",
        "aria-label": `${title}: ${row.counts[name]}, ${relationLabel(row.index)}`,
        click: () => chooseOnly({ relation: String(row.index), [filter]: name }),
      }, counted(row.counts[name]))
      : "0",
  };
}

function showRelations() {
  const groups = DATA.results[0].detailed.relations;
  const counts = countsOfRelations();
  const rows = DATA.relations
    .map(({ id }, index) => ({ index, counts: counts[index], ...groups[id] }))
    .filter((row) => row.f1);
  const hasTrain = rows.some((row) => row.train !== null);
  byId("view-relations").replaceChildren(table("Relations; a heading sorts, a number leads to its facts", [
    relationColumn(),
    { title: "F1", value: (row) => row.f1.value, show: (row) => percent(row.f1.value) },
    { title: "95 % interval", value: (row) => row.f1.low, show: (row) => interval(row.f1) },
    { title: "Precision", value: (row) => row.precision.value, show: (row) => percent(row.precision.value) },
    { title: "Recall", value: (row) => row.recall.value, show: (row) => percent(row.recall.value) },
    { title: "Support", value: (row) => row.gold, show: (row) => counted(row.gold) },
    ...(hasTrain ? [{ title: "Train", value: (row) => row.train, show: (row) => counted(row.train ?? 0) }] : []),
    countColumn("Right", "right", "outcome"),
    countColumn("Missed", "missed", "outcome"),
    { title: "Wrong", value: (row) => row.submitted - row.correct, show: (row) => counted(row.submitted - row.correct) },
    countColumn("Reversed", "reversed", "outcome"),
    countColumn("Other relation", "confused", "outcome"),
    countColumn("No relation", "unrelated", "outcome"),
  ], rows, { sortable: true, sortedBy: "Support" }));
}

/** Columns of the paired comparison of one measure. */
function differenceColumns(measure) {
  return [
    { title: "Here", value: (row) => measure(row).second, show: (row) => percent(measure(row).second) },
    { title: "There", value: (row) => measure(row).first, show: (row) => percent(measure(row).first) },
    { title: "Difference", value: (row) => measure(row).difference, show: (row) => signed(measure(row).difference) },
    { title: "95 % interval", value: (row) => measure(row).low, show: (row) => `${signed(measure(row).low)} … ${signed(measure(row).high)}` },
    { title: "p", value: (row) => measure(row).p, show: (row) => measure(row).p.toFixed(4) },
  ];
}

function showComparison() {
  const { all } = DATA.comparison.all;
  const measures = Object.entries({ F1: all.f1, "Ign F1": all.ign_f1, precision: all.precision, recall: all.recall })
    .filter(([, measure]) => measure)
    .map(([label, measure]) => ({ label, measure }));
  const counts = countsOfRelations();
  const relations = DATA.relations
    .map(({ id }, index) => ({ index, counts: counts[index], ...DATA.comparison.relations?.[id] }))
    .filter((row) => row.f1);
  const [here, there] = DATA.results;
  byId("view-comparison").replaceChildren(
    element("p", {}, "Here is ", named(here.name), "; there is ", named(there.name), ". Differences are here minus there; intervals are of a paired bootstrap over documents, p of approximate randomisation, not corrected for the number of rows."),
    table("All facts", [{ title: "Measure", value: (row) => row.label, words: true }, ...differenceColumns((row) => row.measure)], measures),
    table("F1 of groups of facts", [{ title: "Group", value: (row) => row.label, words: true }, ...differenceColumns((row) => row.f1)], groupsOf(DATA.comparison)),
    table("Relations", [
      relationColumn(),
      ...differenceColumns((row) => row.f1),
      ...Object.keys(DIFFERENCES).map((name) => countColumn(DIFFERENCES[name].label, name, "difference")),
    ], relations, { sortable: true, sortedBy: "Difference" }),
    documentDifferences(),
  );
}

function documentDifferences() {
  const rows = DATA.documents.map((page) => {
    const count = (name) => page.facts.filter(DIFFERENCES[name].holds).length;
    return { page, ...Object.fromEntries(Object.keys(DIFFERENCES).map((name) => [name, count(name)])) };
  });
  return table("Documents", [
    {
      title: "Document",
      words: true,
      value: (row) => row.page.title,
      show: (row) => element("a", { href: `#document/${row.page.index}`, click: () => chooseOnly({}) }, named(row.page.title)),
    },
    { title: "Balance", value: (row) => row.gained - row.lost, show: (row) => number(row.gained - row.lost, 0) },
    ...Object.entries(DIFFERENCES).map(([name, { label }]) => ({ title: label, value: (row) => row[name] })),
  ], rows, { sortable: true, sortedBy: "Balance" });
}
