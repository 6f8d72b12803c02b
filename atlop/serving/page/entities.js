// The list of entities with names, types and the texts of their mentions.

/** Rebuild the list, unless someone types in it. The focus stays on the same control, or moves to the nearest one. */
function showEntities() {
  const list = byId("entities");
  byId("entities-title").textContent = `Entities: ${state.entities.length}`;
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.matches("input")) return;
  const controls = () => [...list.querySelectorAll("button, select")];
  const position = controls().indexOf(focused);
  list.replaceChildren(...state.entities.map(entityItem));
  if (!focused) return;
  const same = controls().find((control) => control.ariaLabel === focused.ariaLabel);
  (same ?? controls()[Math.min(position, controls().length - 1)] ?? byId("mark")).focus();
}

function entityItem(entity, index) {
  const counts = new Map();
  for (const mention of entity.mentions) counts.set(mentionText(mention), (counts.get(mentionText(mention)) ?? 0) + 1);
  const [first, ...others] = [...counts].map(([text, count]) => mentionRow(entity, { index, text, count }));
  const pick = element("button", { type: "button", class: "entity", "aria-pressed": String(state.picked === index), "aria-label": `Entity ${index + 1}`, click: () => pickEntity(index) }, String(index + 1));
  first.prepend(pick);
  first.querySelector("select").before(typeField(entity, index));
  return element("li", { class: entityClass(index) }, first, ...others);
}

function typeField(entity, index) {
  const field = element("input", { list: "types", placeholder: "type", size: 8, "aria-label": `Type of entity ${index + 1}` });
  field.value = entity.type;
  field.addEventListener("input", () => change(() => {
    entity.type = field.value.trim().toWellFormed();
  }, { isTyping: true }));
  return field;
}

/** A row for the mentions with the same text: move or remove them. */
function mentionRow(entity, { index, text, count }) {
  const label = `${text}${count > 1 ? ` × ${count}` : ""}`;
  const targets = element("select", { "aria-label": `Entity of “${text}”`, change: () => move(entity, text, state.entities[targets.value]) },
    ...state.entities.map((target, number) => element("option", { value: number, selected: number === index ? "" : false }, `${number + 1} ${truncated(entityName(target), 24)}`)),
    ...(entity.mentions.length > count ? [element("option", { value: "" }, "a new entity")] : []));
  return element("div", { class: "mention-row" },
    element("span", { class: "name" }, bidiText(label)),
    targets,
    element("button", { type: "button", "aria-label": `Remove “${text}”`, title: "Remove", click: () => remove(entity, text) }, "×"));
}

function pickEntity(entity) {
  state.picked = state.picked === entity ? null : entity;
  show();
}
