// The facts of a document as a graph: entities on two arcs, so that names do not overlap, and a named arrow per fact.
// The page must define `factOutcome`, `relationName`, `factLink`, `pickEntity` and `NO_FACTS`.

const BEND = 16;
const LABEL = 24;
const WIDTH = 700;
const ROW = 26;
const RADIUS = 145; // leaves space for LABEL bold characters on both sides
const LETTER = 6; // width of a letter
const ALONG = [0.5, 0.4, 0.6, 0.32, 0.68, 0.25, 0.75]; // where on an arrow its name may be, best first

function showGraph(doc, facts, chosen) {
  const entities = [...new Set(facts.flatMap((fact) => [fact.subject, fact.object]))].sort((a, b) => a - b);
  const right = Math.ceil(entities.length / 2);
  const height = ROW * (Math.max(right, 5) + 1);
  const positions = new Map(entities.map((entity, index) => {
    const [row, rows, side] = index < right ? [index, right, 1] : [entities.length - 1 - index, entities.length - right, -1];
    const down = (2 * (row + 0.5)) / rows - 1; // from −1 to 1
    return [entity, { x: WIDTH / 2 + side * RADIUS * Math.sqrt(1 - down * down), y: (height / 2) * (1 + down * 0.9), side }];
  }));
  const occupied = entities.flatMap((entity) => nodeBoxes(positions.get(entity), truncated(doc.entities[entity].name, LABEL)));
  const arrowCounts = new Map();
  const arrows = facts.map((fact) => {
    const pair = [fact.subject, fact.object].sort((a, b) => a - b).join("-");
    arrowCounts.set(pair, (arrowCounts.get(pair) ?? 0) + 1);
    const curve = curveBetween(positions.get(fact.subject), positions.get(fact.object), arrowCounts.get(pair));
    return arrow(doc, fact, { curve, occupied, isChosen: fact === chosen });
  });
  const graph = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "group", "aria-label": `Graph of ${facts.length} facts` },
    svgElement("defs", {}, ...["right", "missed", "wrong", "absent"].map(head)),
    ...arrows.filter((_, index) => facts[index] !== chosen),
    ...entities.map((entity) => node(doc, entity, positions.get(entity), chosen)),
    ...arrows.filter((_, index) => facts[index] === chosen));
  byId("graph").replaceChildren(facts.length ? scrollSideways("Graph of the facts", graph) : element("p", { class: "hint" }, NO_FACTS));
}

const head = (group) =>
  svgElement("marker", { id: `head-${group}`, class: group, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" },
    svgElement("path", { d: "M0 0 8 4 0 8Z" }));

/** The boxes of an entity's circle and name. */
function nodeBoxes({ x, y, side }, name) {
  const width = LETTER * name.length;
  return [{ x, y, width: 20, height: 20 }, { x: x + side * (14 + width / 2), y, width, height: 16 }];
}

/** Start, control point and end of the arrow between two entities; several of a pair bend more and more. */
function curveBetween(from, to, count) {
  const [across, down] = [to.x - from.x, to.y - from.y];
  if (from === to) return [{ x: from.x - 9, y: from.y - 4 }, { x: from.x, y: from.y - 44 - BEND * count }, { x: from.x + 8, y: from.y - 9 }];
  const length = Math.hypot(across, down) || 1;
  const bend = BEND * count;
  const middle = { x: (from.x + to.x) / 2 - (down / length) * bend, y: (from.y + to.y) / 2 + (across / length) * bend };
  const towardsMiddle = ({ x, y }, step) => {
    const distance = Math.hypot(middle.x - x, middle.y - y) || 1;
    return { x: x + (step * (middle.x - x)) / distance, y: y + (step * (middle.y - y)) / distance };
  };
  return [towardsMiddle(from, 9), middle, towardsMiddle(to, 11)]; // outside of the circles
}

function arrow(doc, fact, { curve, occupied, isChosen }) {
  const { group, label } = factOutcome(fact);
  const [from, middle, end] = curve.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`);
  const path = `M${from}Q${middle} ${end}`;
  const text = `${label}: ${doc.entities[fact.subject].name} – ${relationName(fact.relation)} → ${doc.entities[fact.object].name}`;
  return svgElement("a", { href: factLink(fact), class: `arrow ${group}${isChosen ? " chosen" : ""}` },
    svgElement("title", {}, text), // also what screen readers call it
    svgElement("path", { class: "hit-area", d: path }),
    svgElement("path", { class: "line", d: path, "marker-end": `url(#head-${group})` }),
    arrowName(truncated(relationName(fact.relation), LABEL), { curve, occupied }));
}

/** The name of an arrow where it covers no other name; in a crowd it is seen only while its arrow is pointed at or chosen. */
function arrowName(name, { curve: [from, middle, end], occupied }) {
  const boxes = ALONG.map((t) => ({
    x: (1 - t) ** 2 * from.x + 2 * t * (1 - t) * middle.x + t ** 2 * end.x,
    y: (1 - t) ** 2 * from.y + 2 * t * (1 - t) * middle.y + t ** 2 * end.y,
    width: LETTER * name.length,
    height: 13,
  }));
  const isFree = (box) => occupied.every((other) =>
    Math.abs(box.x - other.x) > (box.width + other.width) / 2 || Math.abs(box.y - other.y) > (box.height + other.height) / 2);
  const free = boxes.find(isFree);
  if (free) occupied.push(free);
  const { x, y } = free ?? boxes[0];
  return svgElement("text", { class: free ? "name" : "name crowded", x: x.toFixed(1), y: (y + 4).toFixed(1), "text-anchor": "middle" }, name);
}

function node(doc, entity, { x, y, side }, chosen) {
  const isInFact = chosen && (entity === chosen.subject || entity === chosen.object);
  return svgElement("g", { class: `node ${entityClass(entity)}${isInFact ? " in-fact" : ""}`, click: () => pickEntity(entity) },
    svgElement("title", {}, entityTitle(doc, entity)),
    svgElement("circle", { cx: x, cy: y, r: 9 }),
    svgElement("text", { class: "number", x, y: y + 3.5, "text-anchor": "middle" }, String(entity + 1)),
    svgElement("text", { x: x + 14 * side, y: y + 4, "text-anchor": side > 0 ? "start" : "end" }, truncated(doc.entities[entity].name, LABEL)));
}

const entityTitle = (doc, entity) => `entity ${entity + 1}: ${doc.entities[entity].name} (${doc.entities[entity].type || "no type"})`;
