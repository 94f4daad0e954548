// What a query read, from where, and how long each of its parts took.

import { el } from "./dom.js";
import { duration, si } from "./format.js";

/**
 * @typedef {{ text: string, kind: string, depth: number, total_seconds: number, own_seconds: number, series_in: number, series_out: number }} Part
 * @typedef {{ read_from: string, series_read: number, samples_read: number, pieces_of_time: number, parse_seconds: number, fetch_seconds: number, evaluate_seconds: number, parts: Part[] }} Explanation
 */

/** @param {Explanation} given */
export function explainPanel(given) {
  const facts = el("div", { class: "facts" });
  for (const [name, words] of /** @type {[string, string][]} */ ([
    ["Read from", given.read_from], ["Series", si(given.series_read)], ["Samples", si(given.samples_read)],
    ["Pieces of time", String(given.pieces_of_time)], ["Parsing", duration(given.parse_seconds)],
    ["Reading", duration(given.fetch_seconds)], ["Evaluating", duration(given.evaluate_seconds)],
  ])) facts.append(el("span", {}, `${name} `, el("b", { class: "num", text: words })));
  const most = Math.max(...given.parts.map((part) => part.own_seconds), 1e-9);
  const head = el("tr", {}, ...["Part of the query", "Share of time", "Own time", "With its parts", "Series in", "Series out"].map((words, index) => el("th", { class: index > 1 ? "num" : "", scope: "col" }, index === 1 ? el("span", { class: "sr", text: words }) : words)));
  const rows = given.parts.map((part) => el("tr", {},
    el("td", { class: "node" }, `${"\u00a0\u00a0".repeat(part.depth)}${part.depth ? "└ " : ""}${part.text || part.kind}`),
    el("td", { class: "share" }, el("meter", { class: "bar", min: 0, max: most, value: part.own_seconds, "aria-hidden": "true" })),
    ...[duration(part.own_seconds), duration(part.total_seconds), si(part.series_in), si(part.series_out)].map((text) => el("td", { class: "num", text }))));
  return el("div", { class: "explain" }, facts, el("div", { class: "scroll" }, el("table", { class: "data" }, el("thead", {}, head), el("tbody", {}, ...rows))));
}
