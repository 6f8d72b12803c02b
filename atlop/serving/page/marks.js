// The text and its entities. Offsets count UTF-16 units, like the browser; the service counts code points.

const state = { text: "", entities: [], picked: null, answer: null, facts: null, chosen: null };
const undoStack = [];
const WORD_CHARACTER = /[\p{L}\p{N}]/u;

/** Apply an edit of text or entities that can be undone, and clear the facts of the previous text. */
function change(edit, { isTyping = false } = {}) {
  const last = undoStack.at(-1);
  if (!(isTyping && last?.isTyping)) undoStack.push({ text: state.text, entities: structuredClone(state.entities), isTyping });
  edit();
  for (const entity of state.entities) entity.mentions.sort((a, b) => a.start - b.start || b.end - a.end);
  state.entities = state.entities.filter((entity) => entity.mentions.length > 0);
  clearFacts();
}

function undo() {
  if (!undoStack.length) return;
  const { text, entities } = undoStack.pop();
  Object.assign(state, { text, entities });
  clearFacts();
}

/** Clear the facts, and abort a running request. */
function clearFacts() {
  running?.abort();
  history.replaceState(null, "", location.pathname);
  Object.assign(state, { picked: null, answer: null, facts: null, chosen: null });
  show();
}

const mentionText = ({ start, end }) => state.text.slice(start, end);
const entityName = (entity) => mentionText(entity.mentions[0]);

/** Add a mention, and optionally all free occurrences of its text; mentions of the same text join the same entity. */
function mark({ start, end }, { isEverywhere }) {
  while (start < end && /\s/u.test(state.text[start])) start += 1;
  while (start < end && /\s/u.test(state.text[end - 1])) end -= 1;
  if (start === end) return;
  const name = state.text.slice(start, end);
  const all = state.entities.flatMap((entity) => entity.mentions);
  const isNew = !all.some((span) => span.start === start && span.end === end);
  const isFree = (span) => [...all, { start, end }].every((other) => span.end <= other.start || other.end <= span.start);
  const added = [...(isNew ? [{ start, end }] : []), ...(isEverywhere ? findOccurrences(name).filter(isFree) : [])];
  if (!added.length) return;
  change(() => {
    let entity = state.entities.find(({ mentions }) => mentions.some((mention) => mentionText(mention) === name));
    if (!entity) state.entities.push((entity = { type: "", mentions: [] }));
    entity.mentions.push(...added);
  });
}

/** Find the occurrences of a text that are not part of a longer word. */
function findOccurrences(name) {
  const isWordCharacter = (unit) => unit !== undefined && WORD_CHARACTER.test(unit);
  const [first, ...rest] = [...name];
  const last = rest.at(-1) ?? first;
  const found = [];
  for (let start = state.text.indexOf(name); start >= 0; start = state.text.indexOf(name, start + name.length)) {
    const end = start + name.length;
    const before = [...state.text.slice(Math.max(0, start - 2), start)].at(-1);
    const [after] = state.text.slice(end, end + 2);
    if (!(isWordCharacter(first) && isWordCharacter(before)) && !(isWordCharacter(last) && isWordCharacter(after))) found.push({ start, end });
  }
  return found;
}

/** Move an entity's mentions with this text to another entity, or to a new one. */
function move(entity, name, target) {
  change(() => {
    const moved = entity.mentions.filter((mention) => mentionText(mention) === name);
    entity.mentions = entity.mentions.filter((mention) => mentionText(mention) !== name);
    if (target) target.mentions.push(...moved);
    else state.entities.push({ type: entity.type, mentions: moved });
  });
}

function remove(entity, name) {
  change(() => {
    entity.mentions = entity.mentions.filter((mention) => mentionText(mention) !== name);
  });
}

/** Replace the text; mentions before and after the difference are kept. */
function rewrite(text) {
  const previous = state.text;
  const shorter = Math.min(previous.length, text.length);
  let [head, tail] = [0, 0];
  while (head < shorter && previous[head] === text[head]) head += 1;
  while (tail < shorter - head && previous[previous.length - 1 - tail] === text[text.length - 1 - tail]) tail += 1;
  const moved = ({ start, end }) =>
    end <= head ? { start, end }
    : start >= previous.length - tail ? { start: start + text.length - previous.length, end: end + text.length - previous.length }
    : null;
  change(() => {
    state.text = text;
    for (const entity of state.entities) entity.mentions = entity.mentions.map(moved).filter(Boolean);
  }, { isTyping: true });
}

/** UTF-16 offset of each code point of a text, and of its end. */
function codePointOffsets(text) {
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  return units;
}

/** Take a text, and entities as the service has them: offsets in code points. Throws if they do not fit the text. */
function load({ text, entities = [] }) {
  const units = codePointOffsets(text);
  const toMention = (mention) => {
    const spans = mention.spans ?? [mention];
    const [start, end] = [units[spans[0][0]], units[spans.at(-1)[1]]];
    if (!(start < end)) throw new RangeError(`no mention: ${start} to ${end}`);
    return { start, end };
  };
  const taken = entities.map(({ type = "", mentions }) => ({ type: String(type), mentions: mentions.map(toMention) }));
  change(() => Object.assign(state, { text, entities: taken }));
}

/** Body of the request, with offsets in code points; without marks, the service finds the entities. */
function requestBody() {
  if (!state.entities.length) return { text: state.text };
  const points = new Map(codePointOffsets(state.text).map((unit, point) => [unit, point]));
  return {
    text: state.text,
    entities: state.entities.map(({ type, mentions }) => ({ type, mentions: mentions.map(({ start, end }) => [points.get(start), points.get(end)]) })),
  };
}
