// The drawing: entities where the page's data puts them, coloured by type, and an arrow for each fact.

const DATA = JSON.parse(byId("data").textContent);
const DOC = { entities: DATA.entities.map((entity) => ({ ...entity, name: entity.label })) };
const POSITIONS = DATA.entities.map(({ x, y }) => ({ x, y, side: 1 }));
const TYPES = [...new Set(DATA.entities.map(({ type }) => type))];
const RELATIONS = new Map(DATA.facts.map(({ relation, label }) => [relation, label]));
const FOUND = { group: "right", label: "fact" };
const factOutcome = () => FOUND;
const relationName = (relation) => RELATIONS.get(relation);
const factLink = (fact) => `#fact/${fact.index}`;

const drawing = svgElement("svg", { width: DATA.width, height: DATA.height, viewBox: `0 0 ${DATA.width} ${DATA.height}`, role: "group", "aria-label": "Graph of the facts" });
const frame = scrollSideways("Graph of the facts", drawing);
byId("graph").append(frame);
byId("types").append(...TYPES.map((type) => element("li", { class: typeClass(type) },
  svgElement("svg", { viewBox: "0 0 8 8", "aria-hidden": "true" }, svgElement("circle", { cx: 4, cy: 4, r: 4 })), bidiText(type || "no type"))));

function typeClass(type) {
  return `colour-${TYPES.indexOf(type) % COLOURS}`;
}

/** Draw all facts; those that are not shown, and their entities, are faint. The Tab key goes through the list instead. */
function draw(shown, { fact: chosen, entity: picked }) {
  const entities = new Set(shown.flatMap(({ subject, object }) => [subject, object]));
  const occupied = DATA.entities.flatMap(({ label }, index) => nodeBoxes(POSITIONS[index], truncated(label, LABEL)));
  const counts = new Map();
  const curves = new Map(DATA.facts.map((fact) => {
    const pair = [fact.subject, fact.object].sort((a, b) => a - b).join("-");
    counts.set(pair, (counts.get(pair) ?? 0) + 1);
    return [fact, curveBetween(POSITIONS[fact.subject], POSITIONS[fact.object], counts.get(pair))];
  }));
  const ordered = [...shown, ...DATA.facts.filter((fact) => !shown.includes(fact))]; // names of shown ones find space first
  const arrows = ordered.map((fact) => {
    const drawn = arrow(DOC, fact, { curve: curves.get(fact), occupied, isChosen: fact === chosen });
    drawn.style.setProperty("--strength", Math.min(1.3 + 0.7 * (fact.weight - 1), 5));
    drawn.setAttribute("tabindex", "-1");
    if (!shown.includes(fact)) drawn.classList.add("other");
    return drawn;
  });
  drawing.replaceChildren(svgElement("defs", {}, head("right")), ...arrows,
    ...DATA.entities.map((entity, index) => entityNode(entity, index, entities.has(index), chosen)));
  if (chosen) bringIntoView(drawing.querySelector(".chosen .line"));
  if (picked !== null) bringIntoView(drawing.querySelectorAll(".node")[picked]);
}

function entityNode(entity, index, isShown, chosen) {
  const isInFact = chosen && (index === chosen.subject || index === chosen.object);
  const names = `${entity.names.join(", ")} (${entity.type || "no type"})`;
  return svgElement("a", { href: `#entity/${index}`, class: `node ${typeClass(entity.type)}${isShown ? "" : " other"}${isInFact ? " in-fact" : ""}`, tabindex: -1 },
    svgElement("title", {}, names),
    svgElement("circle", { cx: entity.x, cy: entity.y, r: 7 }),
    svgElement("text", { x: entity.x + 11, y: entity.y + 4 }, truncated(entity.label, LABEL)));
}

/** Scroll the drawing alone, not the page, if an element is out of sight. */
function bringIntoView(target) {
  const area = drawing.parentElement;
  const [box, view] = [target.getBoundingClientRect(), area.getBoundingClientRect()];
  if (box.top < view.top || box.bottom > view.bottom || box.left < view.left || box.right > view.right)
    area.scrollBy((box.left + box.right - view.left - view.right) / 2, (box.top + box.bottom - view.top - view.bottom) / 2);
}
