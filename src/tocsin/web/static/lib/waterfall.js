// The rows of a waterfall: only those in sight are in the page, however many spans there are.

import { el } from "./dom.js";
import { duration } from "./format.js";

export const ROW = 26;
const SPARE = 12;
const INDENT = 14;
const MOST_INDENTS = 24;
const KINDS = ["", "internal", "server", "client", "producer", "consumer"];

/**
 * @typedef {{ id: string, up: number, depth: number, name: string, service: string, colour: number, kind: number, failed: boolean, offset: number, took: number, own: number, below: number, failedBelow: number, lost: boolean, critical: [number, number][], message: string }} Row
 */

/** @param {any[]} one a row as the server sends it @returns {Row} */
export function rowOf(one) {
  const [id, up, depth, name, service, colour, kind, failed, offset, took, own, below, failedBelow, lost, critical, message] = one;
  return { id, up, depth, name, service, colour, kind, failed, offset, took, own, below, failedBelow, lost, critical, message };
}

/** @param {number} ns */
export function time(ns) {
  return ns > 0 && ns < 1000 ? `${ns} ns` : duration(ns / 1e9);
}

/** Which rows are there, which are in sight, and how they look. */
export class Waterfall {
  /** @param {HTMLElement} box that scrolls @param {HTMLElement} body @param {Row[]} rows @param {number} took nanoseconds of the trace */
  constructor(box, body, rows, took) {
    this.box = box;
    this.body = body;
    this.rows = rows;
    this.window = /** @type {[number, number]} */ ([0, Math.max(took, 1)]);
    this.whole = /** @type {[number, number]} */ ([0, Math.max(took, 1)]);
    /** @type {Set<number>} */
    this.folded = new Set();
    /** @type {Set<string> | null} */
    this.matches = null;
    this.onlyCritical = false;
    this.active = -1;
    /** @type {number[]} */
    this.shown = [];
    this.first = -1;
    this.last = -1;
    box.addEventListener("scroll", () => this.paint());
    this.body.replaceChildren();
    this.layout();
  }

  /** Work out which rows are shown: those under a folded one are not. */
  layout() {
    const shown = [];
    for (let at = 0; at < this.rows.length; at += 1) {
      const row = this.rows[at];
      if (this.onlyCritical && !row.critical.length) continue;
      shown.push(at);
      if (this.folded.has(at) && !this.onlyCritical) at += row.below;
    }
    this.shown = shown;
    this.body.style.height = `${shown.length * ROW}px`;
    this.box.setAttribute("aria-rowcount", String(shown.length));
    this.paint(true);
  }

  /** @param {boolean} [anew] also rows that are there already */
  paint(anew = false) {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const last = Math.min(this.shown.length, first + Math.ceil(this.box.clientHeight / ROW) + 2 * SPARE);
    if (!anew && first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    const made = [];
    for (let place = first; place < last; place += 1) made.push(this.made(place));
    this.body.replaceChildren(...made);
  }

  /** @param {number} place among the shown */
  made(place) {
    const at = this.shown[place];
    const row = this.rows[at];
    const [from, to] = this.window;
    const scale = 100 / (to - from);
    const has = row.below > 0 && !this.onlyCritical;
    const toggle = has ? el("button", { class: "fold", type: "button", tabindex: "-1", "data-toggle": at, "aria-label": this.folded.has(at) ? "Expand" : "Collapse", text: this.folded.has(at) ? "▸" : "▾" }) : el("span", { class: "fold", "aria-hidden": "true" });
    const hidden = this.folded.has(at) ? el("span", { class: "count", text: `+${row.below}` }) : "";
    const bad = row.failed || (this.folded.has(at) && row.failedBelow) ? el("span", { class: "dot critical", title: row.message || "failed" }, el("i", { "aria-hidden": "true" }), el("span", { class: "sr", text: row.failed ? "failed" : `${row.failedBelow} failed below` })) : "";
    const name = el("div", { class: "n", role: "gridcell" }, toggle, el("i", { class: "c", "aria-hidden": "true" }), el("span", { class: "s", text: row.service }), el("b", { text: row.name || "(no name)" }), hidden, bad);
    name.style.paddingLeft = `${8 + Math.min(row.depth, MOST_INDENTS) * INDENT}px`;
    const bar = el("span", { class: "bar" });
    const left = (row.offset - from) * scale;
    const width = row.took * scale;
    bar.style.left = `${Math.max(left, 0)}%`;
    bar.style.width = `${Math.max(Math.min(left + width, 100) - Math.max(left, 0), 0)}%`;
    // Behind the bar where there is room, else before it, else at its end.
    const side = left + width <= 78 ? "" : left >= 22 ? "before" : "inside";
    const label = el("span", { class: `d ${side}`, text: time(row.took) });
    if (side === "before") label.style.right = `${100 - left}%`;
    else if (side === "inside") label.style.right = `${Math.max(100 - left - width, 0) + 0.4}%`;
    else label.style.left = `${Math.max(left + width, 0)}%`;
    const parts = row.critical.map(([start, end]) => {
      const one = el("span", { class: "crit" });
      one.style.left = `${Math.max((start - from) * scale, 0)}%`;
      one.style.width = `${Math.max(Math.min((end - from) * scale, 100) - Math.max((start - from) * scale, 0), 0)}%`;
      return one;
    });
    const isOut = left > 100 || left + width < 0;
    const lane = el("div", { class: "b", role: "gridcell" }, ...(isOut ? [] : [bar, ...parts, label]));
    const dim = this.matches !== null && !this.matches.has(row.id);
    const made = el("div", { class: `wf-row sc-${row.colour}${row.failed ? " bad" : ""}${dim ? " dim" : ""}${at === this.active ? " active" : ""}`, role: "row", id: `wf-${at}`, "data-at": at, "aria-level": row.depth + 1, "aria-rowindex": place + 1, "aria-selected": String(at === this.active), "aria-expanded": has ? String(!this.folded.has(at)) : undefined, title: [row.service, row.name, KINDS[row.kind] ?? "", time(row.took), row.message].filter(Boolean).join(" · ") }, name, lane);
    made.style.top = `${place * ROW}px`;
    return made;
  }

  /** @param {number} at choose a row, and bring it into sight */
  choose(at) {
    if (at < 0 || at >= this.rows.length) return;
    for (let up = this.rows[at].up; up >= 0; up = this.rows[up].up) this.folded.delete(up);
    this.active = at;
    this.layout();
    const top = this.shown.indexOf(at) * ROW;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = Math.max(0, top - ROW);
    else if (top + ROW > scrollTop + clientHeight) this.box.scrollTop = top + 2 * ROW - clientHeight;
    this.paint(true);
    this.box.setAttribute("aria-activedescendant", `wf-${at}`);
  }

  /** @param {number} by rows that are shown; where some are found, from one of them to the next @returns {number} the new row */
  next(by) {
    const here = this.shown.indexOf(this.active);
    return this.shown[here < 0 ? (by > 0 ? 0 : this.shown.length - 1) : Math.max(0, Math.min(this.shown.length - 1, here + by))] ?? -1;
  }

  /** @param {number} by @returns {number} the next found row, around the end; -1 when none is */
  nextMatch(by) {
    const count = this.rows.length;
    for (let step = 1; step <= count; step += 1) {
      const at = (((this.active + by * step) % count) + count) % count;
      if (this.matches?.has(this.rows[at].id)) return at;
    }
    return -1;
  }

  /** @param {number} at */
  toggle(at) {
    if (this.folded.has(at)) this.folded.delete(at);
    else this.folded.add(at);
    this.layout();
  }

  /** @param {boolean} fold every row that has others below it, but the first */
  foldAll(fold) {
    this.folded = new Set(fold ? this.rows.flatMap((row, at) => (row.below && row.depth > 0 ? [at] : [])) : []);
    this.layout();
  }

  /** @param {number} at show its time alone, with a little around it; -1: all of it */
  zoom(at) {
    if (at < 0) this.window = this.whole;
    else {
      const { offset, took } = this.rows[at];
      const room = Math.max(took * 0.05, 1);
      this.window = /** @type {[number, number]} */ ([offset - room, offset + took + room]);
    }
    this.paint(true);
  }
}
