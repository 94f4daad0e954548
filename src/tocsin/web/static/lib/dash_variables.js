// The bar of variables: what may be chosen, what is, and both in the address.

import { ask, Refused } from "./api.js";
import { el, icon } from "./dom.js";
import { ALL, builtIn, filled, namedIn, packed, unpacked } from "./dash_words.js";
import { current } from "./range.js";

/**
 * @typedef {import("./dash_model.js").Variable} Variable
 */

const SHOWN = 300;
const LABEL_VALUES = /^\s*label_values\s*\(\s*(?:(.+?)\s*,\s*)?([A-Za-z_]\w*)\s*\)\s*$/s;
const METRICS = /^\s*metrics\s*\(\s*(.*?)\s*\)\s*$/s;
const RESULT = /^\s*query_result\s*\(\s*(.+)\s*\)\s*$/s;

export class Variables {
  /** @type {Variable[]} */
  all = [];
  /** @type {Map<string, string[]>} what may be chosen */
  options = new Map();
  /** @type {Map<string, string[]>} what is chosen */
  values = new Map();
  /** @type {Map<string, string>} why there is nothing to choose from */
  problems = new Map();
  /** @type {Map<string, string[]> | undefined} what is being asked for just now */
  latest;

  /** @param {HTMLElement} box @param {() => void} changed called when a person chose something else */
  constructor(box, changed) {
    this.box = box;
    this.changed = changed;
  }

  /** @param {Variable[]} all as the address has them; what it does not say is as the dashboard has it */
  async load(all) {
    const query = new URLSearchParams(location.search);
    const values = /** @type {Map<string, string[]>} */ (new Map());
    this.latest = values;
    this.all = all;
    for (const one of all) {
      const given = query.getAll(`var-${one.name}`);
      await this.find(one, values);
      values.set(one.name, this.fitting(one, given.length > 1 ? given : given.length ? unpacked(given[0]) : one.default));
    }
    if (this.latest !== values) return; // somebody went on meanwhile
    this.values = values;
    this.paint();
  }

  /** @param {Variable} one @param {Map<string, string[]>} values of those before it. Ask what may be chosen. */
  async find(one, values) {
    this.problems.delete(one.name);
    if (one.source !== "query") {
      this.options.set(one.name, one.options);
      return;
    }
    try {
      const found = await optionsOf(filled(one.query, values, builtIn(current(), 60)));
      this.options.set(one.name, matching(found, one.regex));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.options.set(one.name, []);
      this.problems.set(one.name, error.message);
    }
  }

  /** @param {Variable} one @param {string[]} wanted @returns {string[]} what of it may be chosen, else the first */
  fitting(one, wanted) {
    const options = this.options.get(one.name) ?? [];
    if (one.source === "text") return [wanted[0] ?? ""];
    if (wanted.includes(ALL) && one.include_all) return [ALL];
    // What cannot be asked for just now is believed.
    const known = options.length && one.source === "query" ? wanted.filter((value) => options.includes(value)) : wanted.filter((value) => value !== ALL);
    if (known.length) return one.multi ? known : known.slice(0, 1);
    if (one.include_all) return [ALL];
    return options.length ? [options[0]] : [];
  }

  /** @param {string} name @returns {string[]} the chosen values, every option where all are */
  each(name) {
    const chosen = this.values.get(name) ?? [];
    return chosen.includes(ALL) ? (this.options.get(name) ?? []).slice(0, 50) : chosen;
  }

  /** @param {Variable} one @param {string[]} values */
  async choose(one, values) {
    this.values.set(one.name, values.length ? values : this.fitting(one, []));
    const url = new URL(location.href);
    url.searchParams.set(`var-${one.name}`, packed(this.values.get(one.name) ?? []));
    history.pushState({}, "", url);
    const after = this.all.slice(this.all.indexOf(one) + 1).filter((other) => other.source === "query" && this.dependsOn(other, one.name));
    for (const other of after) {
      await this.find(other, this.values);
      this.values.set(other.name, this.fitting(other, this.values.get(other.name) ?? []));
    }
    this.paint(one.name);
    this.changed();
  }

  /** @param {Variable} other @param {string} name @returns {boolean} itself, or by another between them */
  dependsOn(other, name) {
    const named = namedIn(other.query);
    return named.has(name) || this.all.slice(0, this.all.indexOf(other)).some((between) => named.has(between.name) && between.name !== name && this.dependsOn(between, name));
  }

  /** @param {string} [focused] whose field has the focus afterwards */
  paint(focused) {
    const open = /** @type {HTMLElement | null} */ (this.box.querySelector("details[open]"))?.dataset.variable;
    this.box.replaceChildren(...this.all.filter((one) => !one.hidden).map((one) => this.field(one, open === one.name)));
    this.box.hidden = !this.box.children.length;
    if (focused && !open) /** @type {HTMLElement | null} */ (this.box.querySelector(`[data-variable="${CSS.escape(focused)}"] :is(select, input, summary)`))?.focus();
  }

  /** @param {Variable} one @param {boolean} open */
  field(one, open) {
    const chosen = this.values.get(one.name) ?? [];
    const problem = this.problems.get(one.name);
    const name = one.label || one.name;
    const options = this.options.get(one.name) ?? [];
    if (one.source === "text") {
      const input = /** @type {HTMLInputElement} */ (el("input", { value: chosen[0] ?? "", autocomplete: "off", spellcheck: "false", "aria-label": name }));
      input.addEventListener("change", () => void this.choose(one, [input.value]));
      return el("label", { class: "variable", "data-variable": one.name }, el("span", { text: name }), input);
    }
    if (one.multi) return this.menu(one, name, options, chosen, open);
    const select = /** @type {HTMLSelectElement} */ (el("select", { "aria-label": name }));
    const offered = [...(one.include_all ? [ALL] : []), ...new Set([...chosen.filter((value) => value !== ALL), ...options])];
    for (const value of offered) select.append(el("option", { value, selected: chosen.includes(value), text: value === ALL ? "All" : value || "(empty)" }));
    if (!offered.length) select.append(el("option", { value: "", text: problem ? "cannot be asked" : "nothing to choose" }));
    select.addEventListener("change", () => void this.choose(one, [select.value]));
    return el("label", { class: "variable", "data-variable": one.name, title: problem }, el("span", { text: name }), select);
  }

  /** @param {Variable} one @param {string} name @param {string[]} options @param {string[]} chosen @param {boolean} open */
  menu(one, name, options, chosen, open) {
    const words = chosen.includes(ALL) ? "All" : chosen.length > 2 ? `${chosen.length} of ${options.length}` : chosen.join(", ") || "none";
    const list = el("div", { class: "choices" });
    const show = (/** @type {string} */ part) => {
      const found = options.filter((value) => value.toLowerCase().includes(part.toLowerCase()));
      const rows = [...(one.include_all && !part ? [ALL] : []), ...found.slice(0, SHOWN)].map((value) => {
        const box = /** @type {HTMLInputElement} */ (el("input", { type: "checkbox", value, checked: chosen.includes(value) }));
        box.addEventListener("change", () => {
          const others = (this.values.get(one.name) ?? []).filter((other) => other !== value && other !== ALL);
          void this.choose(one, value === ALL ? (box.checked ? [ALL] : []) : box.checked ? [...others, value] : others);
        });
        return el("label", { class: "check item" }, box, value === ALL ? "All" : value);
      });
      list.replaceChildren(...rows, ...(found.length > SHOWN ? [el("p", { class: "head", text: `${found.length - SHOWN} more; type a part of the name.` })] : []), ...(rows.length ? [] : [el("p", { class: "head", text: this.problems.get(one.name) ?? "Nothing to choose from." })]));
    };
    const search = /** @type {HTMLInputElement} */ (el("input", { type: "search", placeholder: "Part of a name", "aria-label": `Search ${name}`, autocomplete: "off" }));
    search.addEventListener("input", () => show(search.value));
    show("");
    return el("div", { class: "variable" }, el("span", { text: name }), el("details", { class: "menu", "data-variable": one.name, open }, el("summary", { class: "button", "aria-label": `${name}: ${words}` }, el("span", { class: "clip", text: words }), icon("down")), el("div", { class: "float" }, ...(options.length > 8 ? [search] : []), list)));
  }
}

/** @param {string} query @returns {Promise<string[]>} */
async function optionsOf(query) {
  const { start, end } = current();
  const times = [["start", String(start)], ["end", String(end)]];
  const metrics = METRICS.exec(query);
  const values = LABEL_VALUES.exec(query);
  if (values || metrics) {
    const selector = metrics ? `{__name__=~".*(?:${metrics[1]}).*"}` : values?.[1];
    const { data } = await ask(`/api/v1/label/${encodeURIComponent(values?.[2] ?? "__name__")}/values`, [...(selector ? [["match[]", selector]] : []), ...times]);
    return data;
  }
  const result = RESULT.exec(query);
  if (!result) throw new Refused(`${query} is none of label_values(metric, label), metrics(part), query_result(query).`, "bad_data", 0);
  const { data } = await ask("/api/v1/query", { query: result[1], time: String(end) });
  return data.result.map((/** @type {any} */ one) => `${one.metric.__name__ ?? ""}{${Object.entries(one.metric).filter(([name]) => name !== "__name__").map(([name, value]) => `${name}="${value}"`).join(",")}} ${one.value[1]}`);
}

/** @param {string[]} found @param {string} regex @returns {string[]} those that match; the first group, where there is one, is the value */
function matching(found, regex) {
  if (!regex) return [...new Set(found)];
  let pattern;
  try {
    pattern = new RegExp(regex);
  } catch (error) {
    throw new Refused(`The regular expression is wrong: ${error instanceof Error ? error.message : ""}`, "bad_data", 0);
  }
  return [...new Set(found.flatMap((value) => {
    const match = pattern.exec(value);
    return match ? [match.groups?.value ?? match[1] ?? value] : [];
  }))];
}
