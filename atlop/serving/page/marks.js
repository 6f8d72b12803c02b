// The text and its entities. Places count UTF-16 units, as the browser does; the service counts code points.

const state = { text: "", entities: [], picked: null, facts: null, chosen: null };
const past = [];
const WORDY = /[\p{L}\p{N}]/u;

/** Change text or entities in a way that can be undone. Facts that were found are of the text before: they go. */
function change(by, { isTyping = false } = {}) {
  const last = past.at(-1);
  if (!(isTyping && last?.isTyping)) past.push({ text: state.text, entities: structuredClone(state.entities), isTyping });
  by();
  for (const entity of state.entities) entity.mentions.sort((one, other) => one.start - other.start || other.end - one.end);
  state.entities = state.entities.filter((entity) => entity.mentions.length > 0);
  forget();
}

function undo() {
  if (!past.length) return;
  const { text, entities } = past.pop();
  Object.assign(state, { text, entities });
  forget();
}

/** Drop what was found, and what is being looked for. */
function forget() {
  running?.abort();
  history.replaceState(null, "", location.pathname);
  Object.assign(state, { picked: null, facts: null, chosen: null });
  show();
}

const textOf = ({ start, end }) => state.text.slice(start, end);
const nameOf = (entity) => textOf(entity.mentions[0]);

/** Make a mention, and others where its text stands free if that is asked for; those of one text are one entity. */
function mark({ start, end }, { isEverywhere }) {
  while (start < end && /\s/u.test(state.text[start])) start += 1;
  while (start < end && /\s/u.test(state.text[end - 1])) end -= 1;
  if (start === end) return;
  const name = state.text.slice(start, end);
  const all = state.entities.flatMap((entity) => entity.mentions);
  const isNew = !all.some((each) => each.start === start && each.end === end);
  const isFree = (place) => [...all, { start, end }].every((each) => place.end <= each.start || each.end <= place.start);
  const fresh = [...(isNew ? [{ start, end }] : []), ...(isEverywhere ? placesOf(name).filter(isFree) : [])];
  if (!fresh.length) return;
  change(() => {
    let entity = state.entities.find(({ mentions }) => mentions.some((mention) => textOf(mention) === name));
    if (!entity) state.entities.push((entity = { type: "", mentions: [] }));
    entity.mentions.push(...fresh);
  });
}

/** Where a text stands that is no part of a longer word. */
function placesOf(name) {
  const isWordy = (unit) => unit !== undefined && WORDY.test(unit);
  const [first, ...rest] = [...name];
  const last = rest.at(-1) ?? first;
  const found = [];
  for (let start = state.text.indexOf(name); start >= 0; start = state.text.indexOf(name, start + name.length)) {
    const end = start + name.length;
    const before = [...state.text.slice(Math.max(0, start - 2), start)].at(-1);
    const [after] = state.text.slice(end, end + 2);
    if (!(isWordy(first) && isWordy(before)) && !(isWordy(last) && isWordy(after))) found.push({ start, end });
  }
  return found;
}

/** Move an entity's mentions of one text to another entity, or to one of their own. */
function move(entity, name, target) {
  change(() => {
    const moved = entity.mentions.filter((mention) => textOf(mention) === name);
    entity.mentions = entity.mentions.filter((mention) => textOf(mention) !== name);
    if (target) target.mentions.push(...moved);
    else state.entities.push({ type: entity.type, mentions: moved });
  });
}

function remove(entity, name) {
  change(() => {
    entity.mentions = entity.mentions.filter((mention) => textOf(mention) !== name);
  });
}

/** Take over another text; mentions before and after what differs stay. */
function rewrite(text) {
  const was = state.text;
  const shorter = Math.min(was.length, text.length);
  let [head, tail] = [0, 0];
  while (head < shorter && was[head] === text[head]) head += 1;
  while (tail < shorter - head && was[was.length - 1 - tail] === text[text.length - 1 - tail]) tail += 1;
  const moved = ({ start, end }) =>
    end <= head ? { start, end }
    : start >= was.length - tail ? { start: start + text.length - was.length, end: end + text.length - was.length }
    : null;
  change(() => {
    state.text = text;
    for (const entity of state.entities) entity.mentions = entity.mentions.map(moved).filter(Boolean);
  }, { isTyping: true });
}

/** Places in UTF-16 units of each code point of the text, and of its end. */
function unitsOfPoints() {
  const units = [0];
  for (const character of state.text) units.push(units.at(-1) + character.length);
  return units;
}

/** What the service is asked: places in code points. */
function asked() {
  const points = new Map(unitsOfPoints().map((unit, point) => [unit, point]));
  return {
    text: state.text,
    entities: state.entities.map(({ type, mentions }) => ({ type, mentions: mentions.map(({ start, end }) => [points.get(start), points.get(end)]) })),
  };
}
