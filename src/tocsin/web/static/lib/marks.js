// Exemplars on a chart: one diamond each, a button that says what it is an example of.

import { copy, el, icon } from "./dom.js";
import { absolute, guessUnit, withUnit } from "./format.js";
import { name } from "./series.js";

const DRAWN = 200;
const TRACE = /^(trace_?id|traceID|span_?id)$/i;

/** @typedef {{ at: number, value: number, labels: Record<string, string>, series: Record<string, string> }} Mark an exemplar */

/**
 * Put the marks over the plot; those beyond its scale stand at the edge. The largest are kept.
 * @param {import("uplot")} plot
 * @param {Mark[]} marks
 */
export function placeMarks(plot, marks) {
  for (const old of plot.over.querySelectorAll(".exemplar")) old.remove();
  const card = /** @type {HTMLElement | null} */ (plot.over.querySelector(".exemplar-card"));
  const { clientWidth: width, clientHeight: height } = plot.over;
  const inside = marks.filter(({ at }) => { const x = plot.valToPos(at, "x"); return x >= 0 && x <= width; });
  for (const mark of inside.sort((a, b) => b.value - a.value).slice(0, DRAWN)) {
    const words = `Exemplar ${valueOf(mark)} at ${absolute(mark.at)}`;
    const button = el("button", { class: "exemplar", type: "button", title: words, "aria-label": words, "aria-expanded": String(card?.dataset.of === keyOf(mark)), onclick: () => open(plot, mark, button) });
    // A drag that begins on a mark is not a zoom.
    button.addEventListener("mousedown", (event) => event.stopPropagation());
    button.style.left = `${plot.valToPos(mark.at, "x")}px`;
    button.style.top = `${Math.max(4, Math.min(height - 4, plot.valToPos(mark.value, "y")))}px`;
    plot.over.append(button);
  }
}

/** @param {Mark} mark */
function keyOf(mark) {
  return `${mark.at} ${mark.value} ${name(mark.series)}`;
}

/** A trace is one click away, at its span where that is known. @param {Mark} mark @param {string} label @param {string} value */
function traceOf(mark, label, value) {
  if (!/^trace_?id$/i.test(label) || !/^[0-9a-f]{1,32}$/i.test(value)) return el("code", { text: value });
  const span = mark.labels.span_id ?? mark.labels.spanID ?? "";
  return el("a", { href: `/traces/${value}${span ? `?span=${encodeURIComponent(span)}` : ""}`, title: "Open the trace" }, el("code", { text: value }));
}

/** @param {Mark} mark an exemplar is of its metric's own unit, not of what the query makes of it */
function valueOf(mark) {
  return withUnit(mark.value, guessUnit((mark.series.__name__ ?? "").replace(/_(bucket|count|sum|total)$/, "")));
}

/** @param {import("uplot")} plot @param {Mark} mark @param {HTMLElement} button */
function open(plot, mark, button) {
  const wasOpen = button.getAttribute("aria-expanded") === "true";
  plot.over.querySelector(".exemplar-card")?.remove();
  for (const other of plot.over.querySelectorAll(".exemplar")) other.setAttribute("aria-expanded", "false");
  if (wasOpen) return;
  button.setAttribute("aria-expanded", "true");
  const close = () => { card.remove(); button.setAttribute("aria-expanded", "false"); button.focus(); };
  const rows = Object.entries(mark.labels).flatMap(([label, value]) => [
    el("dt", { text: label }),
    el("dd", {}, traceOf(mark, label, value), ...(TRACE.test(label) ? [el("button", { class: "button bare small square", type: "button", title: `Copy ${label}`, "aria-label": `Copy ${label}`, onclick: () => copy(value, `Copied ${label}`) }, icon("copy"))] : [])),
  ]);
  const card = el("div", { class: "exemplar-card", role: "group", "aria-label": "Exemplar", "data-of": keyOf(mark) },
    el("div", { class: "row" }, el("b", { class: "num", text: valueOf(mark) }), el("span", { class: "quiet", text: absolute(mark.at) }),
      el("button", { class: "button bare small square push", type: "button", "aria-label": "Close", onclick: close }, icon("close"))),
    el("dl", { class: "pairs" }, ...rows), el("code", { class: "quiet", text: name(mark.series) }));
  for (const kind of ["mousedown", "mousemove", "dblclick"]) card.addEventListener(kind, (event) => event.stopPropagation());
  card.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  if (plot.valToPos(mark.at, "x") > plot.over.clientWidth / 2) card.classList.add("left");
  card.style.setProperty("--x", `${plot.valToPos(mark.at, "x")}px`);
  plot.over.append(card);
  /** @type {HTMLElement | null} */ (card.querySelector("button"))?.focus();
}
