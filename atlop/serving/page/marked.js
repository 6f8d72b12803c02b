// The text with coloured mentions, and words shaded by their share of what the model read for the chosen fact.

function showText() {
  const words = state.chosen?.words ?? [];
  const mentions = state.entities
    .flatMap(({ mentions: all }, entity) => all.map((mention) => ({ ...mention, entity })))
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const cuts = [...new Set([0, state.text.length, ...[...words, ...mentions].flatMap(({ start, end }) => [start, end])])];
  cuts.sort((a, b) => a - b);

  /** Append the text from `start` to `end`. Nested mentions nest; a mention that crosses another's end is cut there. */
  function fill(parent, start, end, inside) {
    let position = start;
    while (position < end) {
      if (!inside.length || inside[0].start > position) {
        const next = cuts[cuts.indexOf(position) + 1];
        parent.append(fragment(position, next));
        position = next;
        continue;
      }
      const mention = inside.shift();
      const stop = Math.min(mention.end, end);
      const nested = [];
      while (inside.length && inside[0].start < stop) nested.push(inside.shift());
      const span = element("span", { class: mentionClass(mention.entity), "data-entity": mention.entity, "data-number": mention.entity + 1 });
      fill(span, position, stop, nested);
      parent.append(span);
      position = stop;
    }
  }

  const fragment = (start, end) =>
    shadedWord(state.text.slice(start, end), words.find((word) => word.start <= start && end <= word.end)?.share);

  const content = document.createDocumentFragment();
  fill(content, 0, state.text.length, mentions);
  byId("marked").replaceChildren(content);
  byId("marked").classList.toggle("reading", Boolean(state.chosen));
  const hint = state.chosen && (words.length ? shadeScale() : element("p", { class: "hint" }, "This pair has no localized context to show."));
  byId("reading").replaceChildren(...(hint ? [hint] : []));
}

function mentionClass(entity) {
  const isInFact = state.chosen && (entity === state.chosen.subject || entity === state.chosen.object);
  return `mention numbered ${entityClass(entity)}${isInFact ? " in-fact" : ""}${entity === state.picked ? " picked" : ""}`;
}

/** Span of the selection in the marked text, or null. It excludes the entities' numbers, which are CSS content. */
function selectedInMarked() {
  const selection = getSelection();
  const marked = byId("marked");
  if (selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!marked.contains(range.startContainer) || !marked.contains(range.endContainer)) return null;
  const offsetInText = (node, offset) => {
    const before = document.createRange();
    before.setStart(marked, 0);
    before.setEnd(node, offset);
    return before.toString().length;
  };
  return { start: offsetInText(range.startContainer, range.startOffset), end: offsetInText(range.endContainer, range.endOffset) };
}

function selectedInField() {
  const { selectionStart: start, selectionEnd: end } = byId("text");
  return start < end ? { start, end } : null;
}
