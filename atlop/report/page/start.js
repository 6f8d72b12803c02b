// Startup and keyboard shortcuts.

function fillFilters() {
  const add = (name, options) =>
    filters.elements[name].append(...options.map(([value, label]) => element("option", { value }, label)));
  const relations = DATA.relations.map((_, index) => [index, relationLabel(index)]);
  add("relation", relations.sort(([, a], [, b]) => a.localeCompare(b)));
  add("outcome", [["", "all"], ["right", "right"], ["missed", "missed"], ["wrong", "wrong"]]);
  add("outcome", ["reversed", "confused", "unrelated"].map((name) => [name, OUTCOMES[name].label]));
  add("difference", [["", "all"], ...Object.entries(DIFFERENCES).map(([name, { label }]) => [name, label])]);
  byId("two").hidden = !IS_COMPARED;
  byId("margin").hidden = !HAS_MODEL;
  if (!IS_COMPARED) leaveOut("comparison");
  if (!HAS_MODEL) leaveOut("suspects");
}

/** Leave out a view that has nothing to show. */
function leaveOut(view) {
  document.querySelector(`a[href="#${view}"]`).remove();
  delete VIEWS[view];
}

const KEYS = {
  j: () => moveFact(1),
  ArrowDown: () => moveFact(1),
  k: () => moveFact(-1),
  ArrowUp: () => moveFact(-1),
  ArrowRight: () => moveDocument(1),
  ArrowLeft: () => moveDocument(-1),
};

function keyPressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const isField = event.target.matches("input, select");
  if (event.key === "Escape") {
    if (isField) event.target.blur();
    else if (state.fact) openDocument(state.document);
  } else if (isField) return;
  else if (event.key === "?") byId("help").showModal();
  else if (event.key === "/") {
    event.preventDefault();
    if (state.view !== "documents") navigate("#documents");
    filters.elements.search.focus();
  } else if (state.view === "documents" && KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
}

fillFilters();
applyFilters();
filters.addEventListener("input", filtersChanged);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(filtersChanged)); // the fields are empty after this event
document.addEventListener("keydown", keyPressed);
addEventListener("hashchange", route);
route();
