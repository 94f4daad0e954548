// A query for those who know no PromQL: a metric, some filters, what to do with it, how to add up.

import { ask } from "./api.js";
import { el, icon } from "./dom.js";

/** @typedef {import("../elements/tc-select.js").TcSelect} TcSelect */

const WHAT = [
  ["", "as it is"], ["rate", "change per second"], ["increase", "growth over the window"], ["avg_over_time", "average over the window"],
  ["max_over_time", "maximum over the window"], ["min_over_time", "minimum over the window"], ["quantile", "percentile of a histogram"],
];
const TOGETHER = [["", "each series alone"], ["sum", "sum"], ["avg", "average"], ["max", "maximum"], ["min", "minimum"], ["count", "how many"], ["topk", "the 10 largest"]];
const OPERATORS = [["=", "is"], ["!=", "is not"], ["=~", "matches"], ["!~", "does not match"]];
const WINDOWS = ["1m", "5m", "15m", "1h", "6h", "1d"];

/** Builds a query in a box and hands it over as text. */
export class Builder {
  /** @param {HTMLElement} box @param {(query: string) => void} use */
  constructor(box, use) {
    this.box = box;
    this.use = use;
  }

  toggle() {
    if (this.box.hidden) this.open();
    else this.box.hidden = true;
    return !this.box.hidden;
  }

  open() {
    this.box.hidden = false;
    if (!this.metric) this.build();
  }

  build() {
    this.metric = select("Metric", "Which metric", () => values("__name__"));
    this.filters = el("div", { class: "line" });
    this.what = choice("Show", WHAT);
    this.window = choice("Over", WINDOWS.map((one) => [one, one]), "5m");
    this.together = choice("Together", TOGETHER);
    this.by = select("For each", "All together", () => this.labels());
    this.result = el("output", { text: "Choose a metric." });
    const run = el("button", { class: "button main", type: "button", text: "Use this query", onclick: () => this.text() && this.use(this.text()) });
    this.box.replaceChildren(
      el("div", { class: "line" }, field("Metric", this.metric, "metric"), el("button", { class: "button", type: "button", onclick: () => this.addFilter() }, icon("plus"), "Filter")),
      this.filters,
      el("div", { class: "line" }, field("Show", this.what), field("Over", this.window), field("Together", this.together), field("For each", this.by)),
      el("div", { class: "line" }, run, this.result));
    this.box.addEventListener("change", () => this.changed());
    this.box.addEventListener("input", () => this.changed());
    this.metric.addEventListener("change", () => this.suggest());
  }

  /** A counter is wanted as its rate, a histogram as its percentile. */
  suggest() {
    const name = this.metric?.value ?? "";
    const what = /** @type {HTMLSelectElement} */ (this.what);
    if (name.endsWith("_bucket")) what.value = "quantile";
    else if (/_(total|count|sum)$/.test(name)) what.value = "rate";
    else what.value = "";
    this.changed();
  }

  async labels() {
    const { data } = await ask("/api/v1/labels", this.metric?.value ? { "match[]": this.metric.value } : {});
    return data.filter((/** @type {string} */ one) => one !== "__name__");
  }

  addFilter() {
    const name = select("Label", "label", () => this.labels());
    const operator = choice("How", OPERATORS);
    const value = select("Value", "value", () => (name.value ? values(name.value, this.metric?.value) : []));
    const line = el("div", { class: "line" }, field("Label", name), field("How", operator, "op"), field("Value", value));
    line.append(el("button", { class: "button bare square", type: "button", "aria-label": "Remove the filter", onclick: () => { line.remove(); this.changed(); } }, icon("close")));
    line.dataset.filter = "";
    this.filters?.append(line);
  }

  changed() {
    if (this.result) this.result.textContent = this.text() || "Choose a metric.";
  }

  /** @returns {string} the query, empty when no metric is chosen */
  text() {
    const metric = this.metric?.value.trim() ?? "";
    if (!metric) return "";
    const filters = [...(this.filters?.querySelectorAll("[data-filter]") ?? [])].map((line) => {
      const [name, value] = [...line.querySelectorAll("tc-select")].map((one) => /** @type {TcSelect} */ (one).value.trim());
      const operator = line.querySelector("select")?.value ?? "=";
      return name ? `${name}${operator}${JSON.stringify(value)}` : "";
    }).filter(Boolean);
    const selector = filters.length ? `${metric}{${filters.join(", ")}}` : metric;
    const what = /** @type {HTMLSelectElement} */ (this.what).value;
    const over = `[${/** @type {HTMLSelectElement} */ (this.window).value}]`;
    const together = /** @type {HTMLSelectElement} */ (this.together).value;
    const by = this.by?.value.trim().split(/[\s,]+/).filter(Boolean) ?? [];
    if (what === "quantile") return `histogram_quantile(0.95, sum by (${["le", ...by].join(", ")}) (rate(${selector}${over})))`;
    const inner = what ? `${what}(${selector}${over})` : selector;
    if (!together) return inner;
    if (together === "topk") return `topk(10, ${by.length ? `sum by (${by.join(", ")}) (${inner})` : inner})`;
    return by.length ? `${together} by (${by.join(", ")}) (${inner})` : `${together}(${inner})`;
  }
}

/** @param {string} label @param {string} [metric] @returns {Promise<string[]>} */
async function values(label, metric) {
  const { data } = await ask(`/api/v1/label/${encodeURIComponent(label)}/values`, metric ? { "match[]": metric } : {});
  return data;
}

/** @param {string} label @param {string} placeholder @param {(search: string) => Promise<string[]> | string[]} source */
function select(label, placeholder, source) {
  const made = /** @type {TcSelect} */ (el("tc-select", { label, placeholder }));
  const attach = () => { made.source = source; };
  if (customElements.get("tc-select")) attach();
  void customElements.whenDefined("tc-select").then(attach);
  return made;
}

/** @param {string} label @param {string[][]} options @param {string} [chosen] */
function choice(label, options, chosen) {
  return /** @type {HTMLSelectElement} */ (el("select", { "aria-label": label }, ...options.map(([value, words]) => el("option", { value, text: words, selected: value === chosen }))));
}

/** @param {string} words @param {HTMLElement} control @param {string} [kind] */
function field(words, control, kind = "") {
  return el("div", { class: `field ${kind}` }, el("span", { class: "label", text: words }), control);
}
