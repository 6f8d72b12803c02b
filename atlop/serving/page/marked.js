// The text with its mentions in the colours of their entities; a fact's words are shaded by what its pair reads.

function showText() {
  const words = state.chosen?.words ?? [];
  const heaviest = Math.max(...words.map(({ weight }) => weight), 1e-6);
  const mentions = state.entities
    .flatMap(({ mentions: each }, entity) => each.map((mention) => ({ ...mention, entity })))
    .sort((one, other) => one.start - other.start || other.end - one.end);
  const cuts = [...new Set([0, state.text.length, ...[...words, ...mentions].flatMap(({ start, end }) => [start, end])])];
  cuts.sort((one, other) => one - other);

  /** Write from `start` to `end`; a mention within another stands within it, one that crosses its end is cut. */
  function fill(parent, start, end, inside) {
    let place = start;
    while (place < end) {
      if (!inside.length || inside[0].start > place) {
        const next = cuts[cuts.indexOf(place) + 1];
        parent.append(fragment(place, next));
        place = next;
        continue;
      }
      const mention = inside.shift();
      const stop = Math.min(mention.end, end);
      const within = [];
      while (inside.length && inside[0].start < stop) within.push(inside.shift());
      const made = element("span", { class: mentionClass(mention.entity), "data-entity": mention.entity, "data-number": mention.entity + 1 });
      fill(made, place, stop, within);
      parent.append(made);
      place = stop;
    }
  }

  function fragment(start, end) {
    const made = element("span", { class: "word" }, state.text.slice(start, end));
    const weight = words.find((word) => word.start <= start && end <= word.end)?.weight;
    if (weight) {
      made.style.setProperty("--weight", `${((100 * weight) / heaviest).toFixed(1)}%`);
      made.title = `${percent(weight)} % of what is read of words`;
    }
    return made;
  }

  const made = document.createDocumentFragment();
  fill(made, 0, state.text.length, mentions);
  byId("marked").replaceChildren(made);
  byId("marked").classList.toggle("reading", Boolean(state.chosen));
  byId("reading").textContent = readingNote(words, heaviest);
}

function readingNote(words, heaviest) {
  if (!state.chosen) return "";
  return words.length
    ? `Shading: the ${words.length} words that weigh most for this pair. The darkest has ${percent(heaviest)} % of what is read of words.`
    : "This pair has no localized context to show.";
}

function mentionClass(entity) {
  const isOne = state.chosen && (entity === state.chosen.subject || entity === state.chosen.object);
  return `mention colour-${entity % COLOURS}${isOne ? " of-fact" : ""}${entity === state.picked ? " picked" : ""}`;
}

/** What is selected in the marked text, or null. The numbers of entities are no part of it: the style adds them. */
function selectedInMarked() {
  const selection = getSelection();
  const marked = byId("marked");
  if (selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!marked.contains(range.startContainer) || !marked.contains(range.endContainer)) return null;
  const upTo = (node, offset) => {
    const before = document.createRange();
    before.setStart(marked, 0);
    before.setEnd(node, offset);
    return before.toString().length;
  };
  return { start: upTo(range.startContainer, range.startOffset), end: upTo(range.endContainer, range.endOffset) };
}

function selectedInField() {
  const { selectionStart: start, selectionEnd: end } = byId("text");
  return start < end ? { start, end } : null;
}
