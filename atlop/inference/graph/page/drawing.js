// The drawing: entities where the page's data puts them, and an arrow for each fact.

const DATA = JSON.parse(byId("data").textContent);
const TYPE_COLOURS = 8;
const BEND = 18;
const LABEL = 24;
const MANY = 40; // facts whose relations are no longer all written beside their arrows
const TYPES = [...new Set(DATA.entities.map(({ type }) => type))];

const colourClass = (type) => `colour-${TYPES.indexOf(type) % TYPE_COLOURS}`;
const factText = ({ subject, object, label }) => `${DATA.entities[subject].label} – ${label} → ${DATA.entities[object].label}`;

function showTypes() {
  byId("types").replaceChildren(...TYPES.map((type) => element("li", { class: colourClass(type) },
    svgElement("svg", { viewBox: "0 0 8 8", "aria-hidden": "true" }, svgElement("circle", { cx: 4, cy: 4, r: 4 })), bidiText(type || "no type"))));
}

/** Draw all facts; those that are not shown, and their entities, are faint. The Tab key goes through the list instead. */
function showGraph(shown, chosen) {
  const entities = new Set(shown.flatMap(({ subject, object }) => [subject, object]));
  const counts = new Map();
  const arrows = DATA.facts.map((fact) => {
    const pair = [fact.subject, fact.object].sort((a, b) => a - b).join("-");
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
    return arrow(fact, { curve: counts.get(pair), isShown: shown.includes(fact), isChosen: fact === chosen });
  });
  byId("graph").replaceChildren(svgElement("svg", {
    width: DATA.width, height: DATA.height, viewBox: `0 0 ${DATA.width} ${DATA.height}`, role: "group",
    class: shown.length > MANY ? "many" : false, "aria-label": `Graph of ${shown.length} facts`,
  }, svgElement("defs", {}, arrowHead()), ...arrows.sort((a, b) => a.classList.contains("chosen") - b.classList.contains("chosen")),
  ...DATA.entities.map((entity, index) => node(entity, index, entities.has(index), chosen))));
}

const arrowHead = () =>
  svgElement("marker", { id: "head", class: "right", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" },
    svgElement("path", { d: "M0 0 8 4 0 8Z" }));

function arrow(fact, { curve, isShown, isChosen }) {
  const [from, to] = [DATA.entities[fact.subject], DATA.entities[fact.object]];
  const [across, down] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(across, down) || 1;
  const bend = BEND * curve;
  const middle = { x: (from.x + to.x) / 2 - (down / length) * bend, y: (from.y + to.y) / 2 + (across / length) * bend };
  const distance = Math.hypot(to.x - middle.x, to.y - middle.y) || 1;
  const end = { x: to.x - (9 * (to.x - middle.x)) / distance, y: to.y - (9 * (to.y - middle.y)) / distance };
  const isLoop = from === to;
  const path = isLoop
    ? `M${from.x - 3} ${from.y - 7}C${from.x - 34} ${from.y - 42} ${from.x + 34} ${from.y - 42} ${from.x + 4} ${from.y - 8}`
    : `M${from.x} ${from.y}Q${middle.x.toFixed(1)} ${middle.y.toFixed(1)} ${end.x.toFixed(1)} ${end.y.toFixed(1)}`;
  const name = isLoop ? { x: from.x, y: from.y - 36 } : { x: ((from.x + to.x) / 2 + middle.x) / 2, y: ((from.y + to.y) / 2 + middle.y) / 2 };
  const line = svgElement("path", { class: "line", d: path, "marker-end": "url(#head)" });
  line.style.setProperty("--strength", Math.min(1.3 + 0.7 * (fact.weight - 1), 5));
  return svgElement("a", { href: `#fact/${fact.index}`, class: `arrow right${isShown ? "" : " other"}${isChosen ? " chosen" : ""}`, "aria-label": factText(fact), tabindex: -1 },
    svgElement("title", {}, factText(fact)),
    svgElement("path", { class: "hit-area", d: path }), line,
    svgElement("text", { class: "name", x: name.x.toFixed(1), y: name.y.toFixed(1) }, truncated(fact.label, LABEL)));
}

function node(entity, index, isShown, chosen) {
  const isInFact = chosen && (index === chosen.subject || index === chosen.object);
  const names = `${entity.names.join(", ")} (${entity.type || "no type"})`;
  return svgElement("a", { href: `#entity/${index}`, class: `node ${colourClass(entity.type)}${isShown ? "" : " other"}${isInFact ? " in-fact" : ""}`, "aria-label": names, tabindex: -1 },
    svgElement("title", {}, names),
    svgElement("circle", { cx: entity.x, cy: entity.y, r: 7 }),
    svgElement("text", { x: entity.x + 11, y: entity.y + 4 }, truncated(entity.label, LABEL)));
}
