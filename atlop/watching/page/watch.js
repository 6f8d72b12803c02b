// Asks for the run's progress again and again, and shows it.

const STATES = {
  preparing: { sign: "…", label: "Preparing", group: "right", wait: 2 },
  running: { sign: "▶", label: "Training", group: "right", wait: 2 },
  elsewhere: { sign: "▷", label: "On another machine", group: "right", wait: 5 },
  finished: { sign: "✓", label: "Finished", group: "right", wait: 30 },
  stopped: { sign: "■", label: "Stopped", group: "missed", wait: 10 },
  "broken off": { sign: "✗", label: "Broken off", group: "missed", wait: 10 },
  gone: { sign: "✗", label: "Gone", group: "missed", wait: 10 },
};
const LOST = "This page gets no answer from `atlop watch` and shows what it last knew. The training does not depend on it.";
let last = { text: "", run: null };
let timer = null;

async function follow() {
  clearTimeout(timer);
  const response = await fetch("progress", { cache: "no-store" }).catch(() => null);
  const text = response?.ok ? await response.text().catch(() => null) : null;
  if (text === null) showProblem(LOST);
  else {
    if (text !== last.text) show({ text, run: JSON.parse(text) });
    showProblem(last.run.problem);
    showAge(new Date(response.headers.get("date")));
  }
  timer = setTimeout(follow, 1000 * (text === null ? 5 : STATES[last.run.state].wait));
}

function show({ text, run }) {
  last = { text, run };
  const { sign, label, group } = STATES[run.state];
  const state = [element("strong", { class: group }, element("span", { "aria-hidden": "true" }, `${sign} `), label), run.message];
  if (byId("state").textContent !== `${sign} ${label}${run.message}`) byId("state").replaceChildren(...state);
  byId("done").value = run.state === "finished" ? 1 : run.steps ? run.step / run.steps : 0;
  document.title = `${run.state === "running" && run.steps ? `${Math.floor((100 * run.step) / run.steps)} %` : label} · ${run.run}`;
  byId("tiles").replaceChildren(...tiles(run));
  showCharts(run);
  showEvaluations(run);
  byId("settings").replaceChildren(...Object.entries(run.settings).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, bidiText(value))]));
}

function tiles(run) {
  const tile = (label, value, note = "") => element("div", { class: "tile" }, element("dt", {}, label), element("dd", {}, value, element("small", {}, note)));
  const best = bestEvaluation(run);
  const { steps_per_point: size, mean } = run.loss;
  return [
    tile("Step", formatCount(run.step), run.steps ? `of ${formatCount(run.steps)}` : ""),
    tile("Epoch", run.epoch || "–", run.epochs ? `of ${run.epochs}` : ""),
    tile("Loss", mean.length ? mean.at(-1).toPrecision(3) : "–", size > 1 ? `mean of the last ${size} steps` : "of the last step"),
    tile("Best dev F1", best ? percent(best.f1) : "–", best ? `after step ${formatCount(best.step)}` : "no evaluation yet"),
    tile("Time", duration(run.seconds), run.skipped_steps ? `${run.skipped_steps} steps skipped: loss or gradient not finite` : ""),
    ...(run.seconds_left === null ? [] : [tile("Time left", `${duration(run.seconds_left)}`, "about, with all evaluations")]),
    element("div", { class: "tile" }, element("dt", {}, "Last written"), element("dd", {}, element("span", { id: "age" }, "–"), element("small", {}, "ago"))),
  ];
}

function showCharts({ step, steps, loss, dev, rates, state }) {
  const lastStep = Math.max(state === "finished" ? step : steps ?? step, 1);
  const size = loss.steps_per_point;
  const scored = dev.filter(({ f1 }) => f1 !== null);
  const ign = scored.filter(({ ign_f1: score }) => score !== null);
  const stepsOf = (rows) => rows.map((row) => row.step);
  chart("loss", {
    label: loss.step.length ? `Loss by step: ${loss.mean[0]} at first, ${loss.mean.at(-1)} after step ${loss.step.at(-1)}` : "Loss",
    curves: [{ name: size > 1 ? `mean of ${size} steps` : "each step", group: "right", steps: loss.step, values: loss.mean }],
    band: size > 1 ? { name: "lowest to highest", group: "right", steps: loss.step, low: loss.low, high: loss.high } : null,
    lastStep,
    log: true,
  });
  chart("dev", {
    label: "Scores on dev by step; the table below has them",
    curves: [
      { name: "F1", group: "right", steps: stepsOf(scored), values: scored.map(({ f1 }) => 100 * f1), marked: true },
      { name: "Ign F1", group: "missed", steps: stepsOf(ign), values: ign.map(({ ign_f1: score }) => 100 * score), marked: true },
    ],
    lastStep,
  });
  chart("rates", {
    label: rates.step.length ? `Learning rates by step; after step ${rates.step.at(-1)}: encoder ${rates.encoder.at(-1)}, new layers ${rates.new_layers.at(-1)}` : "Learning rates",
    curves: [
      { name: "encoder", group: "right", steps: rates.step, values: rates.encoder },
      { name: "new layers", group: "missed", steps: rates.step, values: rates.new_layers },
    ],
    lastStep,
    zero: true,
  });
}

const bestEvaluation = ({ dev }) => dev.filter(({ f1 }) => f1 !== null).reduce((best, row) => (best && best.f1 >= row.f1 ? best : row), null);

function showEvaluations(run) {
  const best = bestEvaluation(run);
  const score = (title, key) => ({ title, value: (row) => percent(row[key]) });
  byId("evaluations").replaceChildren(...(run.dev.length ? [table("Evaluations on dev, in percent", [
    { title: "After step", value: (row) => formatCount(row.step) + (row === best ? " ★" : "") },
    { title: "Epoch", value: (row) => row.epoch },
    score("F1", "f1"), score("Ign F1", "ign_f1"), score("Precision", "precision"), score("Recall", "recall"),
    { title: "Time", value: (row) => (row.seconds === null ? "–" : duration(row.seconds)) },
  ], run.dev)] : []));
}

function showProblem(message) {
  byId("problem").hidden = message === null;
  if (byId("problem").textContent !== (message ?? "")) byId("problem").textContent = message ?? "";
}

/** Say how long ago the run wrote its last line. */
function showAge(now) {
  const { written } = last.run;
  byId("age").textContent = written === null ? "–" : duration(Math.max(now / 1000 - written, 0));
}

function duration(seconds) {
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) follow(); });
document.addEventListener("keydown", (event) => { if (event.key === "?" && !byId("help").open) byId("help").showModal(); });
addEventListener("resize", () => { if (last.run) showCharts(last.run); });
follow();
