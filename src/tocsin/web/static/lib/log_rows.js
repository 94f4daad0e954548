// Rows of log lines: those of the live tail are made here, as parts/log_parts.html makes the others.

import { el } from "./dom.js";

/**
 * A line as `/api/logs/tail` tells it.
 * @typedef {{ time: string, message: string, level: string, id: string, severity?: string, service?: string, host?: string, environment?: string, source?: string, trace_id?: string, span_id?: string, user_id?: string, pattern?: string, attributes?: Record<string, string>, original?: string }} Line
 */

const TONES = /** @type {Record<string, string>} */ ({ fatal: "critical", error: "critical", warn: "warning", info: "info", debug: "silenced", trace: "silenced", unknown: "unknown" });

/** @param {string} iso @param {boolean} withDay */
export function clock(iso, withDay) {
  const at = new Date(iso);
  const pad = (/** @type {number} */ n, size = 2) => String(n).padStart(size, "0");
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
  return withDay ? `${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${time}` : time;
}

/** Write the times of rows in the reader's own zone. @param {Element} root */
export function localise(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time.t")) {
    const iso = time.getAttribute("datetime") ?? "";
    time.textContent = clock(iso, new Date(iso).toDateString() !== today);
  }
}

/**
 * @param {string} text
 * @param {string[]} words to be marked, whatever their case
 * @returns {(Node | string)[]}
 */
export function marked(text, words) {
  const wanted = words.filter(Boolean).sort((a, b) => b.length - a.length).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (!wanted.length) return [text];
  return text.split(new RegExp(`(${wanted.join("|")})`, "giu")).map((piece, index) => (index % 2 ? el("mark", { text: piece }) : piece));
}

/**
 * @param {Line} line
 * @param {string[]} words
 * @param {string[]} columns
 */
export function row(line, words, columns) {
  const tone = TONES[line.level] ?? "unknown";
  const known = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (line));
  const cells = columns.map((name) => {
    const value = line.attributes?.[name] ?? String(known[name] ?? "");
    return el("span", { class: "col" }, ...(value ? [el("b", { text: `${name}=` }), value] : []));
  });
  const summary = el("summary", {},
    el("time", { class: "t", datetime: line.time, text: clock(line.time, false) }),
    el("span", { class: `dot ${tone} lv` }, el("i", { "aria-hidden": "true" }), line.level),
    el("span", { class: "from", text: line.service ?? "" }), ...cells,
    el("span", { class: "msg" }, ...marked(line.message.slice(0, 2000), words)));
  const detail = el("div", { class: "detail" }, el("p", {}, el("a", { href: `/logs/line/${line.id}`, text: "All of this line" })));
  return el("li", {}, el("details", { class: `line ${tone}`, "data-line": line.id }, summary, detail));
}
