// One scale for the shading of words: the share of a pair's localized context, which is what the model reads for it.

const SHADES = [0.01, 0.02, 0.05, 0.1, 0.2]; // lower end of each shade

/** A word of a text, shaded by its share of the localized context. */
function shadedWord(text, share = 0) {
  const shade = SHADES.filter((lowest) => share >= lowest).length;
  return element("span", {
    class: shade ? `word shade-${shade}` : "word",
    title: share ? `${percent(share)} % of the localized context` : null,
  }, text);
}

/** The scale with what it means, to be shown beside a shaded text. */
function shadeScale() {
  const label = (lowest, index) => {
    const highest = SHADES[index + 1];
    return highest ? `${100 * lowest} to ${100 * highest} %` : `${100 * lowest} % and more`;
  };
  return element("p", { class: "hint scale" }, "Shading: a word's share of what the model read for this pair (its localized context). ",
    ...SHADES.map((lowest, index) => element("span", { class: `swatch shade-${index + 1}` }, label(lowest, index))));
}
