// A document's text: coloured entities, marked evidence, and words shaded by their weight in a fact's localized context.

/** Show the text of a document; entities have a colour and a number. */
function showText(doc, chosen) {
  const weights = chosen && wordWeights(chosen);
  let first = 0;
  const sentences = doc.sentences.map((words, index) => {
    const paragraph = sentence(doc, index, { first, weights, chosen });
    first += words.length;
    return paragraph;
  });
  byId("text").replaceChildren(...sentences);
  byId("text").classList.toggle("reading", Boolean(chosen));
  byId("reading").textContent = chosen && HAS_MODEL ? readingNote(weights) : "";
}

function readingNote(weights) {
  return weights
    ? `Shading: localized context of the pair. The darkest word has ${percent(weights.heaviest)} % of it.`
    : "This pair has no localized context to show.";
}

function sentence(doc, index, { first, weights, chosen }) {
  const content = element("span", { class: "words", dir: "auto" });
  const mentions = doc.entities
    .flatMap(({ mentions: all }, entity) => all.filter(([sentence]) => sentence === index).map(([, start, end]) => ({ entity, start, end })))
    .sort((a, b) => a.start - b.start || b.end - a.end);

  /** Append the words from `start` to `end`. Nested mentions nest; a mention that crosses another's end is cut there. */
  function fill(parent, start, end, inside) {
    let position = start;
    while (position < end) {
      if (position > start) parent.append(" ");
      if (!inside.length || inside[0].start > position) {
        parent.append(word(position));
        position += 1;
        continue;
      }
      const mention = inside.shift();
      const stop = Math.min(mention.end, end);
      const nested = [];
      while (inside.length && inside[0].start < stop) nested.push(inside.shift());
      const span = element("span", { class: mentionClass(mention.entity), "data-entity": mention.entity, title: entityTitle(doc, mention.entity) });
      fill(span, mention.start, stop, nested);
      span.append(element("sub", {}, String(mention.entity + 1)));
      parent.append(span);
      position = stop;
    }
  }

  function word(position) {
    const span = element("span", { class: "word" }, doc.sentences[index][position]);
    const weight = weights?.relative[first + position];
    if (weight) {
      span.style.setProperty("--weight", `${(100 * weight).toFixed(1)}%`);
      span.title = `${percent(weight * weights.heaviest)} % of the localized context`;
    }
    return span;
  }

  const mentionClass = (entity) => {
    const isInFact = chosen && (entity === chosen.subject || entity === chosen.object);
    return `mention colour-${entity % COLOURS}${isInFact ? " in-fact" : ""}${entity === state.entity ? " picked" : ""}`;
  };
  fill(content, 0, doc.sentences[index].length, mentions);
  const share = chosen && factPair(chosen)?.shares[index];
  const chips = [
    ...(chosen?.gold.includes(index) ? [element("span", { class: "chip gold" }, "gold evidence")] : []),
    ...(chosen?.found.includes(index) ? [element("span", { class: "chip found" }, "found evidence")] : []),
    ...(share >= 0.01 ? [element("small", {}, `${percent(share)} % of the context`)] : []),
  ];
  const marked = chosen?.gold.includes(index) || chosen?.found.includes(index) ? " evidence" : "";
  return element("p", { class: `sentence${marked}` }, element("span", { class: "sentence-number", "aria-label": `sentence ${index}` }, String(index)), content, " ", ...chips);
}

/** List the entities; a click highlights an entity's mentions. */
function showEntities(doc) {
  byId("entities").replaceChildren(...doc.entities.map(({ name, type, mentions }, entity) =>
    element("li", {}, element("button", {
      type: "button",
      class: `entity colour-${entity % COLOURS}`,
      "aria-pressed": String(state.entity === entity),
      click: () => pickEntity(entity),
    }, `${entity + 1} `, bidiText(name), element("small", {}, ` ${type} · ${mentions.length}`)))));
}
