import { Builder } from "../lib/builder.js";
import { ask, queryRange, Refused } from "../lib/api.js";
import { copy, el, icon, toast } from "../lib/dom.js";
import { explainPanel } from "../lib/explain.js";
import { frame } from "../lib/frames.js";
import { recall, remember } from "../lib/history.js";
import { current, step as stepOf } from "../lib/range.js";
import { valueTable } from "../lib/table.js";
import { unitOf } from "../lib/units.js";

/**
 * @typedef {import("./tc-promql.js").TcPromql} TcPromql
 * @typedef {import("./tc-chart.js").TcChart} TcChart
 * @typedef {import("./tc-heatmap.js").TcHeatmap} TcHeatmap
 */

const LETTERS = "abcdefgh";

/** The Explore page: several queries, shown as a graph, a stack, a table or a heatmap; all in the URL. */
class TcExplore extends HTMLElement {
  connectedCallback() {
    this.shownAs = this.getAttribute("view") ?? "graph";
    this.form = /** @type {HTMLFormElement} */ (this.querySelector("[data-queries]"));
    this.answers = /** @type {HTMLElement} */ (this.querySelector(".answers"));
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.run(); });
    this.addEventListener("run", () => this.run());
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("change", (event) => {
      if (event.target instanceof HTMLElement && event.target.matches("[data-exemplars], [data-explain]")) this.run();
    });
    for (const name of ["tc:range", "tc:refresh"]) document.addEventListener(name, this);
    addEventListener("popstate", this);
    for (const row of this.rows()) this.equip(row);
    const box = /** @type {HTMLElement} */ (this.querySelector(".builder"));
    this.builder = new Builder(box, (text) => {
      const row = this.rows().at(-1);
      if (row) this.editor(row).value = text;
      this.run();
    });
    if (this.hasAttribute("builder")) this.builder.open();
    if (this.texts().length) this.run({ keepUrl: true });
    else void customElements.whenDefined("tc-promql").then(() => { const row = this.rows()[0]; if (row) this.editor(row).focus(); });
  }

  disconnectedCallback() {
    for (const name of ["tc:range", "tc:refresh"]) document.removeEventListener(name, this);
    removeEventListener("popstate", this);
    this.asking?.abort();
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === "popstate") this.restore();
    else if (this.texts().length) void this.run({ keepUrl: true });
  }

  /** Back and forward: what the URL says is what is asked. */
  restore() {
    const query = new URL(location.href).searchParams;
    const wanted = [...LETTERS].filter((letter) => query.get(letter));
    for (const row of this.rows()) if (!wanted.includes(row.dataset.letter ?? "")) row.remove();
    for (const letter of wanted.length ? wanted : ["a"]) {
      const row = this.rows().find((one) => one.dataset.letter === letter) ?? this.add(letter);
      if (this.textOf(row) !== (query.get(letter) ?? "")) this.editor(row).value = query.get(letter) ?? "";
    }
    this.showAs(query.get("view") ?? "graph");
    for (const name of ["exemplars", "explain"]) {
      const box = /** @type {HTMLInputElement | null} */ (this.querySelector(`[data-${name}]`));
      if (box) box.checked = query.get(name) === "1";
    }
    void this.run({ keepUrl: true });
  }

  /** @param {string} view */
  showAs(view) {
    this.shownAs = view;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-view]"))) button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }

  rows() {
    return /** @type {HTMLElement[]} */ ([...this.querySelectorAll(".query")]);
  }

  /** @param {HTMLElement} row */
  editor(row) {
    return /** @type {TcPromql} */ (row.querySelector("tc-promql"));
  }

  /** @param {HTMLElement} row */
  textOf(row) {
    return (this.editor(row).value ?? row.querySelector("textarea")?.value ?? "").trim();
  }

  texts() {
    return this.rows().map((row) => ({ row, letter: row.dataset.letter ?? "a", text: this.textOf(row) })).filter(({ text }) => text);
  }

  /** @param {HTMLElement} row */
  equip(row) {
    const tools = row.querySelector(".query-tools");
    const remove = () => {
      if (this.rows().length > 1) row.remove();
      else this.editor(row).value = "";
      this.run();
    };
    tools?.replaceChildren(
      el("button", { class: "button bare square small", type: "button", title: "Copy the query", "aria-label": "Copy the query", onclick: () => copy(this.textOf(row), "Copied the query") }, icon("copy")),
      el("button", { class: "button bare square small", type: "button", title: "Remove the query", "aria-label": "Remove the query", onclick: remove }, icon("close")));
  }

  /** One more query below the others. */
  addNext() {
    const used = new Set(this.rows().map((row) => row.dataset.letter));
    const letter = [...LETTERS].find((one) => !used.has(one));
    if (letter) this.editor(this.add(letter)).focus();
    else toast(`${LETTERS.length} queries are the most. Remove one first.`, "warning");
  }

  /** @param {string} letter @returns {HTMLElement} its row, empty */
  add(letter) {
    const area = el("textarea", { name: letter, rows: 1, "aria-label": `Query ${letter.toUpperCase()}` });
    const row = el("div", { class: "query", "data-letter": letter }, el("span", { class: "letter", text: letter.toUpperCase() }), el("tc-promql", { label: `PromQL query ${letter.toUpperCase()}` }, area), el("span", { class: "row tight query-tools" }));
    const next = this.rows().find((one) => (one.dataset.letter ?? "") > letter);
    if (next) next.before(row);
    else this.form?.append(row);
    this.equip(row);
    return row;
  }

  /** @param {Event} event */
  clicked(event) {
    const alert = event.target instanceof Element ? event.target.closest("[data-alert-of]") : null;
    if (alert instanceof HTMLAnchorElement) alert.href = `/rules/new?${new URLSearchParams({ expr: this.texts().at(-1)?.text ?? "" })}`;
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button) return;
    if (button.matches("[data-run]")) this.run();
    else if (button.matches("[data-add]")) this.addNext();
    else if (button.matches("[data-share]")) void copy(this.link(true), "Copied a link to exactly this");
    else if (button.matches("[data-build]")) this.querySelector(".table-bar [data-build]")?.setAttribute("aria-pressed", String(this.builder?.toggle()));
    else if (button.matches("[data-history]")) this.showHistory();
    else if (button.dataset.view) {
      this.showAs(button.dataset.view);
      this.run();
    }
  }

  showHistory() {
    const box = /** @type {HTMLElement} */ (this.querySelector(".history"));
    box.hidden = !box.hidden;
    this.querySelector("[data-history]")?.setAttribute("aria-expanded", String(!box.hidden));
    const known = recall();
    box.replaceChildren(...known.map((text) => el("button", { type: "button", text, onclick: () => {
      const row = this.rows().at(-1);
      if (row) this.editor(row).value = text;
      box.hidden = true;
      this.run();
    } })));
    if (!known.length) box.append(el("p", { class: "pager", text: "Queries that you run are kept here, in this browser." }));
  }

  /** @param {string} selector */
  checked(selector) {
    return /** @type {HTMLInputElement | null} */ (this.querySelector(selector))?.checked ?? false;
  }

  /** @param {boolean} fixed with absolute times, for others to see the same @returns {string} */
  link(fixed) {
    const url = new URL(location.href);
    for (const letter of LETTERS) url.searchParams.delete(letter);
    for (const { letter, text } of this.texts()) url.searchParams.set(letter, text);
    const flags = { view: this.shownAs === "graph" ? "" : this.shownAs ?? "", exemplars: this.checked("[data-exemplars]") ? "1" : "", explain: this.checked("[data-explain]") ? "1" : "", builder: this.querySelector(".builder:not([hidden])") ? "1" : "" };
    for (const [name, value] of Object.entries(flags)) {
      if (value) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    }
    if (fixed) {
      const { start, end } = current();
      url.searchParams.set("from", String(Math.round(start * 1000)));
      url.searchParams.set("to", String(Math.round(end * 1000)));
    }
    return url.toString();
  }

  /** @param {{ keepUrl?: boolean }} [how] */
  async run({ keepUrl = false } = {}) {
    const texts = this.texts();
    if (!keepUrl && this.link(false) !== location.href) history.pushState({}, "", this.link(false));
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    const start = /** @type {HTMLElement | null} */ (this.querySelector(".start"));
    if (start) start.hidden = texts.length > 0;
    const keep = new Set(texts.map(({ letter }) => letter));
    for (const panel of /** @type {NodeListOf<HTMLElement>} */ (this.answers?.querySelectorAll(":scope > [data-answer]") ?? [])) {
      if (!keep.has(panel.dataset.answer ?? "")) panel.remove();
    }
    await Promise.all(texts.map(({ row, letter, text }) => this.answer(row, letter, text, asking.signal)));
  }

  /**
   * @param {HTMLElement} row
   * @param {string} letter
   * @param {string} text
   * @param {AbortSignal} signal
   */
  async answer(row, letter, text, signal) {
    row.querySelector(".problem")?.remove();
    this.editor(row).clear?.();
    const panel = this.panel(letter, text);
    const body = /** @type {HTMLElement} */ (panel.querySelector("[data-body]"));
    const note = /** @type {HTMLElement} */ (panel.querySelector("[data-note]"));
    const began = performance.now();
    try {
      const { warnings, series, explain } = await this.paint(body, text, signal);
      const took = performance.now() - began;
      note.textContent = `${series} series · ${took < 1000 ? `${Math.round(took)} ms` : `${(took / 1000).toFixed(1)} s`}`;
      const before = panel.querySelector(".explain");
      if (explain) {
        const explained = explainPanel(/** @type {import("../lib/explain.js").Explanation} */ (explain));
        if (before) before.replaceWith(explained);
        else panel.append(explained);
      } else before?.remove();
      for (const words of warnings) row.append(el("div", { class: "problem soft", text: words }));
      remember(text);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      panel.remove();
      this.blame(row, text, error);
    }
  }

  /** @param {string} letter @param {string} text @returns {HTMLElement} kept between runs, so that nothing jumps */
  panel(letter, text) {
    const kind = this.shownAs ?? "graph";
    const there = /** @type {HTMLElement | null} */ (this.answers?.querySelector(`[data-answer="${letter}"]`));
    if (there?.dataset.kind === kind) {
      const code = there.querySelector("header code");
      if (code) code.textContent = text;
      return there;
    }
    const body = el("div", { "data-body": true });
    if (kind === "table") body.append(el("div", { class: "skeleton line" }));
    else if (kind === "heatmap") body.append(el("tc-heatmap", {}, el("div", { class: "plot" })));
    else body.append(el("tc-chart", { kind: kind === "stacked" ? "stacked" : "line", label: text }, el("div", { class: "plot tall" }, el("div", { class: "skeleton" }))));
    const panel = el("section", { class: "panel", "data-answer": letter, "data-kind": kind },
      el("header", {}, el("span", { class: "letter", text: letter.toUpperCase() }), el("code", { class: "clip", text }), el("span", { class: "quiet push nowrap", "data-note": true })), body);
    if (there) there.replaceWith(panel);
    else this.answers?.append(panel);
    const order = /** @type {HTMLElement[]} */ ([...(this.answers?.children ?? [])]).sort((a, b) => (a.dataset.answer ?? "").localeCompare(b.dataset.answer ?? ""));
    order.forEach((one, index) => { if (this.answers?.children[index] !== one) this.answers?.insertBefore(one, this.answers.children[index]); });
    return panel;
  }

  /** @param {HTMLElement} body @param {string} text @param {AbortSignal} signal */
  async paint(body, text, signal) {
    const { start, end } = current();
    const more = /** @type {Record<string, string>} */ (this.checked("[data-explain]") ? { explain: "1" } : {});
    if (this.shownAs === "table") {
      const [{ data, warnings }, unit] = await Promise.all([ask("/api/v1/query", { query: text, time: String(end), ...more }, signal), unitOf(text)]);
      body.replaceChildren(valueTable(data, unit, `explore-${text.length}`));
      return { warnings, series: Array.isArray(data.result) ? data.result.length : 1, explain: data.explain };
    }
    const step = stepOf(end - start, body.clientWidth || 900);
    const [{ data, warnings }, unit] = await Promise.all([queryRange(text, start, end, step, signal, more), unitOf(text)]);
    const drawn = frame(data.result, start, end, step);
    await customElements.whenDefined(this.shownAs === "heatmap" ? "tc-heatmap" : "tc-chart");
    if (this.shownAs === "heatmap") {
      /** @type {TcHeatmap} */ (body.querySelector("tc-heatmap")).show(drawn, /_seconds/.test(text) ? "seconds" : /_bytes/.test(text) ? "bytes" : "");
    } else {
      const chart = /** @type {TcChart} */ (body.querySelector("tc-chart"));
      chart.setAttribute("unit", unit);
      const wanted = this.checked("[data-exemplars]");
      const marks = wanted ? await this.exemplars(text, start, end, signal) : [];
      if (wanted && !marks.length) warnings.push("No exemplars in this range. They come with OpenMetrics, remote write and OTLP from programs that trace.");
      chart.show(drawn, marks);
    }
    return { warnings, series: data.result.length, explain: data.explain };
  }

  /**
   * @param {string} query @param {number} start @param {number} end @param {AbortSignal} signal
   * @returns {Promise<import("./tc-chart.js").Mark[]>}
   */
  async exemplars(query, start, end, signal) {
    const { data } = await ask("/api/v1/query_exemplars", { query, start: String(start), end: String(end) }, signal);
    return data.flatMap((/** @type {any} */ one) => one.exemplars.map((/** @type {any} */ found) => ({
      at: Number(found.timestamp), value: Number(found.value), labels: found.labels, series: one.seriesLabels,
    })));
  }

  /** @param {HTMLElement} row @param {string} text @param {Refused} error say what is wrong, and where */
  blame(row, text, error) {
    const box = el("div", { class: "problem", role: "alert" }, el("b", { text: error.kind === "bad_data" ? "The query is not understood. " : "No answer. " }), error.message);
    const found = /(?:^|[^\d])(\d+):(\d+):/.exec(error.message);
    if (found) {
      const lines = text.split("\n");
      const line = Math.min(Number(found[1]), lines.length) - 1;
      const column = Number(found[2]) - 1;
      const offset = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0) + column;
      const rest = /^[\w:.]+|^\S/.exec(text.slice(offset))?.[0].length ?? 1;
      this.editor(row).mark?.(offset, offset + rest, error.message);
      box.append(el("pre", { text: `${lines[line]}\n${" ".repeat(Math.max(0, column))}${"^".repeat(rest)}` }));
    }
    row.append(box);
  }
}

customElements.define("tc-explore", TcExplore);
