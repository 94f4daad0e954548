// Dragging over the histogram of lines, or arrows and Enter on it, zoom the whole page's time range.

import { clock } from "./log_rows.js";
import { unzoom, zoom } from "./range.js";

/** @param {HTMLElement} plot */
export function histogram(plot) {
  const start = Number(plot.dataset.start);
  const end = Number(plot.dataset.end);
  const bars = /** @type {SVGGElement[]} */ ([...plot.querySelectorAll("g")]);
  const chosen = plot.querySelector(".sel");
  const tip = /** @type {HTMLElement | null} */ (plot.querySelector(".tip"));
  /** @type {number | null} */
  let from = null;
  let at = -1;
  let anchor = -1;

  const timeOf = (/** @type {PointerEvent} */ event) => {
    const box = plot.getBoundingClientRect();
    return start + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * (end - start);
  };
  const select = (/** @type {number} */ a, /** @type {number} */ b) => {
    const scale = 1000 / (end - start);
    chosen?.setAttribute("x", String((Math.min(a, b) - start) * scale));
    chosen?.setAttribute("width", String(Math.abs(b - a) * scale));
  };
  const tell = (/** @type {SVGGElement | undefined} */ bar) => {
    if (!tip) return;
    tip.hidden = !bar;
    if (bar) tip.textContent = `${clock(new Date(Number(bar.dataset.start) * 1000).toISOString(), true).slice(0, -4)} · ${bar.dataset.words}`;
  };
  const barAt = (/** @type {number} */ time) => bars.find((bar) => Number(bar.dataset.start) <= time && time < Number(bar.dataset.end));
  const mark = () => {
    plot.toggleAttribute("data-busy", at >= 0);
    for (const [index, bar] of bars.entries()) bar.classList.toggle("at", index === at);
    tell(bars[at]);
    const ends = [bars[Math.min(at, anchor)], bars[Math.max(at, anchor)]];
    if (ends[0] && ends[1]) select(Number(ends[0].dataset.start), Number(ends[1].dataset.end));
  };

  plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = timeOf(event);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    const time = timeOf(event);
    tell(barAt(time));
    if (from !== null) select(from, time);
  });
  plot.addEventListener("pointerleave", () => { if (from === null) tell(undefined); });
  plot.addEventListener("pointercancel", () => { from = null; select(start, start); });
  plot.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const to = timeOf(event);
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    from = null;
    if ((high - low) / (end - start) > 0.008) zoom(low, high);
    else select(start, start);
  });
  plot.addEventListener("dblclick", unzoom);
  plot.addEventListener("blur", () => plot.removeAttribute("data-busy"));
  plot.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by) {
      at = at < 0 ? (by > 0 ? 0 : bars.length - 1) : Math.max(0, Math.min(bars.length - 1, at + by));
      if (!event.shiftKey || anchor < 0) anchor = at;
      mark();
    } else if (event.key === "Enter" && at >= 0) {
      const [first, last] = [bars[Math.min(at, anchor)], bars[Math.max(at, anchor)]];
      zoom(Math.max(start, Number(first.dataset.start)), Math.min(end, Number(last.dataset.end)));
    } else if (event.key === "Escape") {
      at = anchor = -1;
      select(start, start);
      mark();
    } else return;
    event.preventDefault();
  });
}
