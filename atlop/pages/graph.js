// The facts of a document as a graph: entities on two arcs, so that names do not overlap, and an arrow per fact.
// The page must define `factOutcome`, `relationName`, `factLink`, `pickEntity` and `NO_FACTS`.

const COLOURS = 8;
const BEND = 16;
const LABEL = 24;
const WIDTH = 700;
const ROW = 26;
const RADIUS = 145; // leaves space for LABEL bold characters on both sides

function showGraph(doc, facts, chosen) {
  const entities = [...new Set(facts.flatMap((fact) => [fact.subject, fact.object]))].sort((a, b) => a - b);
  const right = Math.ceil(entities.length / 2);
  const height = ROW * (Math.max(right, 5) + 1);
  const positions = new Map(entities.map((entity, index) => {
    const [row, rows, side] = index < right ? [index, right, 1] : [entities.length - 1 - index, entities.length - right, -1];
    const down = (2 * (row + 0.5)) / rows - 1; // from −1 to 1
    return [entity, { x: WIDTH / 2 + side * RADIUS * Math.sqrt(1 - down * down), y: (height / 2) * (1 + down * 0.9), side }];
  }));
  const arrowCounts = new Map();
  const arrows = facts.map((fact) => {
    const pair = [fact.subject, fact.object].sort((a, b) => a - b).join("-");
    arrowCounts.set(pair, (arrowCounts.get(pair) ?? 0) + 1);
    return arrow(doc, fact, { from: positions.get(fact.subject), to: positions.get(fact.object), curve: arrowCounts.get(pair), isChosen: fact === chosen });
  });
  const graph = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "group", "aria-label": `Graph of ${facts.length} facts` },
    svgElement("defs", {}, ...["right", "missed", "wrong", "absent"].map(head)),
    ...arrows.sort((a, b) => a.classList.contains("chosen") - b.classList.contains("chosen")),
    ...entities.map((entity) => node(doc, entity, positions.get(entity), chosen)));
  byId("graph").replaceChildren(facts.length ? graph : element("p", { class: "hint" }, NO_FACTS));
}

const head = (group) =>
  svgElement("marker", { id: `head-${group}`, class: group, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" },
    svgElement("path", { d: "M0 0 8 4 0 8Z" }));

function arrow(doc, fact, { from, to, curve, isChosen }) {
  const { group, label } = factOutcome(fact);
  const [across, down] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(across, down) || 1;
  const bend = fact.subject === fact.object ? 60 : BEND * curve;
  const middle = { x: (from.x + to.x) / 2 - (down / length) * bend, y: (from.y + to.y) / 2 + (across / length) * bend };
  const distance = Math.hypot(to.x - middle.x, to.y - middle.y) || 1;
  const end = { x: to.x - (9 * (to.x - middle.x)) / distance, y: to.y - (9 * (to.y - middle.y)) / distance };
  const path = `M${from.x.toFixed(1)} ${from.y.toFixed(1)}Q${middle.x.toFixed(1)} ${middle.y.toFixed(1)} ${end.x.toFixed(1)} ${end.y.toFixed(1)}`;
  const text = `${label}: ${doc.entities[fact.subject].name} – ${relationName(fact.relation)} → ${doc.entities[fact.object].name}`;
  return svgElement("a", { href: factLink(fact), class: `arrow ${group}${isChosen ? " chosen" : ""}`, "aria-label": text },
    svgElement("title", {}, text),
    svgElement("path", { class: "hit-area", d: path }),
    svgElement("path", { class: "line", d: path, "marker-end": `url(#head-${group})` }));
}

function node(doc, entity, { x, y, side }, chosen) {
  const isInFact = chosen && (entity === chosen.subject || entity === chosen.object);
  return svgElement("g", { class: `node colour-${entity % COLOURS}${isInFact ? " in-fact" : ""}`, click: () => pickEntity(entity) },
    svgElement("title", {}, entityTitle(doc, entity)),
    svgElement("circle", { cx: x, cy: y, r: 7 }),
    svgElement("text", { x: x + 12 * side, y: y + 4, "text-anchor": side > 0 ? "start" : "end" }, `${entity + 1} ${truncated(doc.entities[entity].name, LABEL)}`));
}

const entityTitle = (doc, entity) => `${entity + 1}: ${doc.entities[entity].name} (${doc.entities[entity].type || "no type"})`;
