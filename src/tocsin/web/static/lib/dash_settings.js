// What a dashboard is called, its time, its variables and its marks.

import { el } from "./dom.js";
import { check, choice, field, list, long, words } from "./dash_fields.js";
import { dialog } from "./dash_save.js";

/**
 * @typedef {import("../elements/tc-dashboard.js").TcDashboard} TcDashboard
 * @typedef {import("./dash_model.js").Variable} Variable
 */

const SOURCES = /** @type {[string, string][]} */ ([["query", "Asked"], ["list", "A list"], ["text", "Typed"], ["interval", "Durations"]]);

/** @param {TcDashboard} board */
export function settings(board) {
  if (!board.dashboard) return;
  const draft = structuredClone(board.dashboard);
  const apply = () => {
    draft.tags = [...new Set(draft.tags.map((tag) => tag.trim()).filter(Boolean))];
    draft.title = draft.title.trim() || "Dashboard";
    board.dashboard = { ...draft, panels: board.dashboard?.panels ?? [] };
    box.close();
    board.touched();
    void board.begin();
  };
  const content = [
    field("Title", words(draft.title, (title) => { draft.title = title; }, { maxlength: 200 })),
    field("Description", long(draft.description, (text) => { draft.description = text; }, { rows: 2 })),
    field("Tags", words(draft.tags.join(", "), (text) => { draft.tags = text.split(","); }, { placeholder: "shop, database" })),
    el("div", { class: "pairs2" },
      field("From", words(draft.from, (text) => { draft.from = text.trim(); }), "What is shown when the address says nothing."),
      field("To", words(draft.to, (text) => { draft.to = text.trim(); })),
      field("Refreshed", choice(draft.refresh, [["", "not by itself"], ["5s", "every 5 s"], ["15s", "every 15 s"], ["30s", "every 30 s"], ["1m", "every minute"], ["5m", "every 5 min"]], (value) => { draft.refresh = value; }))),
    el("div", { class: "row" }, check("Mark releases", draft.annotations.deploys, (value) => { draft.annotations.deploys = value; }), check("Mark incidents", draft.annotations.incidents, (value) => { draft.annotations.incidents = value; })),
    list("Variables", draft.variables, variable, () => /** @type {Variable} */ ({ name: `v${draft.variables.length + 1}`, label: "", source: "query", query: "", regex: "", options: [], multi: false, include_all: false, default: [], hidden: false }), () => {}, "a variable"),
    list("Links", draft.links, (one) => [words(one.title, (value) => { one.title = value; }, { placeholder: "Title", "aria-label": "Title" }), words(one.url, (value) => { one.url = value; }, { placeholder: "https://… or /…", "aria-label": "Address" })], () => ({ title: "", url: "" }), () => {}, "a link"),
  ];
  const box = dialog("Settings of the dashboard", content, [el("button", { class: "button", type: "button", text: "Cancel", onclick: () => box.close() }), el("button", { class: "button main", type: "button", text: "Apply", onclick: apply })]);
  box.classList.add("dash-settings");
}

/** @param {Variable} one @param {() => void} again @returns {HTMLElement[]} */
function variable(one, again) {
  const asks = one.source === "query";
  const values = asks
    ? [field("Query", words(one.query, (text) => { one.query = text; }, { placeholder: "label_values(up, job)", class: "code" })), field("Only", words(one.regex, (text) => { one.regex = text; }, { placeholder: "a regular expression" }))]
    : one.source === "text" ? [field("At first", words(one.default[0] ?? "", (text) => { one.default = [text]; }))]
    : [field("Values", words(one.options.join(", "), (text) => { one.options = text.split(",").map((part) => part.trim()).filter(Boolean); }, { placeholder: one.source === "interval" ? "1m, 5m, 1h" : "eu, us" }))];
  return [el("div", { class: "stack tight" },
    el("div", { class: "pairs2" }, field("Name", words(one.name, (text) => { one.name = text.trim(); }, { pattern: "[A-Za-z_][A-Za-z0-9_]*", class: "code" })), field("Shown as", words(one.label, (text) => { one.label = text; }, { placeholder: one.name })), field("Kind", choice(one.source, SOURCES, (value) => { one.source = value; again(); }))),
    el("div", { class: "pairs2" }, ...values),
    ...(one.source === "query" || one.source === "list" ? [el("div", { class: "row" }, check("Several", one.multi, (value) => { one.multi = value; }), check("All", one.include_all, (value) => { one.include_all = value; }))] : []))];
}
