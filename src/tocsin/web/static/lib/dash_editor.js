// One panel changed in a drawer, seen as it will be while its queries are written.

import { el, icon } from "./dom.js";
import { check, choice, field, list, long, number, words } from "./dash_fields.js";
import { ASKS, KINDS, LETTERS, panelOf, TONES, UNITS } from "./dash_model.js";
import { draw } from "./dash_panels.js";
import { current } from "./range.js";

/**
 * @typedef {import("../elements/tc-dashboard.js").TcDashboard} TcDashboard
 * @typedef {import("./dash_model.js").Panel} Panel
 */

const PATIENCE_MS = 500;
const LINES = new Set(["graph", "log_counts"]);
const REDUCED = new Set(["stat", "gauge", "bars"]);

/**
 * @param {TcDashboard} board
 * @param {Panel | null} panel null makes a new one
 */
export function edit(board, panel) {
  const draft = structuredClone(panel ?? panelOf({ id: 0, kind: "graph", queries: [{ expr: "", legend: "", hidden: false }] }));
  new PanelEditor(board, draft, panel === null).open();
}

class PanelEditor {
  /** @param {TcDashboard} board @param {Panel} draft @param {boolean} isNew */
  constructor(board, draft, isNew) {
    this.board = board;
    this.draft = draft;
    this.isNew = isNew;
    this.preview = el("div", { class: "dash-body" });
    this.shown = el("section", { class: "panel dash-panel dash-preview", "aria-label": "Preview" }, this.preview);
    this.fields = el("div", { class: "stack tight" });
    this.timer = 0;
  }

  open() {
    const name = this.isNew ? "Add a panel" : `Edit ${this.draft.title || KINDS[this.draft.kind][0]}`;
    const apply = el("button", { class: "button main", type: "button", text: this.isNew ? "Add" : "Apply", onclick: () => this.apply() });
    this.box = /** @type {HTMLDialogElement} */ (el("dialog", { class: "drawer dash-drawer", "aria-label": name }, el("header", {}, el("h2", { text: name }), el("button", { class: "button bare square push", type: "button", "aria-label": "Close", onclick: () => this.box?.close() }, icon("close"))),
      this.shown, el("div", { class: "body" }, this.fields), el("footer", {}, el("span", { class: "quiet push-left", text: "Kept when the dashboard is saved" }), el("button", { class: "button", type: "button", text: "Cancel", onclick: () => this.box?.close() }), apply)));
    this.box.addEventListener("close", () => { this.asking?.abort(); clearTimeout(this.timer); this.box?.remove(); });
    // The editor sends these as one types, and when Enter is pressed.
    this.box.addEventListener("edit", (event) => this.typed(event));
    this.box.addEventListener("run", () => this.show());
    document.body.append(this.box);
    this.paint();
    this.box.showModal();
    this.show();
  }

  /** @param {Event} event */
  typed(event) {
    const editor = /** @type {any} */ (event.target);
    const query = this.draft.queries[Number(editor.dataset.index)];
    if (!query) return;
    query.expr = editor.value;
    this.later();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.show(), PATIENCE_MS);
  }

  show() {
    clearTimeout(this.timer);
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.shown.dataset.kind = this.draft.kind;
    this.shown.dataset.legend = this.draft.legend;
    this.shown.hidden = this.draft.kind === "row";
    void draw(structuredClone(this.draft), this.preview, { range: current(), values: this.board.variables?.values ?? new Map(), signal: asking.signal, notes: this.board.notes });
  }

  apply() {
    const { board, draft } = this;
    if (this.isNew) board.put(draft);
    else board.change((board.dashboard?.panels ?? []).map((one) => (one.id === draft.id ? { ...draft, x: one.x, y: one.y, w: one.w, h: draft.kind === "row" ? 1 : one.h } : one)));
    this.box?.close();
    if (this.isNew && !board.editing) board.go({ edit: "1" });
  }

  paint() {
    const { draft } = this;
    const set = (/** @type {Partial<Panel>} */ change) => { Object.assign(draft, change); this.later(); };
    const kinds = /** @type {[string, string][]} */ (Object.entries(KINDS).map(([kind, [name]]) => [kind, name]));
    const kind = choice(draft.kind, kinds, (value) => {
      const [, w, h] = KINDS[value];
      Object.assign(draft, { kind: value, ...(this.isNew ? { w, h } : {}) });
      if (ASKS.has(value) && !draft.queries.length) draft.queries.push({ expr: "", legend: "", hidden: false });
      this.preview.replaceChildren();
      delete this.preview.dataset.words;
      this.paint();
      this.show();
    });
    const repeats = /** @type {[string, string][]} */ ([["", "not repeated"], ...(this.board.dashboard?.variables ?? []).map((one) => [one.name, `once for each $${one.name}`])]);
    this.fields.replaceChildren(
      el("div", { class: "pairs2" }, field("Title", words(draft.title, (title) => set({ title }), { maxlength: 200, placeholder: "What it shows; $variables are replaced" })), field("Shown as", kind)),
      ...this.own(set),
      ...(draft.kind === "row" ? [check("Folded at first", draft.collapsed, (collapsed) => set({ collapsed }))] : [
        field("Description", words(draft.description, (description) => set({ description }), { placeholder: "What it means, and what to do when it is bad" })),
        field("Repeated", choice(draft.repeat, repeats, (repeat) => set({ repeat }))),
        list("Links", draft.links, (one) => [words(one.title, (value) => { one.title = value; }, { placeholder: "Runbook", "aria-label": "Title" }), words(one.url, (value) => { one.url = value; }, { placeholder: "https://… or /…", "aria-label": "Address" })], () => ({ title: "", url: "" }), () => {}, "a link"),
      ]));
  }

  /** @param {(change: Partial<Panel>) => void} set @returns {HTMLElement[]} what only this kind has */
  own(set) {
    const { draft } = this;
    if (draft.kind === "text") return [field("Text in Markdown", long(draft.text, (text) => set({ text }), { rows: 10 }))];
    if (draft.kind === "alerts") return [field("Matchers", words(draft.matchers, (matchers) => set({ matchers }), { placeholder: 'severity="critical", team="db"', class: "code" }), "Empty: every alert that fires."), this.limit(set)];
    if (draft.kind === "traces") return [field("Service", words(draft.service, (service) => set({ service }), { placeholder: "every service" })), this.limit(set)];
    if (draft.kind === "logs" || draft.kind === "log_counts") {
      const question = field("Question", words(draft.question, (value) => set({ question: value }), { placeholder: 'service:api level>=warn "timed out"', class: "code" }), "As on the page of logs; empty is every line.");
      if (draft.kind === "logs") return [question, field("Columns", words(draft.columns.join(", "), (value) => set({ columns: value.split(/[,\s]+/).filter(Boolean) }), { placeholder: "host, duration_ms" })), this.limit(set)];
      return [question, field("Split by", words(draft.by, (by) => set({ by: by.trim() }), { placeholder: "level, service, any field; empty: not at all" })), this.legends(set)];
    }
    if (!ASKS.has(draft.kind)) return [];
    return [this.queries(), ...this.looks(set)];
  }

  /** @param {(change: Partial<Panel>) => void} set */
  limit(set) {
    return field("At most", number(this.draft.limit, (value) => set({ limit: Math.max(1, Math.min(1000, Math.round(value ?? 100))) })));
  }

  /** @param {(change: Partial<Panel>) => void} set */
  legends(set) {
    return field("Legend", choice(this.draft.legend, [["list", "Names"], ["table", "Table"], ["none", "None"]], (legend) => { set({ legend }); this.shown.dataset.legend = legend; }));
  }

  queries() {
    const { draft } = this;
    const rows = draft.queries.map((query, index) => {
      const letter = LETTERS[index].toUpperCase();
      const area = /** @type {HTMLTextAreaElement} */ (el("textarea", { rows: 1, "aria-label": `Query ${letter}` }));
      area.value = query.expr;
      const legend = words(query.legend, (value) => { query.legend = value; this.later(); }, { placeholder: "Legend: {{label}}", "aria-label": `Legend of query ${letter}` });
      const remove = el("button", { class: "button bare square small", type: "button", title: "Remove", "aria-label": `Remove query ${letter}`, onclick: () => { draft.queries.splice(index, 1); this.paint(); this.show(); } }, icon("close"));
      return el("div", { class: "query dash-query" }, el("span", { class: "letter", text: letter }), el("tc-promql", { variables: true, "data-index": index, label: `PromQL query ${letter}` }, area), remove, el("span", {}), legend,
        check("Hidden", query.hidden, (value) => { query.hidden = value; this.later(); }));
    });
    const more = el("button", { class: "button small", type: "button", onclick: () => { draft.queries.push({ expr: "", legend: "", hidden: false }); this.paint(); } }, icon("plus"), "Query");
    return el("fieldset", { class: "dash-list" }, el("legend", { text: "Queries" }), ...rows, ...(draft.queries.length < LETTERS.length ? [more] : []));
  }

  /** @param {(change: Partial<Panel>) => void} set @returns {HTMLElement[]} */
  looks(set) {
    const { draft } = this;
    const units = el("datalist", { id: "dash-units" }, ...UNITS.map((unit) => el("option", { value: unit })));
    const pair = [field("Unit", words(draft.unit, (unit) => set({ unit: unit.trim() }), { list: "dash-units", placeholder: "by the metric's name" }))];
    if (LINES.has(draft.kind)) pair.push(field("Drawn as", choice(draft.style, [["line", "Lines"], ["area", "Areas"], ["bars", "Bars"], ["stacked", "Stacked"]], (style) => set({ style }))), this.legends(set));
    if (REDUCED.has(draft.kind)) pair.push(field("Value", choice(draft.reduce, [["last", "the last"], ["mean", "the mean"], ["min", "the least"], ["max", "the most"], ["sum", "the sum"]], (reduce) => set({ reduce }))));
    if (draft.kind !== "table" && draft.kind !== "stat" && draft.kind !== "heatmap") pair.push(field("From", number(draft.low, (low) => set({ low }), { placeholder: "by the data" })), field("To", number(draft.high, (high) => set({ high }), { placeholder: "by the data" })));
    const thresholds = list("Thresholds", draft.thresholds, (one) => [
      number(one.at, (at) => { one.at = at ?? 0; this.later(); }, { "aria-label": "From this value on", placeholder: "from" }),
      choice(one.tone, TONES.map((tone) => [tone, tone]), (tone) => { one.tone = tone; this.later(); }, { "aria-label": "Looks" }),
      words(one.words, (text) => { one.words = text; this.later(); }, { placeholder: "words at the line", "aria-label": "Words" })], () => ({ at: 0, tone: "warning", words: "" }), () => this.later(), "a threshold");
    return [el("div", { class: "pairs2" }, ...pair, units), ...(draft.kind === "stat" ? [check("With a line of its past", draft.spark, (spark) => set({ spark }))] : []),
      ...(draft.kind === "table" ? [field("Labels", words(draft.columns.join(", "), (value) => set({ columns: value.split(/[,\s]+/).filter(Boolean) }), { placeholder: "all of them" })), this.limit(set)] : []),
      ...(draft.kind === "heatmap" ? [] : [thresholds])];
  }
}
