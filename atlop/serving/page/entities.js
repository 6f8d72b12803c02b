// The list of entities: what each is called, of which type it is, and which texts are its mentions.

/** Write the list anew; the focus stays where it was, or near what is gone, and nobody is interrupted in typing. */
function showEntities() {
  const list = byId("entities");
  byId("entities-title").textContent = `Entities: ${state.entities.length}`;
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.matches("input")) return;
  const controls = () => [...list.querySelectorAll("button, select")];
  const place = controls().indexOf(focused);
  list.replaceChildren(...state.entities.map(entityItem));
  if (!focused) return;
  const same = controls().find((each) => each.ariaLabel === focused.ariaLabel);
  (same ?? controls()[Math.min(place, controls().length - 1)] ?? byId("mark")).focus();
}

function entityItem(entity, index) {
  const counts = new Map();
  for (const mention of entity.mentions) counts.set(textOf(mention), (counts.get(textOf(mention)) ?? 0) + 1);
  const [first, ...others] = [...counts].map(([text, count]) => mentionsOf(entity, { index, text, count }));
  const pick = element("button", { type: "button", class: "entity", "aria-pressed": String(state.picked === index), "aria-label": `Entity ${index + 1}`, click: () => pickEntity(index) }, String(index + 1));
  first.prepend(pick);
  first.querySelector("select").before(typeField(entity, index));
  return element("li", { class: `colour-${index % COLOURS}` }, first, ...others);
}

function typeField(entity, index) {
  const field = element("input", { list: "types", placeholder: "type", size: 8, "aria-label": `Type of entity ${index + 1}` });
  field.value = entity.type;
  field.addEventListener("input", () => change(() => {
    entity.type = field.value.trim().toWellFormed();
  }, { isTyping: true }));
  return field;
}

/** The mentions of one text, and what can be done with them; in the first line also with the entity. */
function mentionsOf(entity, { index, text, count }) {
  const label = `${text}${count > 1 ? ` × ${count}` : ""}`;
  const targets = element("select", { "aria-label": `Entity of “${text}”`, change: () => move(entity, text, state.entities[targets.value]) },
    ...state.entities.map((each, place) => element("option", { value: place, selected: place === index ? "" : false }, `${place + 1} ${shortened(nameOf(each), 24)}`)),
    ...(entity.mentions.length > count ? [element("option", { value: "" }, "an entity of its own")] : []));
  return element("div", { class: "one" },
    element("span", { class: "name" }, named(label)),
    targets,
    element("button", { type: "button", "aria-label": `Remove “${text}”`, title: "Remove", click: () => remove(entity, text) }, "×"));
}

function pickEntity(entity) {
  state.picked = state.picked === entity ? null : entity;
  show();
}
