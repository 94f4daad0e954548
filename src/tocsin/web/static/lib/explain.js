// What a query read, from where, and how long each of its parts took.

import { el } from "./dom.js";
import { duration, si } from "./format.js";

/** @param {unknown} answer `explain` of our API: a tree of nodes, or Prometheus's `stats` */
export function explainPanel(answer) {
  const box = el("div", { class: "explain" });
  if (!answer || typeof answer !== "object") {
    box.append(el("p", { class: "pager", text: "This answer came without an explanation." }));
    return box;
  }
  /** @type {any} */
  const given = answer;
  const facts = el("dl", { class: "pairs body" });
  /** @type {any[]} */
  const rows = [];
  for (const [name, value] of Object.entries(given)) {
    if (Array.isArray(value)) rows.push(...value.map((one) => ({ depth: 0, ...one })));
    else if (value && typeof value === "object") for (const [inner, one] of Object.entries(value)) fact(facts, inner, one);
    else fact(facts, name, value);
  }
  box.append(facts);
  if (rows.length) box.append(nodes(flatten(rows)));
  return box;
}

/** @param {HTMLElement} facts @param {string} name @param {unknown} value */
function fact(facts, name, value) {
  if (Array.isArray(value) || (value && typeof value === "object")) return;
  const words = name.replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ").toLowerCase().replace(/ (seconds|ms)$/, "");
  facts.append(el("dt", { text: words }), el("dd", { class: "num", text: said(name, value) }));
}

/** @param {string} name @param {unknown} value */
function said(name, value) {
  if (typeof value !== "number") return String(value ?? "–");
  if (/_ms$/.test(name)) return duration(value / 1000);
  return /time|seconds/i.test(name) ? duration(value) : si(value);
}

/** @param {any[]} list @param {number} [depth] @returns {any[]} */
function flatten(list, depth = 0) {
  return list.flatMap((node) => [{ ...node, depth: node.depth || depth }, ...flatten(node.children ?? [], depth + 1)]);
}

/** @param {any[]} rows */
function nodes(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !["children", "depth", "expr", "node", "text"].includes(name) && rows.some((row) => typeof row[name] !== "object"));
  const head = el("tr", {}, el("th", { text: "part" }), ...columns.map((name) => el("th", { class: "num", text: name.replaceAll("_", " ") })));
  const body = rows.map((row) => el("tr", {}, el("td", { class: "node", text: `${"  ".repeat(row.depth)}${row.expr ?? row.text ?? row.node ?? ""}` }),
    ...columns.map((name) => el("td", { class: "num", text: said(name, row[name]) }))));
  return el("div", { class: "scroll" }, el("table", { class: "data" }, el("thead", {}, head), el("tbody", {}, ...body)));
}
