import uPlot from "uplot";
import { queryRange, Refused } from "../lib/api.js";
import { copy, el, icon, tone } from "../lib/dom.js";
import { absolute, guessUnit, naturalSteps, tickWords, withUnit } from "../lib/format.js";
import { frame, stack } from "../lib/frames.js";
import { Legend } from "../lib/legend.js";
import { placeMarks } from "../lib/marks.js";
import { current, step as stepOf, unzoom, zoom } from "../lib/range.js";
import { drawNotes, drawThresholds, notesOf, thresholdsOf } from "../lib/thresholds.js";

/**
 * @typedef {import("../lib/frames.js").Frame} Frame
 * @typedef {import("../lib/marks.js").Mark} Mark
 * @typedef {{ at: number, words: string }} Note an annotation: a deploy, an incident
 */

const TIP_LINES = 8;

/**
 * A chart of a query over the page's time range. Attributes: `query`, `unit`, `kind` (line, area, bars, stacked), `low` and `high` (the ends of the axis),
 * `legend` (a template), `label`, `thresholds`, `notes` ("epoch words; …"), `bare` (no legend). Drag zooms the whole page, a double click goes back, the crosshair
 * is shared. Or call `show()` with a frame of your own.
 */
export class TcChart extends HTMLElement {
  /** @type {Frame | null} */
  data = null;
  /** @type {Mark[]} */
  marks = [];
  /** @type {Note[]} */
  notes = [];
  /** @type {uPlot | null} */
  plot = null;
  /** @type {Legend | undefined} */
  legend;

  connectedCallback() {
    this.box = /** @type {HTMLElement} */ (this.querySelector(".plot") ?? this.appendChild(el("div", { class: "plot" })));
    this.legend ??= new Legend(this, () => this.draw());
    this.notes = notesOf(this.getAttribute("notes") ?? "");
    this.tip = el("div", { class: "tip", hidden: true });
    this.addTools();
    for (const name of ["tc:range", "tc:refresh", "tc:theme"]) document.addEventListener(name, this);
    this.resize = new ResizeObserver(() => this.fit());
    this.resize.observe(this.box);
    if (this.hasAttribute("query")) {
      this.seen = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        this.seen?.disconnect();
        void this.load();
      }, { rootMargin: "200px" });
      this.seen.observe(this);
    }
  }

  disconnectedCallback() {
    for (const name of ["tc:range", "tc:refresh", "tc:theme"]) document.removeEventListener(name, this);
    this.resize?.disconnect();
    this.seen?.disconnect();
    this.asking?.abort();
    this.plot?.destroy();
    this.plot = null;
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === "tc:theme") this.draw();
    else if (this.hasAttribute("query")) void this.load();
  }

  /** Lines across the chart: `thresholds="0.5 warning slow; 1 critical too slow"`. */
  get thresholds() {
    return thresholdsOf(this.getAttribute("thresholds") ?? "");
  }

  get unit() {
    return this.getAttribute("unit") || guessUnit(this.getAttribute("query") ?? "");
  }

  addTools() {
    const head = this.closest(".panel")?.querySelector("header");
    const query = this.getAttribute("query");
    if (!query || !head || head.querySelector(".chart-tools")) return;
    const { from, to } = current();
    head.append(el("span", { class: "chart-tools" },
      el("button", { class: "button bare small square", type: "button", title: "Copy the query", "aria-label": "Copy the query", onclick: () => copy(query, "Copied the query") }, icon("copy")),
      ...(this.hasAttribute("thresholds") ? [] : [el("a", { class: "button bare small square", title: "Make an alert of this", "aria-label": "Make an alert of this", href: `/rules/new?${new URLSearchParams({ expr: query })}` }, icon("bell"))]),
      el("a", { class: "button bare small square", title: "Open in Explore", "aria-label": "Open in Explore", href: `/explore?${new URLSearchParams({ a: query, from, to })}` }, icon("open"))));
  }

  async load() {
    const query = this.getAttribute("query");
    if (!query || !this.box) return;
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    const { start, end } = current();
    const step = stepOf(end - start, this.box.clientWidth || 600);
    try {
      const { data } = await queryRange(query, start, end, step, asking.signal);
      this.show(frame(data.result, start, end, step, this.getAttribute("legend") ?? ""));
    } catch (error) {
      if (asking.signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      this.say(error.message, "The chart could not be read");
    }
  }

  /** @param {Frame} data @param {Mark[]} [marks] */
  show(data, marks = []) {
    this.data = data;
    this.marks = marks;
    if (data.lines.length) this.draw();
    else this.say("No samples in this range", "");
    this.legend?.show(data, this.unit);
  }

  /** @param {string} words @param {string} title instead of a plot */
  say(words, title) {
    this.plot?.destroy();
    this.plot = null;
    this.box?.replaceChildren(el("div", { class: "none", role: title ? "alert" : "note" }, ...(title ? [el("b", { text: title })] : []), el("span", { text: words })));
  }

  fit() {
    if (!this.box?.clientWidth || !this.plot) return;
    if (this.plot.width === this.box.clientWidth && this.plot.height === this.box.clientHeight) return;
    this.plot.setSize({ width: this.box.clientWidth, height: this.box.clientHeight });
  }

  draw() {
    const { data, box, legend } = this;
    if (!data?.lines.length || !box?.clientWidth || !legend) return;
    const kind = this.getAttribute("kind") ?? "line";
    const stacked = kind === "stacked" || kind === "bars";
    const lines = data.lines.filter((line) => legend.isOn(line.key));
    const columns = stacked ? stack(lines) : lines.map((line) => line.values);
    // A stack is painted from the top down, so that each band covers those above it.
    const order = stacked ? lines.map((_, index) => lines.length - 1 - index) : lines.map((_, index) => index);
    const bars = kind === "bars" && uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.8, 60] }) } : {};
    const series = order.map((index) => {
      const colour = tone(lines[index].colour);
      const thin = kind === "area" ? `${colour}30` : lines.length === 1 ? `${colour}14` : undefined;
      return { ...bars, label: lines[index].short, stroke: colour, width: stacked ? 1 : 1.5, fill: kind === "bars" ? colour : stacked ? this.fillOf(colour) : thin, points: { show: kind !== "bars", size: 4, fill: colour, filter: () => lonely(columns[index]) }, spanGaps: false };
    });
    this.plot?.destroy();
    box.replaceChildren();
    const aligned = /** @type {uPlot.AlignedData} */ ([data.times, ...order.map((index) => columns[index])]);
    this.plot = new uPlot(this.options(series, stacked), aligned, box);
    this.order = order.map((index) => lines[index]);
    this.tip = el("div", { class: "tip", hidden: true, "aria-live": "polite" });
    box.append(this.tip);
    this.plot.over.addEventListener("dblclick", unzoom);
    const label = this.getAttribute("label") || this.getAttribute("query") || "Chart";
    box.setAttribute("role", "group");
    box.setAttribute("aria-roledescription", "chart");
    box.setAttribute("aria-label", `${label}: ${lines.length} series. Arrow keys read it, the table below has the numbers.`);
    box.tabIndex = 0;
    box.onkeydown = (event) => this.keyed(event);
    box.onblur = () => this.plot?.setCursor({ left: -10, top: -10 });
  }

  /** @param {string} colour */
  fillOf(colour) {
    return /^#[0-9a-f]{6}$/i.test(colour) ? `${colour}b8` : colour;
  }

  /**
   * @param {uPlot.Series[]} series
   * @param {boolean} stacked
   * @returns {uPlot.Options}
   */
  options(series, stacked) {
    const grid = { stroke: tone("--line"), width: 1 };
    const font = `11px ${tone("--face")}`;
    const unit = this.unit;
    const { start, end } = current();
    return {
      width: this.box?.clientWidth ?? 600,
      height: this.box?.clientHeight ?? 240,
      padding: [10, 20, 0, 4],
      series: [{}, ...series],
      scales: {
        x: { time: true, range: this.hasAttribute("query") ? () => [start, end] : undefined },
        y: { range: (_, low, high) => this.bounded(span(low, Math.max(high, ...this.thresholds.map(({ at }) => (at < high * 3 ? at : high))), stacked)) },
      },
      axes: [
        { stroke: tone("--dim"), font, grid: { show: false }, ticks: { ...grid, size: 4 }, size: 26, space: 70, values: timeLabels },
        { stroke: tone("--dim"), font, grid, ticks: { show: false }, size: (_, values) => 14 + 6.4 * Math.max(4, ...(values ?? []).map((text) => text.length)), space: 34, incrs: naturalSteps(unit), values: (_, ticks) => tickWords(ticks, unit) },
      ],
      cursor: { sync: { key: "tocsin", setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, focus: { prox: 24 } },
      legend: { show: false },
      hooks: {
        setCursor: [(plot) => this.showTip(plot)],
        setSelect: [(plot) => {
          if (plot.select.width < 4) return;
          const from = plot.posToVal(plot.select.left, "x");
          const to = plot.posToVal(plot.select.left + plot.select.width, "x");
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          zoom(from, to);
        }],
        draw: [(plot) => { drawThresholds(plot, this.thresholds); drawNotes(plot, this.notes); placeMarks(plot, this.marks); }],
      },
    };
  }

  /** @param {[number, number]} found @returns {[number, number]} with the ends that somebody wants */
  bounded([low, high]) {
    const bound = (/** @type {string} */ name, /** @type {number} */ other) => (this.hasAttribute(name) ? Number(this.getAttribute(name)) : other);
    const [from, to] = [bound("low", low), bound("high", high)];
    return from < to ? [from, to] : [low, high];
  }

  /** @param {KeyboardEvent} event arrows move the crosshair, Escape takes it away */
  keyed(event) {
    const { plot, data } = this;
    if (!plot || !data || event.target !== this.box) return;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined && event.key !== "Escape") return;
    event.preventDefault();
    if (by === undefined) {
      plot.setCursor({ left: -10, top: -10 });
      return;
    }
    const last = data.times.length - 1;
    const index = Math.max(0, Math.min(last, (plot.cursor.idx ?? last) + by));
    plot.setCursor({ left: plot.valToPos(data.times[index], "x"), top: 10 });
  }

  /** @param {uPlot} plot */
  showTip(plot) {
    const { tip, order, data } = this;
    const { left, idx } = plot.cursor;
    if (!tip || !order || !data) return;
    const hovered = this.matches(":hover") || document.activeElement === this.box;
    tip.hidden = !hovered || left === undefined || left < 0 || idx === null || idx === undefined;
    if (tip.hidden || left === undefined || idx === null || idx === undefined) return;
    const rows = order.map((line) => ({ line, value: line.values[idx] })).filter((row) => row.value !== null && row.value !== undefined)
      .sort((a, b) => Number(b.value) - Number(a.value));
    const shown = rows.slice(0, TIP_LINES).map(({ line, value }) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.color = `var(${line.colour})`;
      return el("div", {}, swatch, el("span", { class: "n", text: line.short }), el("span", { class: "v", text: withUnit(value, this.unit) }));
    });
    tip.replaceChildren(el("div", { class: "when", text: absolute(data.times[idx]) }), ...shown);
    if (rows.length > TIP_LINES) tip.append(el("div", { class: "quiet", text: `and ${rows.length - TIP_LINES} more` }));
    const note = this.notes.find(({ at }) => Math.abs(plot.valToPos(at, "x") - left) < 6);
    if (note) tip.append(el("div", { class: "quiet", text: `│ ${note.words}` }));
    const width = plot.over.clientWidth;
    const offset = plot.over.offsetLeft;
    const right = left > width / 2;
    tip.style.left = right ? "auto" : `${offset + left + 14}px`;
    tip.style.right = right ? `${width - left + 26}px` : "auto";
  }
}

/** @param {number} low @param {number} high @param {boolean} fromZero @returns {[number, number]} */
function span(low, high, fromZero) {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  if (fromZero || (low >= 0 && low < high * 0.6) || low === high) low = Math.min(0, low);
  if (low === high) return [low, low + 1];
  const room = (high - low) * 0.06;
  return [low < 0 || low > 0 ? low - room : low, high + room];
}

/**
 * A point with a gap on both sides would not be seen as a line, so it is drawn as a dot.
 * @param {(number | null)[]} values
 * @returns {number[]} their indices
 */
function lonely(values) {
  return values.flatMap((value, index) => (value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null ? [index] : []));
}

/** @type {uPlot.Axis.DynamicValues} */
function timeLabels(_plot, ticks, _axis, _space, increment) {
  let day = "";
  return ticks.map((tick) => {
    const date = new Date(tick * 1000);
    const clock = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: increment < 60 ? "2-digit" : undefined, hour12: false });
    const here = date.toLocaleDateString(undefined, { month: "short", day: "numeric" });
    const changed = day !== "" && day !== here;
    day = here;
    if (increment >= 86400) return here;
    return changed ? here : clock;
  });
}

customElements.define("tc-chart", TcChart);
