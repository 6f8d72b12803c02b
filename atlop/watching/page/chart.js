// Curves over the steps of a run.

const HEIGHT = 240;
const MARGIN = { left: 62, right: 18, top: 10, bottom: 34 };

/**
 * Draw curves.
 * Each is {name, group, steps, values, marked}; `group` is a class that gives colour and dashes. A band is {name, group,
 * steps, low, high}. `lastStep` ends the horizontal axis, `zero` begins the vertical one at 0, `log` makes it logarithmic.
 */
function chart(name, { label, curves, band = null, lastStep, zero = false, log = false }) {
  const drawn = curves.filter(({ values }) => values.length);
  byId(`${name}-legend`).replaceChildren(...drawn.map(legendItem), ...(band && drawn.length ? [legendItem(band)] : []));
  const target = byId(name);
  if (!drawn.length) {
    target.replaceChildren(element("p", { class: "hint" }, "Nothing yet."));
    return;
  }
  const width = Math.max(target.clientWidth, 260);
  const scale = scales({ drawn, band, lastStep, zero, log, width });
  target.replaceChildren(svgElement("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "img", "aria-label": label },
    ...axes(scale, width),
    ...(band ? [svgElement("path", { class: `band ${band.group}`, d: bandPath(band, scale) })] : []),
    ...drawn.flatMap((curve) => [
      svgElement("path", { class: `curve ${curve.group}`, d: path(curve.steps, curve.values, scale) }),
      ...(curve.marked ? curve.steps.map((step, index) => svgElement("circle", { class: `mark ${curve.group}`, r: 3, cx: scale.x(step), cy: scale.y(curve.values[index]) })) : []),
    ])));
}

function legendItem({ name, group, low }) {
  const drawing = low ? { class: `band ${group}`, d: "M0 0H28V10H0Z" } : { class: `curve ${group}`, d: "M0 5H28" };
  return element("li", {}, svgElement("svg", { viewBox: "0 0 28 10", "aria-hidden": "true" }, svgElement("path", drawing)), name);
}

/** Return functions from steps and values to pixels, and the ticks of both axes. */
function scales({ drawn, band, lastStep, zero, log, width }) {
  const values = [...drawn.flatMap((curve) => curve.values), ...(band ? [...band.low, ...band.high] : [])].filter((value) => !log || value > 0);
  const to = log ? Math.log10 : (value) => value;
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (zero) low = 0;
  if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - 1, high + 1];
  const space = 0.06 * (to(high) - to(low));
  const [bottom, top] = [to(low) - (zero ? 0 : space), to(high) + space];
  const across = width - MARGIN.left - MARGIN.right;
  const down = HEIGHT - MARGIN.top - MARGIN.bottom;
  return {
    x: (step) => round(MARGIN.left + (across * step) / lastStep),
    y: (value) => round(MARGIN.top + (down * (top - Math.max(log && value <= 0 ? bottom : to(value), bottom))) / (top - bottom)),
    steps: linearTicks(0, lastStep, Math.max(Math.floor(across / 90), 2)).filter(Number.isInteger),
    values: log ? logTicks(10 ** bottom, 10 ** top) : linearTicks(bottom, top, 5),
  };
}

function axes({ x, y, steps, values }, width) {
  const text = (attributes, content) => svgElement("text", attributes, content);
  return [
    ...values.flatMap((value) => [
      svgElement("path", { class: "grid", d: `M${MARGIN.left} ${y(value)}H${width - MARGIN.right}` }),
      text({ x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, formatTick(value)),
    ]),
    ...steps.map((step) => text({ x: x(step), y: HEIGHT - MARGIN.bottom + 16, "text-anchor": "middle" }, formatTick(step))),
    text({ x: width - MARGIN.right, y: HEIGHT - 4, "text-anchor": "end" }, "step"),
  ];
}

const round = (pixels) => Math.round(10 * pixels) / 10;
const path = (steps, values, { x, y }) => steps.map((step, index) => `${index ? "L" : "M"}${x(step)} ${y(values[index])}`).join("");
const bandPath = ({ steps, low, high }, scale) =>
  `${path(steps, high, scale)}${path([...steps].reverse(), [...low].reverse(), scale).replace("M", "L")}Z`;
