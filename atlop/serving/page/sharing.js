// A text with its marks in the page's address, behind the `#`: `text`, `entities` as the service takes them, and `fact`.

/** Address within the page of the text and, if one is given, of a fact. */
function addressOf(fact) {
  const { text, entities } = requestBody();
  const values = new URLSearchParams({ text });
  if (entities) values.set("entities", JSON.stringify(entities));
  if (fact) values.set("fact", fact.index);
  return `#${values}`;
}

/** Take the text of the page's address and find its facts, unless it is the current text; return whether it was another. */
function openAddress() {
  const values = new URLSearchParams(location.hash.slice(1));
  const [text, entities] = [values.get("text"), values.get("entities")];
  if (text === null) return false;
  const body = requestBody();
  if (text === body.text && entities === (body.entities ? JSON.stringify(body.entities) : null)) return false;
  const chosen = Number(values.get("fact") ?? NaN);
  try {
    load({ text, entities: entities ? JSON.parse(entities) : [] });
  } catch {
    load({ text });
    showProblem("The marks of this link do not fit its text. Mark the names again.");
    return true;
  }
  if (!UNAVAILABLE.find()) findFacts(chosen);
  return true;
}

/** Copy a text, also where a page without encryption may not use the clipboard's interface. */
async function copyText(text, notice) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = element("textarea", { readonly: "" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  byId("notice").textContent = notice;
}
