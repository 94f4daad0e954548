// Panels that list or tell: text, log lines and their counts, alerts, and how services answer by their traces.

import { ask, csrf, Refused } from "./api.js";
import { el } from "./dom.js";
import { ago, withUnit } from "./format.js";
import { fill, restNote, showLines } from "./dash_panels.js";
import { localise, row } from "./log_rows.js";
import { promDuration } from "./dash_words.js";
import { queryRange } from "./api.js";
import { frame } from "./frames.js";
import { step as stepOf } from "./range.js";

/**
 * @typedef {import("./dash_model.js").Panel} Panel
 * @typedef {import("./dash_panels.js").Setting} Setting
 */

const LEVELS = /** @type {Record<string, string>} */ ({ trace: "--n4", debug: "--n5", unknown: "--unknown", info: "--info", warn: "--warning", error: "--critical", fatal: "--critical-text" });
const SPANS_ROWS = 50;

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
export async function text(panel, body, setting) {
  const words = fill(panel.text, setting, 60, "text");
  if (body.dataset.words === words && body.querySelector(".written")) return;
  const response = await fetch("/dashboards/markdown", { method: "POST", body: new URLSearchParams({ text: words }), headers: { "X-CSRF-Token": csrf() }, signal: setting.signal, credentials: "same-origin" });
  if (!response.ok) throw new Refused(`The text could not be read: status ${response.status}`, "", response.status);
  const box = el("div", { class: "written" });
  // kit/markdown.py made it: no script, no picture, no style can be in it.
  box.innerHTML = await response.text();
  body.dataset.words = words;
  body.replaceChildren(box);
}

/** @param {Setting} setting @returns {{ from: string, to: string }} as the API of logs reads them */
function span(setting) {
  return { from: String(Math.round(setting.range.start * 1000)), to: String(Math.round(setting.range.end * 1000)) };
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
export async function logs(panel, body, setting) {
  const q = fill(panel.question, setting, 60, "logs");
  const { data } = await ask("/api/logs/search", { q, limit: String(panel.limit), ...span(setting) }, setting.signal);
  if (!data.lines.length) {
    body.replaceChildren(el("div", { class: "none", role: "note" }, el("span", { text: "No lines in this range" })));
    return;
  }
  const list = el("ol", { class: "lines" }, ...data.lines.map((/** @type {import("./log_rows.js").Line} */ line) => row(line, [], panel.columns)));
  localise(list);
  const isCut = data.lines.length >= panel.limit;
  body.replaceChildren(list, ...(isCut ? [el("p", { class: "rest quiet", text: `The newest ${panel.limit} lines; the others are on the page of logs.` })] : []));
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
export async function logCounts(panel, body, setting) {
  const { start, end } = setting.range;
  const step = Math.max(15, stepOf(end - start, (body.clientWidth || 600) / 3));
  const q = fill(panel.question, setting, step, "logs");
  if (panel.by !== "level") {
    const escaped = q.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, " ");
    const by = panel.by ? `, by="${panel.by.replace(/["\\]/g, "")}"` : "";
    const { data, warnings } = await queryRange(`logs{q="${escaped}"${by}, in="${promDuration(step)}"}`, start, end, step, setting.signal);
    await showLines(panel, body, setting, frame(data.result, start, end, step, panel.by ? `{{${panel.by}}}` : "lines"), "count", "bars");
    return warnings;
  }
  const { data } = await ask("/api/logs/histogram", { q, step: String(step), ...span(setting) }, setting.signal);
  const from = Math.floor(start / step) * step;
  const times = Array.from({ length: Math.floor((end - from) / step) + 1 }, (_, index) => from + index * step);
  const lines = Object.keys(LEVELS).flatMap((level) => {
    const own = data.bars.filter((/** @type {{ level: string }} */ bar) => bar.level === level);
    if (!own.length) return [];
    const values = /** @type {(number | null)[]} */ (times.map(() => 0));
    for (const bar of own) {
      const at = Math.round((bar.start - from) / step);
      if (at >= 0 && at < values.length) values[at] = bar.count;
    }
    const counts = /** @type {number[]} */ (values);
    const sum = counts.reduce((all, one) => all + one, 0);
    return [{ key: level, name: level, short: level, colour: LEVELS[level], metric: { level }, values, stats: { last: sum, min: Math.min(...counts), avg: sum / counts.length, max: Math.max(...counts) } }];
  });
  await showLines(panel, body, setting, { times, lines, rest: 0 }, "count", "bars");
}

/** @param {string} matchers @returns {string[]} each of them: commas within quotes part nothing */
function parted(matchers) {
  return (matchers.match(/(?:"(?:[^"\\]|\\.)*"|[^,])+/g) ?? []).map((one) => one.trim()).filter(Boolean);
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
export async function alerts(panel, body, setting) {
  const filters = parted(fill(panel.matchers, setting, 60, "promql")).map((one) => ["filter", one]);
  const { data } = await ask("/api/v2/alerts", filters, setting.signal);
  if (!data.length) {
    body.replaceChildren(el("div", { class: "none ok", role: "note" }, el("span", { class: "dot ok" }, el("i", { "aria-hidden": "true" }), "Nothing fires")));
    return;
  }
  const now = Date.now() / 1000;
  const order = ["critical", "warning", "info"];
  const rank = (/** @type {any} */ one) => (order.indexOf(one.labels.severity) + 1 || 9);
  const sorted = [...data].sort((a, b) => rank(a) - rank(b) || (a.startsAt < b.startsAt ? 1 : -1));
  const rows = sorted.slice(0, panel.limit).map((one) => {
    const { alertname, severity = "", ...others } = one.labels;
    const held = one.status.state !== "active";
    const tone = held ? "silenced" : order.includes(severity) ? severity : "unknown";
    return el("li", {}, el("span", { class: `dot ${tone}` }, el("i", { "aria-hidden": "true" }), held ? one.status.state : severity || "firing"),
      el("a", { class: "name", href: `/alerts/${one.fingerprint}`, text: alertname }),
      el("span", { class: "quiet what", text: one.annotations.summary ?? Object.entries(others).map(([name, value]) => `${name}=${value}`).join(" ") }),
      el("time", { class: "quiet nowrap", datetime: one.startsAt, text: ago(Date.parse(one.startsAt) / 1000, now) }));
  });
  const more = sorted.length - rows.length;
  body.replaceChildren(el("ol", { class: "alert-list" }, ...rows), ...(more ? [restNote(more, "alerts")] : []));
}

/** @param {Panel} panel @param {HTMLElement} body @param {Setting} setting */
export async function traces(panel, body, setting) {
  const window = promDuration(Math.max(60, setting.range.end - setting.range.start));
  const service = fill(panel.service, setting, 60, "promql");
  const by = service ? "span_name" : "service";
  const where = `span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"${service ? `, service=~"${service.replace(/"/g, "")}"` : ""}`;
  const calls = (/** @type {string} */ more) => `sum by (${by}) (rate(traces_spanmetrics_calls_total{${where}${more}}[${window}]))`;
  const questions = [calls(""), calls(', status_code="STATUS_CODE_ERROR"'), `histogram_quantile(0.95, sum by (${by}, le) (rate(traces_spanmetrics_latency_bucket{${where}}[${window}])))`];
  const time = String(setting.range.end);
  const answers = await Promise.all(questions.map((query) => ask("/api/v1/query", { query, time }, setting.signal)));
  const [rates, failures, slow] = answers.map(({ data }) => new Map(data.result.map((/** @type {any} */ one) => [one.metric[by] ?? "", Number(one.value[1])])));
  if (!rates.size) {
    body.replaceChildren(el("div", { class: "none", role: "note" }, el("span", { text: "No traces in this range" })));
    return;
  }
  await import("../elements/tc-table.js");
  const names = [...rates.keys()].sort((a, b) => rates.get(b) - rates.get(a));
  const rows = names.slice(0, Math.min(panel.limit, SPANS_ROWS)).map((name) => {
    const rate = rates.get(name);
    const share = rate ? (failures.get(name) ?? 0) / rate : 0;
    const query = service ? { service, name } : { service: name };
    return el("tr", {}, el("td", {}, el("a", { href: `/traces?${new URLSearchParams(/** @type {Record<string, string>} */ (query))}`, text: name || "(none)" })),
      el("td", { class: "num", "data-sort": rate, text: withUnit(rate, "/s") }), el("td", { class: `num ${share >= 0.05 ? "critical" : share > 0 ? "warning" : ""}`, "data-sort": share, text: withUnit(share, "ratio") }),
      el("td", { class: "num", "data-sort": slow.get(name) ?? 0, text: withUnit(slow.get(name), "seconds") }));
  });
  const heads = [service ? "operation" : "service", "rate", "errors", "95th"].map((words, index) => el("th", { class: index ? "num" : "", text: words }));
  const more = names.length - rows.length;
  body.replaceChildren(el("tc-table", { id: `dash-traces-${panel.id}` }, el("div", { class: "scroll" }, el("table", { class: "data" }, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows)))), ...(more ? [restNote(more, by === "service" ? "services" : "operations")] : []));
}
