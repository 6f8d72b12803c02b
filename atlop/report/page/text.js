// A document's text: coloured entities, marked evidence, and words shaded by their share of what the model read for a fact.

/** Show the text of a document; entities have a colour and a number. */
function showText(doc, chosen) {
  const shares = chosen && wordShares(chosen);
  let first = 0;
  const sentences = doc.sentences.map((words, index) => {
    const paragraph = sentence(doc, index, { first, shares, chosen });
    first += words.length;
    return paragraph;
  });
  byId("text").replaceChildren(...sentences);
  byId("text").classList.toggle("reading", Boolean(chosen));
  const hint = shares ? shadeScale() : element("p", { class: "hint" }, "This pair has no localized context to show.");
  byId("reading").replaceChildren(...(chosen && HAS_MODEL ? [hint] : []));
}

function sentence(doc, index, { first, shares, chosen }) {
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
        parent.append(shadedWord(doc.sentences[index][position], shares?.[first + position]));
        position += 1;
        continue;
      }
      const mention = inside.shift();
      const stop = Math.min(mention.end, end);
      const nested = [];
      while (inside.length && inside[0].start < stop) nested.push(inside.shift());
      const span = element("span", {
        class: mentionClass(mention.entity),
        "data-entity": mention.entity,
        "data-number": mention.entity + 1,
        title: entityTitle(doc, mention.entity),
      });
      fill(span, mention.start, stop, nested);
      parent.append(span);
      position = stop;
    }
  }

  const mentionClass = (entity) => {
    const isInFact = chosen && (entity === chosen.subject || entity === chosen.object);
    return `mention numbered ${entityClass(entity)}${isInFact ? " in-fact" : ""}${entity === state.entity ? " picked" : ""}`;
  };
  fill(content, 0, doc.sentences[index].length, mentions);
  const share = chosen && factPair(chosen)?.shares[index];
  const number = element("span", { class: "sentence-number" }, element("span", { class: "unseen" }, "sentence "), String(index));
  return element("p", { class: `sentence ${evidenceKind(chosen, index)}` }, number, content, " ",
    ...evidenceChip(evidenceKind(chosen, index)),
    ...(share >= 0.01 ? [element("small", {}, `${percent(share)} % of the context`)] : []));
}

const EVIDENCE = { "gold found": "✓ gold and found evidence", gold: "○ gold evidence", found: "• found evidence" };

/** Whether a sentence is evidence of a fact as annotated, as the model found it, or both; "" if neither. */
function evidenceKind(fact, index) {
  const kinds = { gold: fact?.gold.includes(index), found: fact?.found.includes(index) };
  return Object.keys(kinds).filter((kind) => kinds[kind]).join(" ");
}

const evidenceChip = (kind) => (kind ? [element("span", { class: `chip ${kind}` }, EVIDENCE[kind])] : []);

/** List the entities; a click highlights an entity's mentions. */
function showEntities(doc) {
  byId("entities").replaceChildren(...doc.entities.map(({ name, type, mentions }, entity) =>
    element("li", {}, element("button", {
      type: "button",
      class: `entity ${entityClass(entity)}`,
      "aria-pressed": String(state.entity === entity),
      click: () => pickEntity(entity),
    }, `${entity + 1} `, bidiText(name), element("small", {}, ` ${type} · ${mentions.length}`)))));
}
