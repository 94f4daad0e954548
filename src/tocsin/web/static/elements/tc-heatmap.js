import { queryRange, Refused } from "../lib/api.js";
import { el, tone } from "../lib/dom.js";
import { absolute, withUnit } from "../lib/format.js";
import { frame as framed } from "../lib/frames.js";
import { current, step as stepOf } from "../lib/range.js";

const LEFT = 64;
const BOTTOM = 22;

/** Classic histogram buckets over time: one row a bucket, the darker the more. With a `query` (and the bounds' `unit`), or call `show()`. */
export class TcHeatmap extends HTMLElement {
  /** @type {{ low: number, high: number, counts: number[] }[]} */
  rows = [];

  connectedCallback() {
    this.box = this.querySelector(".plot") ?? this.appendChild(el("div", { class: "plot" }));
    this.resize = new ResizeObserver(() => this.draw());
    this.resize.observe(this.box);
    for (const name of ["tc:theme", "tc:range", "tc:refresh"]) document.addEventListener(name, this);
    void this.load();
  }

  disconnectedCallback() {
    this.resize?.disconnect();
    for (const name of ["tc:theme", "tc:range", "tc:refresh"]) document.removeEventListener(name, this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === "tc:theme") this.draw();
    else void this.load();
  }

  async load() {
    const query = this.getAttribute("query");
    if (!query) return;
    const { start, end } = current();
    const step = stepOf(end - start, this.box?.clientWidth || 600);
    try {
      const { data } = await queryRange(query, start, end, step);
      this.show(framed(data.result, start, end, step), this.getAttribute("unit") ?? "");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.say(error.message);
    }
  }

  /** @param {string} words instead of a plot */
  say(words) {
    this.rows = [];
    this.box?.replaceChildren(el("div", { class: "none", role: "note", text: words }));
  }

  /** @param {import("../lib/frames.js").Frame} frame @param {string} unit of the bucket bounds */
  show(frame, unit) {
    /** @type {Map<number, number[]>} */
    const cumulative = new Map();
    for (const line of frame.lines) {
      if (line.metric.le === undefined) continue;
      const bound = line.metric.le === "+Inf" ? Infinity : Number(line.metric.le);
      const row = cumulative.get(bound) ?? new Array(frame.times.length).fill(0);
      line.values.forEach((value, index) => { row[index] += value ?? 0; });
      cumulative.set(bound, row);
    }
    const bounds = [...cumulative.keys()].sort((a, b) => a - b);
    this.rows = bounds.map((bound, index) => {
      const own = cumulative.get(bound) ?? [];
      const below = index ? cumulative.get(bounds[index - 1]) ?? [] : [];
      return { low: index ? bounds[index - 1] : 0, high: bound, counts: own.map((value, at) => Math.max(0, value - (below[at] ?? 0))) };
    });
    this.times = frame.times;
    this.unit = unit;
    if (this.rows.length) this.draw();
    else this.say(frame.lines.length ? "A heatmap needs series with an le label: ask for rate(…_bucket[5m])." : "No samples in this range.");
  }

  draw() {
    const { rows, times, box } = this;
    if (!rows?.length || !times || !box?.clientWidth) return;
    const canvas = /** @type {HTMLCanvasElement} */ (el("canvas", { role: "img", "aria-label": `Heatmap of ${rows.length} buckets` }));
    const ratio = devicePixelRatio || 1;
    canvas.width = box.clientWidth * ratio;
    canvas.height = box.clientHeight * ratio;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    const [width, height] = [box.clientWidth - LEFT - 8, box.clientHeight - BOTTOM - 6];
    const [cell, band] = [width / times.length, height / rows.length];
    const most = Math.max(...rows.flatMap((row) => row.counts), Number.MIN_VALUE);
    context.font = `11px ${tone("--face")}`;
    rows.forEach((row, index) => {
      const y = 6 + height - (index + 1) * band;
      context.fillStyle = tone("--c1");
      row.counts.forEach((count, at) => {
        if (!count) return;
        context.globalAlpha = 0.08 + 0.92 * Math.sqrt(count / most);
        const left = Math.round(LEFT + at * cell);
        context.fillRect(left, y, Math.max(1, Math.round(LEFT + (at + 1) * cell) - left), Math.max(1, band - 1));
      });
      context.globalAlpha = 1;
      context.fillStyle = tone("--dim");
      context.textAlign = "right";
      if (band > 12 || index % Math.ceil(12 / band) === 0) context.fillText(Number.isFinite(row.high) ? withUnit(row.high, this.unit ?? "") : "∞", LEFT - 8, y + 8);
    });
    context.textAlign = "center";
    const every = Math.ceil(90 / cell);
    const second = (times[Math.min(every, times.length - 1)] - times[0]) < 60 ? "2-digit" : undefined;
    times.forEach((time, at) => {
      if (at % every || at * cell > width - 30) return;
      context.fillText(new Date(time * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second, hour12: false }), LEFT + at * cell + 14, box.clientHeight - 5);
    });
    canvas.addEventListener("mousemove", (event) => {
      const at = Math.floor((event.offsetX - LEFT) / cell);
      const row = rows[Math.floor((6 + height - event.offsetY) / band)];
      canvas.title = row && times[at] ? `${absolute(times[at])}\n${withUnit(row.low, this.unit ?? "")} – ${Number.isFinite(row.high) ? withUnit(row.high, this.unit ?? "") : "∞"}: ${withUnit(row.counts[at], "")}` : "";
    });
    box.replaceChildren(canvas);
  }
}

customElements.define("tc-heatmap", TcHeatmap);
