// The facts of a document as a graph: entities on two arcs, so that no name covers another; an arrow for each fact.
// A page that shows it says what its facts and entities are: `outcomeOf`, `relationName`, `linkOf`, `pickEntity`, `NO_FACTS`.

const COLOURS = 8;
const BEND = 16;
const LABEL = 24;
const WIDTH = 700;
const ROW = 26;
const REACH = 145; // leaves room for LABEL bold characters on both sides

function showGraph(page, facts, chosen) {
  const entities = [...new Set(facts.flatMap((fact) => [fact.subject, fact.object]))].sort((one, other) => one - other);
  const right = Math.ceil(entities.length / 2);
  const height = ROW * (Math.max(right, 5) + 1);
  const places = new Map(entities.map((entity, index) => {
    const [row, rows, side] = index < right ? [index, right, 1] : [entities.length - 1 - index, entities.length - right, -1];
    const down = (2 * (row + 0.5)) / rows - 1; // from −1 to 1
    return [entity, { x: WIDTH / 2 + side * REACH * Math.sqrt(1 - down * down), y: (height / 2) * (1 + down * 0.9), side }];
  }));
  const turns = new Map();
  const arrows = facts.map((fact) => {
    const pair = [fact.subject, fact.object].sort((one, other) => one - other).join("-");
    turns.set(pair, (turns.get(pair) ?? 0) + 1);
    return arrow(page, fact, { from: places.get(fact.subject), to: places.get(fact.object), turn: turns.get(pair), isChosen: fact === chosen });
  });
  const graph = drawn("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "group", "aria-label": `Graph of ${facts.length} facts` },
    drawn("defs", {}, ...["right", "missed", "wrong", "absent"].map(head)),
    ...arrows.sort((one, other) => one.classList.contains("chosen") - other.classList.contains("chosen")),
    ...entities.map((entity) => node(page, entity, places.get(entity), chosen)));
  byId("graph").replaceChildren(facts.length ? graph : element("p", { class: "hint" }, NO_FACTS));
}

const head = (group) =>
  drawn("marker", { id: `head-${group}`, class: group, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" },
    drawn("path", { d: "M0 0 8 4 0 8Z" }));

function arrow(page, fact, { from, to, turn, isChosen }) {
  const { group, label } = outcomeOf(fact);
  const [across, down] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(across, down) || 1;
  const bend = fact.subject === fact.object ? 60 : BEND * turn;
  const middle = { x: (from.x + to.x) / 2 - (down / length) * bend, y: (from.y + to.y) / 2 + (across / length) * bend };
  const reach = Math.hypot(to.x - middle.x, to.y - middle.y) || 1;
  const end = { x: to.x - (9 * (to.x - middle.x)) / reach, y: to.y - (9 * (to.y - middle.y)) / reach };
  const path = `M${from.x.toFixed(1)} ${from.y.toFixed(1)}Q${middle.x.toFixed(1)} ${middle.y.toFixed(1)} ${end.x.toFixed(1)} ${end.y.toFixed(1)}`;
  const text = `${label}: ${page.entities[fact.subject].name} – ${relationName(fact.relation)} → ${page.entities[fact.object].name}`;
  return drawn("a", { href: linkOf(fact), class: `arrow ${group}${isChosen ? " chosen" : ""}`, "aria-label": text },
    drawn("title", {}, text),
    drawn("path", { class: "reach", d: path }),
    drawn("path", { class: "line", d: path, "marker-end": `url(#head-${group})` }));
}

function node(page, entity, { x, y, side }, chosen) {
  const isOne = chosen && (entity === chosen.subject || entity === chosen.object);
  return drawn("g", { class: `node colour-${entity % COLOURS}${isOne ? " of-fact" : ""}`, click: () => pickEntity(entity) },
    drawn("title", {}, entityTitle(page, entity)),
    drawn("circle", { cx: x, cy: y, r: 7 }),
    drawn("text", { x: x + 12 * side, y: y + 4, "text-anchor": side > 0 ? "start" : "end" }, `${entity + 1} ${shortened(page.entities[entity].name, LABEL)}`));
}

const entityTitle = (page, entity) => `${entity + 1}: ${page.entities[entity].name} (${page.entities[entity].type || "no type"})`;
