// A document's text: entities in their colours, evidence marked, words shaded by what a fact's pair reads.

/** Write the text of a document; entities are told apart by colour and by number. */
function showText(page, chosen) {
  const weights = chosen && wordWeights(chosen);
  let first = 0;
  const sentences = page.sentences.map((words, index) => {
    const made = sentence(page, index, { first, weights, chosen });
    first += words.length;
    return made;
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

function sentence(page, index, { first, weights, chosen }) {
  const content = element("span", { class: "words", dir: "auto" });
  const mentions = page.entities
    .flatMap((each, entity) => each.mentions.filter(([where]) => where === index).map(([, start, end]) => ({ entity, start, end })))
    .sort((one, other) => one.start - other.start || other.end - one.end);

  /** Write words from `start` to `end`; a mention within another stands within it, one that crosses its end is cut. */
  function fill(parent, start, end, inside) {
    let place = start;
    while (place < end) {
      if (place > start) parent.append(" ");
      if (!inside.length || inside[0].start > place) {
        parent.append(word(place));
        place += 1;
        continue;
      }
      const mention = inside.shift();
      const stop = Math.min(mention.end, end);
      const within = [];
      while (inside.length && inside[0].start < stop) within.push(inside.shift());
      const made = element("span", { class: mentionClass(mention.entity), "data-entity": mention.entity, title: entityTitle(page, mention.entity) });
      fill(made, mention.start, stop, within);
      made.append(element("sub", {}, String(mention.entity + 1)));
      parent.append(made);
      place = stop;
    }
  }

  function word(place) {
    const made = element("span", { class: "word" }, page.sentences[index][place]);
    const weight = weights?.relative[first + place];
    if (weight) {
      made.style.setProperty("--weight", `${(100 * weight).toFixed(1)}%`);
      made.title = `${percent(weight * weights.heaviest)} % of the localized context`;
    }
    return made;
  }

  const mentionClass = (entity) => {
    const isOne = chosen && (entity === chosen.subject || entity === chosen.object);
    return `mention colour-${entity % COLOURS}${isOne ? " of-fact" : ""}${entity === state.entity ? " picked" : ""}`;
  };
  fill(content, 0, page.sentences[index].length, mentions);
  const chips = [
    ...(chosen?.gold.includes(index) ? [element("span", { class: "chip gold" }, "gold evidence")] : []),
    ...(chosen?.found.includes(index) ? [element("span", { class: "chip found" }, "found evidence")] : []),
  ];
  const marked = chips.length ? " evidence" : "";
  return element("p", { class: `sentence${marked}` }, element("span", { class: "place", "aria-label": `sentence ${index}` }, String(index)), content, " ", ...chips);
}

/** List the entities; choosing one marks all its mentions. */
function showEntities(page) {
  byId("entities").replaceChildren(...page.entities.map((each, entity) =>
    element("li", {}, element("button", {
      type: "button",
      class: `entity colour-${entity % COLOURS}`,
      "aria-pressed": String(state.entity === entity),
      click: () => pickEntity(entity),
    }, `${entity + 1} `, named(each.name), element("small", {}, ` ${each.type} · ${each.mentions.length}`)))));
}
