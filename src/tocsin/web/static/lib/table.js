// An instant answer as a table.

import { el } from "./dom.js";
import { withUnit } from "./format.js";

const SHOWN = 1000;

/**
 * @param {{ resultType: string, result: any }} data
 * @param {string} unit
 * @param {string} id
 */
export function valueTable(data, unit, id) {
  if (data.resultType === "scalar" || data.resultType === "string") {
    return el("div", { class: "body" }, el("span", { class: "num", text: data.result[1] }));
  }
  /** @type {import("./api.js").Result[]} */
  const rows = data.result;
  if (!rows.length) return el("p", { class: "pager", text: "No series at the end of this range." });
  const labels = [...new Set(rows.flatMap((row) => Object.keys(row.metric)))].sort((a, b) => (a === "__name__" ? -1 : b === "__name__" ? 1 : a.localeCompare(b)));
  const head = el("tr", {}, ...labels.map((label) => el("th", { text: label === "__name__" ? "metric" : label })), el("th", { class: "num", text: "value" }));
  const textOf = (/** @type {import("./api.js").Result} */ row) => row.value?.[1] ?? row.values?.at(-1)?.[1] ?? "";
  const size = (/** @type {import("./api.js").Result} */ row) => { const value = Number(textOf(row)); return Number.isNaN(value) ? -Infinity : value; };
  const sorted = [...rows].sort((a, b) => size(b) - size(a) || 0);
  const body = sorted.slice(0, SHOWN).map((row) => {
    const text = textOf(row);
    return el("tr", {}, ...labels.map((label) => el("td", {}, el("code", { text: row.metric[label] ?? "" }))),
      el("td", { class: "num", title: text, "data-sort": text, "data-csv": text, text: withUnit(Number(text), unit) }));
  });
  const table = el("tc-table", { id, filter: "Filter series" }, el("div", { class: "scroll" }, el("table", { class: "data" }, el("thead", {}, head), el("tbody", {}, ...body))));
  const box = el("div", {}, table);
  if (rows.length > SHOWN) box.append(el("p", { class: "pager", text: `The ${SHOWN} largest of ${rows.length} series.` }));
  return box;
}
