// The list of facts, filters, keys and addresses: `#fact/3` is a fact, `#entity/5` an entity with its facts.

const filters = byId("filters");
DATA.facts.forEach((fact, index) => { fact.index = index; });

/** Return the fact or the entity that the address names, `null` for none. */
function chosenItem() {
  const [, kind, number] = /^#(fact|entity)\/(\d+)$/.exec(location.hash) ?? [];
  return { fact: (kind === "fact" && DATA.facts[number]) || null, entity: kind === "entity" && DATA.entities[number] ? Number(number) : null };
}

function passingFacts(entity) {
  const { search, relation } = filters.elements;
  const text = search.value.trim().toLowerCase();
  const isNamed = (index) => DATA.entities[index].names.some((name) => name.toLowerCase().includes(text));
  return DATA.facts.filter((fact) =>
    (!relation.value || fact.relation === relation.value) &&
    (!text || isNamed(fact.subject) || isNamed(fact.object)) &&
    (entity === null || fact.subject === entity || fact.object === entity));
}

function show() {
  const { fact, entity } = chosenItem();
  const shown = passingFacts(entity);
  const hadFocus = byId("facts").contains(document.activeElement);
  const of = shown.length < DATA.facts.length ? ` of ${formatCount(DATA.facts.length)}` : "";
  const rest = DATA.facts_in_all > DATA.facts.length ? `, those that most documents state, of ${formatCount(DATA.facts_in_all)} in the graph` : "";
  byId("found").textContent = `${formatCount(shown.length)}${of} facts${rest}`;
  byId("facts-title").textContent = entity === null ? "Facts" : `Facts of ${DATA.entities[entity].label}`;
  byId("facts").replaceChildren(...shown.map((item) => factItem(item, item === fact)));
  draw(shown, { fact, entity });
  const current = byId("facts").querySelector("[aria-current]");
  current?.scrollIntoView({ block: "nearest" });
  if (hadFocus) current?.focus({ preventScroll: true });
}

function factItem(fact, isChosen) {
  const link = element("a", { href: isChosen ? "#" : `#fact/${fact.index}`, class: "fact right", "aria-current": isChosen ? "true" : false },
    element("span", { class: "statement" },
      bidiText(DATA.entities[fact.subject].label), element("span", { class: "relation" }, ` ${fact.label} → `), bidiText(DATA.entities[fact.object].label)),
    element("span", { class: "margin", title: "documents that state it" }, `${formatCount(fact.weight)} ×`));
  return element("li", {}, link, ...(isChosen ? [details(fact)] : []));
}

function details(fact) {
  const rows = [
    ["Relation", fact.label === fact.relation ? fact.relation : `${fact.label} (${fact.relation})`],
    ["Margin", formatNumber(fact.margin)],
    ...(fact.probability === null ? [] : [["Probability", `${(100 * fact.probability).toFixed(0)} %`]]),
  ];
  const entityLink = (index) => element("li", {}, element("a", { href: `#entity/${index}` }, "all facts of ", bidiText(DATA.entities[index].label)));
  return element("div", { class: "details" },
    element("dl", {}, ...rows.flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, bidiText(text))])),
    ...fact.sources.flatMap((source) => [
      element("h3", {}, bidiText(source.document || "document without a title")),
      element("ul", {}, ...source.evidence.map(({ text, sentence }) => element("li", { class: "evidence" }, bidiText(text || `sentence ${sentence}`)))),
    ]),
    element("ul", {}, ...[...new Set([fact.subject, fact.object])].map(entityLink)));
}

function moveFact(by) {
  const { fact, entity } = chosenItem();
  const shown = passingFacts(entity);
  const next = shown[fact === null ? (by > 0 ? 0 : shown.length - 1) : shown.indexOf(fact) + by];
  if (next) location.hash = `#fact/${next.index}`;
}

const KEYS = { j: () => moveFact(1), ArrowDown: () => moveFact(1), k: () => moveFact(-1), ArrowUp: () => moveFact(-1) };

function keyPressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const isField = event.target.matches("input, select");
  if (event.key === "Escape") {
    if (isField) event.target.blur();
    else location.hash = "#";
  } else if (isField) return;
  else if (event.key === "?") byId("help").showModal();
  else if (event.key === "/") {
    event.preventDefault();
    filters.elements.search.focus();
  } else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
}

filters.elements.relation.append(...[...RELATIONS].sort(([, a], [, b]) => a.localeCompare(b)).map(([value, label]) => element("option", { value }, label)));
show();
filters.addEventListener("input", show);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(show)); // the fields are empty after this event
document.addEventListener("keydown", keyPressed);
addEventListener("hashchange", show);
