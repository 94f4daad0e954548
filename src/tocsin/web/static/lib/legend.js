// The table under a chart: its numbers, and which series are on.

import { el } from "./dom.js";
import { withUnit } from "./format.js";

/** @typedef {import("./frames.js").Frame} Frame */

const COLUMNS = /** @type {const} */ (["last", "min", "avg", "max"]);

/** A sortable table of the series; a click isolates one, with Ctrl or Cmd it is added or taken. */
export class Legend {
  /** @type {Set<string> | null} the series that are on; null is all */
  on = null;
  /** @type {"" | "short" | "last" | "min" | "avg" | "max"} */
  sort = "";
  down = true;

  /** @param {HTMLElement} chart @param {() => void} changed */
  constructor(chart, changed) {
    this.changed = changed;
    this.box = chart.querySelector(".legend") ?? chart.appendChild(el("div", { class: "legend", hidden: true }));
  }

  /** @param {string} key */
  isOn(key) {
    return this.on === null || this.on.has(key);
  }

  /** @param {Frame} frame @param {string} unit */
  show(frame, unit) {
    this.frame = frame;
    this.unit = unit;
    this.keys = frame.lines.map((line) => line.key);
    if (this.on && !this.keys.some((key) => this.on?.has(key))) this.on = null;
    this.paint();
  }

  paint() {
    const { frame, unit, box } = this;
    if (!frame) return;
    /** @type {HTMLElement} */ (box).hidden = frame.lines.length === 0;
    const heads = [["short", `${frame.lines.length} series`], ...COLUMNS.map((name) => [name, name])].map(([name, words]) => {
      const sorted = this.sort === name ? { "aria-sort": this.down ? "descending" : "ascending" } : {};
      return el("th", { class: name === "short" ? "" : "num", scope: "col", ...sorted }, el("button", { type: "button", text: words, onclick: () => this.sortBy(/** @type {typeof this.sort} */ (name)) }));
    });
    const lines = [...frame.lines];
    if (this.sort) {
      const { sort } = this;
      lines.sort((a, b) => (sort === "short" ? b.short.localeCompare(a.short) : (b.stats[sort] || 0) - (a.stats[sort] || 0)) * (this.down ? 1 : -1));
    }
    const rows = lines.map((line) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.color = `var(${line.colour})`;
      const row = el("tr", { class: this.isOn(line.key) ? "" : "off", title: line.name },
        el("td", { class: "key" }, swatch, ` ${line.short}`),
        ...COLUMNS.map((name) => el("td", { class: "num", text: withUnit(line.stats[name], unit ?? "") })));
      row.tabIndex = 0;
      const pick = (/** @type {MouseEvent | KeyboardEvent} */ event) => this.pick(line.key, event.ctrlKey || event.metaKey);
      row.addEventListener("click", pick);
      row.addEventListener("keydown", (event) => { if (event.key === "Enter") pick(event); });
      return row;
    });
    const scrolled = box.scrollTop;
    box.replaceChildren(el("table", { class: "data" }, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows)));
    if (frame.rest) box.append(el("p", { class: "rest", text: `The ${frame.lines.length} largest are drawn; ${frame.rest} more series are not.` }));
    box.scrollTop = scrolled;
  }

  /** @param {typeof this.sort} name */
  sortBy(name) {
    if (this.sort === name) this.down = !this.down;
    else [this.sort, this.down] = [name, true];
    this.paint();
  }

  /** @param {string} key @param {boolean} adding */
  pick(key, adding) {
    const all = this.keys ?? [];
    if (adding) {
      this.on ??= new Set(all);
      if (this.on.has(key)) this.on.delete(key);
      else this.on.add(key);
      if (this.on.size === 0 || this.on.size === all.length) this.on = null;
    } else this.on = this.on?.size === 1 && this.on.has(key) ? null : new Set([key]);
    this.paint();
    this.changed();
  }
}
