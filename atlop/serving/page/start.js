// Startup, buttons and keyboard shortcuts.

let selected = null;

/** Why a button does nothing now; false if it does something. */
const UNAVAILABLE = {
  undo: () => undoStack.length === 0 && "There is nothing to undo.",
  clear: () => !state.text && "There is no text yet.",
  link: () => !state.text && "Write a text first.",
  copy: () => !state.answer && "Find facts first.",
  find: () => {
    if (!state.text.trim()) return "Write a text first.";
    const isRecognised = RECOGNISES && !state.entities.length;
    return state.entities.length < 2 && !isRecognised && "Mark the names of at least two entities first: a fact is between two.";
  },
};

function show() {
  if (byId("text").value !== state.text) byId("text").value = state.text;
  showButtons();
  showText();
  showEntities();
  showAnswer();
}

/** A button that does nothing keeps the focus and says why. */
function showButtons() {
  for (const [id, reason] of Object.entries(UNAVAILABLE)) {
    byId(id).setAttribute("aria-disabled", String(Boolean(reason())));
    byId(id).title = reason() || "";
  }
  byId("why").textContent = UNAVAILABLE.find() || "";
}

/** Show what the page's address points to: another text, or a fact of this one. */
function route() {
  if (openAddress()) return;
  const index = new URLSearchParams(location.hash.slice(1)).get("fact");
  state.chosen = (index !== null && state.facts?.[Number(index)]) || null;
  if (state.facts) history.replaceState(null, "", addressOf(state.chosen));
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
    else location.hash = CLOSED;
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

let pressed = null; // the mention under the mouse when its button went down

/** With a mouse, a selection in the marked text becomes a mention, and a click picks an entity. */
function pointerReleased(event) {
  if (event.pointerType !== "mouse") return;
  const span = selectedInMarked();
  if (span) {
    selected = span;
    markSelected();
  } else {
    const mention = event.target.closest?.("#marked .mention");
    if (mention && mention === pressed) pickEntity(Number(mention.dataset.entity));
  }
}

/** Mark the names of a text that has just come. */
function textCame() {
  if (RECOGNISES && state.text.trim() && !state.entities.length) markNames();
}

/** Do what a button does, or say why it does nothing. */
function onPress(id, action) {
  byId(id).addEventListener("click", () => {
    const reason = UNAVAILABLE[id]();
    if (reason) byId("notice").textContent = reason;
    else action();
  });
}

byId("examples").append(...EXAMPLES.map(({ title, facts }, index) => element("option", { value: index }, `${title}: ${facts} ${facts === 1 ? "fact" : "facts"}`)));
byId("examples").addEventListener("change", ({ target }) => {
  if (target.value !== "") load(EXAMPLES[target.value]);
  target.value = "";
});
byId("text").addEventListener("input", ({ target }) => rewrite(target.value.toWellFormed()));
byId("text").addEventListener("change", textCame);
byId("text").addEventListener("paste", () => setTimeout(textCame)); // the text is there after this event
byId("tools").addEventListener("submit", (event) => {
  event.preventDefault();
  const reason = UNAVAILABLE.find();
  if (reason) byId("notice").textContent = reason;
  else findFacts();
});
byId("mark").addEventListener("click", markSelected);
onPress("undo", undo);
onPress("clear", () => load({ text: "" }));
onPress("link", () => copyText(location.href.split("#")[0] + addressOf(state.chosen), "The link to this text and its marks is copied."));
onPress("copy", () => copyText(JSON.stringify(state.answer, null, 2), "The service's answer is copied."));
for (const kind of ["pointerdown", "keydown"]) {
  document.addEventListener(kind, () => { byId("notice").textContent = ""; }, { capture: true });
}
document.addEventListener("pointerdown", (event) => { pressed = event.target.closest?.("#marked .mention"); });
document.addEventListener("pointerup", (event) => setTimeout(() => pointerReleased(event))); // the selection changes after this event
document.addEventListener("selectionchange", () => {
  if (document.activeElement === byId("text")) selected = selectedInField();
  else selected = selectedInMarked() ?? selected;
});
byId("text").addEventListener("blur", () => { selected = selectedInField(); }); // whose last change may not be told yet
document.addEventListener("keydown", keyPressed);
addEventListener("hashchange", route);
if (!openAddress()) {
  history.replaceState(null, "", location.pathname);
  load(EXAMPLES[0]);
}
undoStack.length = 0; // what the page begins with cannot be undone
showButtons();
