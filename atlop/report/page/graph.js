// The facts of a document as a graph: entities on an ellipse, an arrow for each fact.

const BEND = 16;
const LABEL = 20;

function showGraph(page, facts, chosen) {
  const entities = [...new Set(facts.flatMap((fact) => [fact.subject, fact.object]))].sort((one, other) => one - other);
  const width = 640;
  const height = Math.max(240, Math.min(560, 22 * entities.length + 80));
  const places = new Map(entities.map((entity, index) => {
    const angle = (2 * Math.PI * index) / entities.length - Math.PI / 2;
    return [entity, { x: width / 2 + 165 * Math.cos(angle), y: height / 2 + (height / 2 - 30) * Math.sin(angle), angle }];
  }));
  const turns = new Map();
  const arrows = facts.map((fact) => {
    const pair = [fact.subject, fact.object].sort((one, other) => one - other).join("-");
    turns.set(pair, (turns.get(pair) ?? 0) + 1);
    return arrow(page, fact, { from: places.get(fact.subject), to: places.get(fact.object), turn: turns.get(pair), isChosen: fact === chosen });
  });
  const graph = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `Graph of ${facts.length} facts` },
    drawn("defs", {}, ...["right", "missed", "wrong", "absent"].map(head)),
    ...arrows.sort((one, other) => one.classList.contains("chosen") - other.classList.contains("chosen")),
    ...entities.map((entity) => node(page, entity, places.get(entity), chosen)));
  byId("graph").replaceChildren(facts.length ? graph : element("p", { class: "hint" }, "No fact passes the filters."));
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

function node(page, entity, { x, y, angle }, chosen) {
  const isRight = Math.cos(angle) >= -0.01;
  const isOne = chosen && (entity === chosen.subject || entity === chosen.object);
  return drawn("g", { class: `node colour-${entity % COLOURS}${isOne ? " of-fact" : ""}`, click: () => pickEntity(entity) },
    drawn("title", {}, entityTitle(page, entity)),
    drawn("circle", { cx: x, cy: y, r: 7 }),
    drawn("text", { x: x + (isRight ? 12 : -12), y: y + 4, "text-anchor": isRight ? "start" : "end" }, `${entity + 1} ${shortened(page.entities[entity].name, LABEL)}`));
}
