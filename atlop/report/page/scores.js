// The views of scores and relations.

const interval = (estimate) => `${percent(estimate.low)} – ${percent(estimate.high)}`;

function showScores() {
  byId("headlines").replaceChildren(...DATA.results.flatMap(headline));
  byId("groups").replaceChildren(...DATA.results.filter(({ detailed }) => detailed).map(breakdownTable));
}

/** The scores of a result, below what is known about it. */
function headline({ name, scores, detailed, about }) {
  const tile = (label, value, note) =>
    element("div", { class: "tile" }, element("dt", {}, label), element("dd", {}, value, element("small", {}, note)));
  const { all, evidence } = detailed ?? {};
  const note = (measure) => (detailed ? interval(measure) : "no gold fact");
  const tiles = [
    tile("F1", percent(scores.f1), note(all?.f1)),
    ...(scores.seen !== null ? [tile("Ign F1", percent(scores.ign_f1), note(all?.ign_f1))] : []),
    tile("Precision", percent(scores.precision), note(all?.precision)),
    tile("Recall", percent(scores.recall), note(all?.recall)),
    tile("Facts", formatCount(scores.correct), `right of ${formatCount(scores.submitted)} found and ${formatCount(scores.gold)} gold`),
    ...(scores.evidence_submitted ? [tile("Evidence F1", percent(detailed ? scores.evidence_f1 : null), note(evidence?.official.f1))] : []),
  ];

  return [
    element("h2", {}, bidiText(name)),
    element("dl", { class: "about" }, ...Object.entries(about).map(([term, text]) => element("div", {}, element("dt", {}, term), element("dd", {}, bidiText(text))))),
    element("dl", { class: "tiles" }, ...tiles),
    element("p", { class: "hint" }, "In percent, with 95 % intervals from 10,000 bootstrap samples of the documents."),
  ];
}

const KINDS = {
  sentences: (label) => ({ within: "mentions within one sentence", across: "mentions across sentences" })[label],
  mentions: (label) => `${label} mentions of both entities`,
  distance: (label) => `${label} words between the closest mentions`,
  evidence: (label) => ({ official: "evidence sentences", annotated: "evidence sentences, without facts that have none annotated" })[label],
  macro: (label) => (label === "all" ? "mean over relations" : `mean over relations with train facts ${label}`),
};

function groupRows(kinds) {
  return Object.entries(KINDS).flatMap(([kind, describe]) =>
    Object.entries(kinds[kind] ?? {}).map(([label, group]) => ({ label: describe(label), ...group })));
}

/** Scores of groups of facts. A mean over relations has no counts. */
function breakdownTable({ name, detailed }) {
  const count = (value) => (value === undefined ? "–" : formatCount(value));
  return table(`Groups of facts: ${name}`, [
    { title: "Group", value: (row) => row.label, words: true },
    { title: "F1", value: (row) => percent(row.f1.value) },
    { title: "95 % interval", value: (row) => interval(row.f1) },
    { title: "Precision", value: (row) => percent(row.precision.value) },
    { title: "Recall", value: (row) => percent(row.recall.value) },
    { title: "Right", value: (row) => count(row.correct) },
    { title: "Found", value: (row) => count(row.submitted) },
    { title: "Gold", value: (row) => count(row.gold) },
  ], groupRows(detailed));
}

/** Facts of each relation by outcome and by difference between two results. */
function relationCounts() {
  const counts = DATA.relations.map(() => ({}));
  for (const fact of DATA.documents.flatMap((doc) => doc.facts)) {
    const differences = Object.keys(DIFFERENCES).filter((name) => DIFFERENCES[name].holds(fact));
    const kinds = fact.outcome ? [fact.outcome, ...differences] : differences;
    for (const kind of kinds) counts[fact.relation][kind] = (counts[fact.relation][kind] ?? 0) + 1;
  }
  return counts;
}

/** Column of relations, each a link to the documents with its facts. */
function relationColumn() {
  const choose = (row) => () => filterBy({ relation: String(row.index) });
  return {
    title: "Relation",
    words: true,
    value: (row) => relationLabel(row.index),
    show: (row) => element("a", { href: "#documents", click: choose(row) }, bidiText(relationLabel(row.index))),
  };
}

/** Column of counts of the facts with an outcome or a difference, each a link to them. */
function countColumn(title, name, filter) {
  return {
    title,
    value: (row) => row.counts[name] ?? 0,
    show: (row) => row.counts[name]
      ? element("a", {
        href: "#documents",
        "aria-label": `${title}: ${formatCount(row.counts[name])}, ${relationLabel(row.index)}`,
        click: () => filterBy({ relation: String(row.index), [filter]: name }),
      }, formatCount(row.counts[name]))
      : "0",
  };
}

function showRelations() {
  const groups = DATA.results[0].detailed?.relations ?? {};
  const counts = relationCounts();
  const rows = DATA.relations
    .map(({ id }, index) => ({ index, counts: counts[index], ...groups[id] }))
    .filter((row) => row.f1);
  const hasTrain = rows.some((row) => row.train !== null);
  byId("view-relations").replaceChildren(table("Relations (click a heading to sort, a number to see its facts)", [
    relationColumn(),
    { title: "F1", value: (row) => row.f1.value, show: (row) => percent(row.f1.value) },
    { title: "95 % interval", value: (row) => row.f1.low, show: (row) => interval(row.f1) },
    { title: "Precision", value: (row) => row.precision.value, show: (row) => percent(row.precision.value) },
    { title: "Recall", value: (row) => row.recall.value, show: (row) => percent(row.recall.value) },
    { title: "Support", value: (row) => row.gold, show: (row) => formatCount(row.gold) },
    ...(hasTrain ? [{ title: "Train", value: (row) => row.train, show: (row) => formatCount(row.train ?? 0) }] : []),
    countColumn("Right", "right", "outcome"),
    countColumn("Missed", "missed", "outcome"),
    { title: "Wrong", value: (row) => row.submitted - row.correct, show: (row) => formatCount(row.submitted - row.correct) },
    countColumn("Reversed", "reversed", "outcome"),
    countColumn("Other relation", "confused", "outcome"),
    countColumn("No relation", "unrelated", "outcome"),
  ], rows, { sortable: true, sortedBy: "Support" }));
}

