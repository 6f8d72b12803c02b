// Ticks of an axis: round numbers, written out.

const formatTick = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4 });

/** Return about `count` round numbers between two. */
function linearTicks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / size - 1e-9);
  return Array.from({ length: Math.floor(high / size + 1e-9) - first + 1 }, (_, index) => (first + index) * size);
}

/** Return 1, 2 and 5 times the powers of ten between two numbers; the powers alone if there are many. */
function logTicks(low, high) {
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 }, (_, index) => Math.floor(Math.log10(low)) + index);
  const factors = Math.log10(high / low) > 3 ? [1] : [1, 2, 5];
  return powers.flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`))).filter((value) => value >= low && value <= high);
}
