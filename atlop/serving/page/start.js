// Startup, buttons and keyboard shortcuts.

const RECOGNISES = "recognises" in byId("tools").dataset;
let selected = null;

function show() {
  if (byId("text").value !== state.text) byId("text").value = state.text;
  byId("undo").disabled = undoStack.length === 0;
  byId("find").disabled = state.entities.length === 0 && !(RECOGNISES && state.text.trim());
  showText();
  showEntities();
  showAnswer();
}

/** Show the fact that the page's address points to. */
function route() {
  const [, index] = location.hash.match(/^#fact\/(\d+)$/) ?? [];
  state.chosen = (index !== undefined && state.facts?.[Number(index)]) || null;
  const hasFocus = byId("answer").contains(document.activeElement);
  show();
  const open = byId("facts").querySelector("[aria-current]");
  open?.parentElement.scrollIntoView({ block: "nearest" });
  if (hasFocus) open?.focus({ preventScroll: true });
}

function moveFact(offset) {
  if (!state.facts?.length) return;
  const index = state.chosen ? state.chosen.index + offset : offset > 0 ? 0 : state.facts.length - 1;
  location.hash = factLink(state.facts[Math.min(Math.max(index, 0), state.facts.length - 1)]);
}

const MOVES = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

function keyPressed(event) {
  if (byId("help").open || event.altKey) return;
  const isField = event.target.matches("input, select, textarea");
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") byId("tools").requestSubmit();
  else if (event.key === "Escape") {
    if (isField) event.target.blur();
    else location.hash = "";
  } else if (isField) return;
  else if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
  else if (event.ctrlKey || event.metaKey) return;
  else if (event.key === "?") byId("help").showModal();
  else if (state.facts?.length && MOVES[event.key]) {
    event.preventDefault();
    moveFact(MOVES[event.key]);
  }
}

function markSelected() {
  if (selected) mark(selected, { isEverywhere: byId("everywhere").checked });
  else showProblem("Nothing is selected. Select a name in the text first.");
  getSelection().removeAllRanges();
  selected = null;
}

/** With a mouse, a selection in the marked text becomes a mention, and a click picks an entity. */
function pointerReleased(event) {
  if (event.pointerType !== "mouse") return;
  const span = selectedInMarked();
  if (span) {
    selected = span;
    markSelected();
  } else {
    const mention = event.target.closest?.("#marked .mention");
    if (mention) pickEntity(Number(mention.dataset.entity));
  }
}

byId("examples").append(...EXAMPLES.map(({ title }, index) => element("option", { value: index }, title)));
byId("examples").addEventListener("change", ({ target }) => {
  if (target.value !== "") loadExample(EXAMPLES[target.value]);
  target.value = "";
});
byId("text").addEventListener("input", ({ target }) => rewrite(target.value.toWellFormed()));
byId("tools").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!byId("find").disabled) findFacts();
});
byId("mark").addEventListener("click", markSelected);
byId("undo").addEventListener("click", undo);
byId("clear").addEventListener("click", () => change(() => Object.assign(state, { text: "", entities: [] })));
document.addEventListener("pointerup", (event) => setTimeout(() => pointerReleased(event))); // the selection changes after this event
document.addEventListener("selectionchange", () => {
  if (document.activeElement === byId("text")) selected = selectedInField();
  else selected = selectedInMarked() ?? selected;
});
document.addEventListener("keydown", keyPressed);
addEventListener("hashchange", route);
location.hash = "";
show();
