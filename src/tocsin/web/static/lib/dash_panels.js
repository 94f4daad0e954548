// What a panel shows: its queries asked, and drawn as its kind wants it. Each draws itself again in place.

import { ask, queryRange, Refused } from "./api.js";
import { el } from "./dom.js";
import { guessUnit, withUnit } from "./format.js";
import { DRAWN, frame } from "./frames.js";
import { ASKS, LETTERS, reduced, toneOf } from "./dash_model.js";
import { alerts, logCounts, logs, text, traces } from "./dash_lists.js";
import { builtIn, filled } from "./dash_words.js";
import { step as stepOf } from "./range.js";
import { colours, key } from "./series.js";

/**
 * @typedef {import("./dash_model.js").Panel} Panel
 * @typedef {import("./frames.js").Line} Line
 * @typedef {{ at: number, words: string }} Note
 */

/**
 * What a panel is drawn with.
 * @typedef {object} Setting
 * @property {{ start: number, end: number }} range epoch seconds
 * @property {import("./dash_words.js").Values} values
 * @property {AbortSignal} signal
 * @property {Note[]} notes
 */

/** @typedef {{ lines: Line[], times: number[], rest: number, problems: string[] }} Asked */

/** As many series are asked for; the largest of them are drawn. */
const MOST = 500;
const TILES = 16;
const BARS = 100;
/** Whoever has no mouse scrolls what has the focus. */
const SCROLLED = ":scope > :is(.tiles, .bar-list, .alert-list, .lines, .written, tc-table)";

/** @param {Panel} panel */
export function unitFor(panel) {
  return panel.unit || guessUnit(panel.queries.find((one) => !one.hidden)?.expr ?? "");
}

/** @param {string} words @param {Setting} setting @param {number} step @param {"promql" | "logs" | "text"} [where] */
export function fill(words, setting, step, where = "promql") {
  return filled(words, setting.values, builtIn(setting.range, step), where);
}

/**
 * All queries of a panel over the range; one that fails is told of, and the others are drawn.
 * @param {Panel} panel @param {Setting} setting @param {number} width pixels
 * @returns {Promise<Asked>}
 */
export async function asked(panel, setting, width) {
  const { start, end } = setting.range;
  const step = stepOf(end - start, width);
  const queries = panel.queries.map((one, index) => ({ ...one, letter: LETTERS[index] })).filter((one) => !one.hidden && one.expr.trim());
  if (!queries.length) throw new Refused("It asks nothing yet: edit it and give it a query.", "empty", 0);
  const answers = await Promise.allSettled(queries.map((one) => queryRange(fill(one.expr, setting, step), start, end, step, setting.signal, { limit: String(MOST) })));
  const problems = /** @type {string[]} */ ([]);
  const lines = /** @type {Line[]} */ ([]);
  let [rest, times] = [0, /** @type {number[]} */ ([])];
  answers.forEach((answer, index) => {
    if (answer.status === "rejected") {
      if (!(answer.reason instanceof Refused)) throw answer.reason;
      if (answers.length === 1) throw answer.reason;
      problems.push(`Query ${queries[index].letter.toUpperCase()}: ${answer.reason.message}`);
      return;
    }
    problems.push(...answer.value.warnings.map(bounded));
    const found = frame(answer.value.data.result, start, end, step, fill(queries[index].legend, setting, step, "text"));
    times = found.times;
    rest += found.rest;
    for (const line of found.lines) lines.push({ ...line, key: queries.length > 1 ? `${queries[index].letter}:${line.key}` : line.key });
  });
  if (!times.length && problems.length) throw new Refused(problems.join(" "), "", 0);
  const kept = lines.slice(0, DRAWN);
  const chosen = colours(kept.map((line) => line.metric));
  return { lines: kept.map((line, index) => ({ ...line, colour: chosen[index] })), times, rest: rest + lines.length - kept.length, problems };
}

/** @param {string} warning of the API */
function bounded(warning) {
  return /truncated/.test(warning) ? `More than ${MOST} series answer: some of them are looked at. Narrow the query, or ask for topk(10, …).` : warning;
}

/** @param {Line} line */
function present(line) {
  return /** @type {number[]} */ (line.values.filter((value) => value !== null));
}

/** @param {number} rest @param {string} what */
export function restNote(rest, what) {
  return el("p", { class: "rest quiet", text: `${rest} more ${what} ${rest === 1 ? "is" : "are"} not shown; narrow the query.` });
}

/** @param {HTMLElement} body @param {string[]} problems @param {string} [words] */
function empty(body, problems, words = "No samples in this range") {
  body.replaceChildren(el("div", { class: "none", role: "note" }, el("span", { text: words })));
  return problems;
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
async function graph(panel, body, setting) {
  const found = await asked(panel, setting, body.clientWidth || 600);
  await showLines(panel, body, setting, found, unitFor(panel), panel.style);
  return found.problems;
}

/**
 * @param {Panel} panel @param {HTMLElement} body @param {Setting} setting
 * @param {{ lines: Line[], times: number[], rest: number }} found @param {string} unit @param {string} style
 */
export async function showLines(panel, body, setting, found, unit, style) {
  await Promise.all([import("../elements/tc-chart.js"), customElements.whenDefined("tc-chart")]);
  if (setting.signal.aborted) return;
  let chart = /** @type {import("../elements/tc-chart.js").TcChart | null} */ (body.querySelector(":scope > tc-chart"));
  const looks = { kind: style, unit, label: panel.title || "Graph", thresholds: panel.thresholds.filter((one) => one.at > -1e200).map((one) => `${one.at} ${one.tone} ${one.words}`).join("; "), bare: panel.legend === "none" ? "" : null, low: panel.low, high: panel.high };
  if (!chart) {
    chart = /** @type {import("../elements/tc-chart.js").TcChart} */ (el("tc-chart", {}, el("div", { class: "plot" })));
    body.replaceChildren(chart);
  }
  for (const [name, value] of Object.entries(looks)) {
    if (value === null || (name === "thresholds" && !value)) chart.removeAttribute(name);
    else chart.setAttribute(name, String(value));
  }
  chart.notes = setting.notes;
  chart.show(found);
  body.querySelector(":scope > .rest")?.remove();
  if (found.rest && panel.legend === "none") body.append(restNote(found.rest, "series"));
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
async function stat(panel, body, setting) {
  const found = await asked(panel, setting, 240);
  const unit = unitFor(panel);
  if (!found.lines.length) return empty(body, found.problems);
  await import("../elements/tc-spark.js");
  const tiles = found.lines.slice(0, TILES).map((line) => {
    const values = present(line);
    const value = reduced(values, panel.reduce);
    const tone = toneOf(panel.thresholds, value);
    const [, number, word] = /^(\S+)\s*(.*)$/.exec(withUnit(value, unit)) ?? ["", "–", ""];
    return el("div", { class: `tile ${tone}`, title: line.name },
      el("span", { class: "value" }, number, ...(word ? [el("small", { text: word })] : []), ...(tone && tone !== "ok" ? [el("span", { class: "sr", text: ` ${tone}` })] : [])),
      ...(found.lines.length > 1 || panel.queries.some((one) => one.legend) ? [el("span", { class: "name", text: line.short })] : []),
      ...(panel.spark && values.length > 1 ? [el("tc-spark", { values: values.join(" "), "aria-hidden": "true" })] : []));
  });
  const more = found.lines.length - tiles.length + found.rest;
  body.replaceChildren(el("div", { class: "tiles" }, ...tiles), ...(more ? [restNote(more, "series")] : []));
  return found.problems;
}

/** @param {Panel} panel @param {number[]} values @param {string} unit @returns {[number, number]} the ends of a scale */
function scaleOf(panel, values, unit) {
  const low = panel.low ?? Math.min(0, ...values);
  const usual = unit === "ratio" ? 1 : unit === "percent" ? 100 : Math.max(...values, ...panel.thresholds.map((one) => one.at), 0);
  const high = panel.high ?? usual;
  return high > low ? [low, high] : [low, low + 1];
}

/** @param {number} from share @param {number} to share @param {string} tone */
function arc(from, to, tone) {
  const point = (/** @type {number} */ share) => {
    const angle = Math.PI * (1 - Math.max(0, Math.min(1, share)));
    return `${(60 + 48 * Math.cos(angle)).toFixed(2)},${(62 - 48 * Math.sin(angle)).toFixed(2)}`;
  };
  return `<path class="${tone}" d="M${point(from)} A48,48 0 0 1 ${point(to)}"/>`;
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
async function gauge(panel, body, setting) {
  const found = await asked(panel, setting, 240);
  const unit = unitFor(panel);
  if (!found.lines.length) return empty(body, found.problems);
  const lines = found.lines.slice(0, TILES);
  const values = lines.map((line) => reduced(present(line), panel.reduce));
  const [low, high] = scaleOf(panel, values.filter(Number.isFinite), unit);
  const tiles = lines.map((line, index) => {
    const share = (values[index] - low) / (high - low);
    const tone = toneOf(panel.thresholds, values[index]);
    const drawing = el("div", { class: "dial", "aria-hidden": "true" });
    // Numbers and fixed words alone: nothing of it was written by anybody.
    drawing.innerHTML = `<svg viewBox="0 0 120 70">${arc(0, 1, "track")}${Number.isFinite(share) && share > 0.004 ? arc(0, share, `needle ${tone}`) : ""}</svg>`;
    return el("div", { class: `tile gauge ${tone}`, title: line.name }, drawing, el("span", { class: "value", text: withUnit(values[index], unit) }),
      ...(lines.length > 1 || panel.queries.some((one) => one.legend) ? [el("span", { class: "name", text: line.short })] : []));
  });
  const more = found.lines.length - lines.length + found.rest;
  body.replaceChildren(el("div", { class: "tiles" }, ...tiles), ...(more ? [restNote(more, "series")] : []));
  return found.problems;
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
async function bars(panel, body, setting) {
  const found = await asked(panel, setting, 240);
  const unit = unitFor(panel);
  if (!found.lines.length) return empty(body, found.problems);
  const rows = found.lines.map((line) => ({ line, value: reduced(present(line), panel.reduce) })).sort((a, b) => (b.value || 0) - (a.value || 0));
  const [low, high] = scaleOf(panel, rows.map(({ value }) => value).filter(Number.isFinite), unit);
  const shown = rows.slice(0, BARS).map(({ line, value }) => {
    const fillBox = el("i", { class: toneOf(panel.thresholds, value) });
    fillBox.style.width = `${Math.max(0, Math.min(100, ((value - low) / (high - low)) * 100)) || 0}%`;
    return el("li", { title: line.name }, el("span", { class: "name", text: line.short }), el("span", { class: "track", "aria-hidden": "true" }, fillBox), el("span", { class: "num", text: withUnit(value, unit) }));
  });
  const more = rows.length - shown.length + found.rest;
  body.replaceChildren(el("ol", { class: "bar-list" }, ...shown), ...(more ? [restNote(more, "series")] : []));
  return found.problems;
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
async function table(panel, body, setting) {
  const queries = panel.queries.map((one, index) => ({ ...one, letter: LETTERS[index] })).filter((one) => !one.hidden && one.expr.trim());
  if (!queries.length) throw new Refused("It asks nothing yet: edit it and give it a query.", "empty", 0);
  const time = String(setting.range.end);
  const answers = await Promise.all(queries.map((one) => ask("/api/v1/query", { query: fill(one.expr, setting, 60), time, limit: "2000" }, setting.signal)));
  await import("../elements/tc-table.js");
  /** @type {Map<string, { metric: Record<string, string>, values: string[] }>} */
  const rows = new Map();
  answers.forEach(({ data }, column) => {
    const results = data.resultType === "scalar" || data.resultType === "string" ? [{ metric: {}, value: data.result }] : data.result;
    for (const result of results) {
      const { __name__: name, ...rest } = result.metric;
      const metric = queries.length > 1 || !name ? rest : result.metric;
      const row = rows.get(key(metric)) ?? { metric, values: [] };
      row.values[column] = result.value?.[1] ?? "";
      rows.set(key(metric), row);
    }
  });
  const problems = answers.flatMap(({ warnings }) => warnings);
  if (!rows.size) return empty(body, problems, "No series at the end of this range");
  const found = [...new Set([...rows.values()].flatMap((row) => Object.keys(row.metric)))].sort();
  const labels = panel.columns.length ? panel.columns : found;
  const number = (/** @type {string | undefined} */ text) => (text === undefined ? NaN : Number(text));
  const sorted = [...rows.values()].sort((a, b) => (number(b.values[0]) || 0) - (number(a.values[0]) || 0));
  const heads = queries.map((one, index) => fill(one.legend, setting, 60, "text") || (queries.length > 1 ? `value ${LETTERS[index].toUpperCase()}` : "value"));
  const unit = unitFor(panel);
  const lines = sorted.slice(0, panel.limit).map((row) => el("tr", {}, ...labels.map((label) => el("td", {}, el("code", { text: row.metric[label] ?? "" }))),
    ...queries.map((one, index) => {
      const value = number(row.values[index]);
      return el("td", { class: `num ${toneOf(panel.thresholds, value)}`, title: row.values[index] ?? "", "data-sort": row.values[index] ?? "", "data-csv": row.values[index] ?? "", text: withUnit(value, panel.unit ? unit : guessUnit(one.expr)) });
    })));
  const head = el("tr", {}, ...labels.map((label) => el("th", { text: label === "__name__" ? "metric" : label })), ...heads.map((words) => el("th", { class: "num", text: words })));
  const box = el("tc-table", { id: `dash-table-${panel.id}` }, el("div", { class: "scroll" }, el("table", { class: "data" }, el("thead", {}, head), el("tbody", {}, ...lines))));
  const more = sorted.length - lines.length;
  body.replaceChildren(box, ...(more > 0 ? [restNote(more, "rows")] : []));
  return problems;
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
async function heatmap(panel, body, setting) {
  const { start, end } = setting.range;
  const step = stepOf(end - start, body.clientWidth || 600);
  const query = panel.queries.find((one) => !one.hidden && one.expr.trim());
  if (!query) throw new Refused("It asks nothing yet: edit it and give it a query.", "empty", 0);
  const { data, warnings } = await queryRange(fill(query.expr, setting, step), start, end, step, setting.signal);
  await Promise.all([import("../elements/tc-heatmap.js"), customElements.whenDefined("tc-heatmap")]);
  let map = /** @type {import("../elements/tc-heatmap.js").TcHeatmap | null} */ (body.querySelector(":scope > tc-heatmap"));
  if (!map) {
    map = /** @type {import("../elements/tc-heatmap.js").TcHeatmap} */ (el("tc-heatmap", {}, el("div", { class: "plot" })));
    body.replaceChildren(map);
  }
  const unit = panel.unit || (/_seconds/.test(query.expr) ? "seconds" : /_bytes/.test(query.expr) ? "bytes" : "");
  map.show(frame(data.result, start, end, step), unit);
  return warnings;
}

const DRAWERS = /** @type {Record<string, (panel: Panel, body: HTMLElement, setting: Setting) => Promise<string[] | void>>} */ ({
  graph, stat, gauge, bars, table, heatmap, text, logs, log_counts: logCounts, alerts, traces,
});

/**
 * Draw a panel; what goes wrong is said in the panel itself.
 * @param {Panel} panel @param {HTMLElement} body @param {Setting} setting
 * @returns {Promise<boolean>} whether it could be drawn
 */
export async function draw(panel, body, setting) {
  const drawer = DRAWERS[panel.kind];
  if (!drawer) return true;
  try {
    const problems = await drawer(panel, body, setting);
    if (setting.signal.aborted) return true;
    note(body, problems ?? []);
    for (const box of /** @type {NodeListOf<HTMLElement>} */ (body.querySelectorAll(SCROLLED))) {
      if (box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
    return true;
  } catch (error) {
    if (setting.signal.aborted) return true;
    if (!(error instanceof Refused)) throw error;
    body.replaceChildren(el("div", { class: "failed", role: "alert" }, el("b", { text: error.kind === "empty" ? "Nothing to show." : error.kind === "bad_data" ? "The query is not understood." : "This panel cannot be shown." }), el("p", { text: error.message })));
    return false;
  }
}

/** @param {HTMLElement} body @param {string[]} problems */
function note(body, problems) {
  body.querySelector(":scope > .panel-note")?.remove();
  if (problems.length) body.append(el("p", { class: "panel-note", role: "note", title: problems.join("\n"), text: problems[0] + (problems.length > 1 ? ` (and ${problems.length - 1} more)` : "") }));
}

/** @param {Panel} panel */
export function isAsking(panel) {
  return ASKS.has(panel.kind);
}
