// One scale for the shading of words: a word's share of the weight on all words in a pair's localized context. How much of
// that context is on the encoder's special tokens differs so much between models that shares of the whole would say little.

const SHADES = [0.01, 0.02, 0.05, 0.1, 0.2]; // lower end of each shade

/** A word of a text, shaded by its share of what the model read. */
function shadedWord(text, share = 0) {
  const shade = SHADES.filter((lowest) => share >= lowest).length;
  return element("span", {
    class: shade ? `word shade-${shade}` : "word",
    title: share ? `${percent(share)} % of the weight on words` : null,
  }, text);
}

/** The scale with what it means, to be shown beside a shaded text. */
function shadeScale() {
  const label = (lowest, index) => {
    const highest = SHADES[index + 1];
    return highest ? `${100 * lowest} to ${100 * highest} %` : `over ${100 * lowest} %`;
  };
  return element("p", { class: "hint scale" }, "Shading: a word's share of what the model read in the text for this pair. ",
    ...SHADES.map((lowest, index) => element("span", { class: `swatch shade-${index + 1}` }, label(lowest, index))));
}
