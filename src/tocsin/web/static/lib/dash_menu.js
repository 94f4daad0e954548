// What can be done with one panel: seen alone, opened elsewhere, made an alert of, changed.

import { copy, el, icon } from "./dom.js";
import { fill } from "./dash_panels.js";
import { current, step as stepOf } from "./range.js";

/**
 * @typedef {import("../elements/tc-dashboard.js").TcDashboard} TcDashboard
 * @typedef {import("./dash_model.js").Panel} Panel
 */

const OF_LOGS = new Set(["logs", "log_counts"]);

/** @param {TcDashboard} board @param {import("./dash_grid.js").Placed} placed @returns {HTMLElement} */
export function panelMenu(board, placed) {
  const { panel, key, value } = placed;
  const box = el("div", { class: "float" });
  const menu = /** @type {HTMLDetailsElement} */ (el("details", { class: "menu dash-menu" }, el("summary", { class: "button bare square small", "aria-label": `Menu of ${board.titled(panel.title) || panel.kind}`, title: "Menu" }, icon("more")), box));
  // Made when it is opened, so that its links know the range and the values of that moment.
  menu.addEventListener("toggle", () => { if (menu.open) box.replaceChildren(...items(board, panel, key, value)); });
  return menu;
}

/** @param {TcDashboard} board @param {Panel} panel @param {string} key @param {string | undefined} value @returns {HTMLElement[]} */
function items(board, panel, key, value) {
  const does = (/** @type {string} */ name, /** @type {string} */ sign, /** @type {() => void} */ run) => el("button", { class: "item", type: "button", onclick: (/** @type {Event} */ event) => { /** @type {Element} */ (event.target).closest("details")?.removeAttribute("open"); run(); } }, icon(sign), name);
  const leads = (/** @type {string} */ name, /** @type {string} */ sign, /** @type {string} */ href) => el("a", { class: "item", href }, icon(sign), name);
  const alone = board.query.get("panel");
  const found = panel.kind === "row" ? [] : [alone ? does("Show all panels", "left", () => board.go({ panel: "" })) : does("Show alone", "open", () => board.go({ panel: key })), ...elsewhere(board, panel, value).map(([name, sign, href]) => leads(name, sign, href))];
  if (panel.kind !== "row") found.push(does("Copy a link to it", "share", () => void copy(linkTo(board, key), "Copied a link to this panel")));
  if (board.editing) {
    found.push(el("hr"), does("Edit", "settings", () => void import("./dash_editor.js").then(({ edit }) => edit(board, panel))));
    if (panel.kind !== "row") found.push(does("Duplicate", "copy", () => board.duplicate(panel)));
    found.push(does("Delete", "close", () => board.drop(panel)));
  } else if (board.mayChange) found.push(el("hr"), does("Edit", "settings", () => { board.go({ edit: "1", panel: "" }); void import("./dash_editor.js").then(({ edit }) => edit(board, panel)); }));
  return found;
}

/** @param {TcDashboard} board @param {string} key */
function linkTo(board, key) {
  const url = new URL(board.link());
  url.searchParams.set("panel", key);
  return url.toString();
}

/** @param {TcDashboard} board @param {Panel} panel @param {string | undefined} value @returns {[string, string, string][]} name, icon, address */
function elsewhere(board, panel, value) {
  const values = new Map(board.variables?.values ?? []);
  if (value !== undefined) values.set(panel.repeat, [value]);
  const range = current();
  const setting = { range, values, signal: new AbortController().signal, notes: [] };
  const step = stepOf(range.end - range.start, 800);
  const times = { from: range.from, to: range.to };
  if (OF_LOGS.has(panel.kind)) {
    const q = fill(panel.question, setting, step, "logs");
    const series = `logs{q="${q.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}", in="5m"}`;
    return [["Open in Logs", "logs", `/logs?${new URLSearchParams({ q, cols: panel.columns.join(","), ...times })}`], ["Make an alert of this", "bell", `/rules/new?${new URLSearchParams({ expr: series, hold: "0s" })}`]];
  }
  const queries = panel.queries.filter((one) => one.expr.trim()).map((one) => fill(one.expr, setting, step));
  if (queries.length) {
    const letters = Object.fromEntries(queries.map((query, index) => ["abcdefgh"[index], query]));
    const view = panel.kind === "table" || panel.kind === "heatmap" ? panel.kind : panel.style === "stacked" ? "stacked" : "graph";
    return [["Open in Explore", "explore", `/explore?${new URLSearchParams({ ...letters, view, ...times })}`], ["Make an alert of this", "bell", `/rules/new?${new URLSearchParams({ expr: queries[0] })}`]];
  }
  if (panel.kind === "alerts") return [["Open Alerts", "bell", "/alerts"]];
  if (panel.kind === "traces") return [["Open Traces", "explore", `/traces?${new URLSearchParams(times)}`]];
  return [];
}
