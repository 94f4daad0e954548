import { queryRange } from "../lib/api.js";
import { current } from "../lib/range.js";

const POINTS = 60;

/** The last drawing of each query, so that a refresh of the page does not blink. */
const drawn = /** @type {Map<string, string>} */ (new Map());

/** A line without axes, of the page's range: `<tc-spark query="sum(up)">` or `values="1 2 3"`. */
class TcSpark extends HTMLElement {
  connectedCallback() {
    const before = drawn.get(this.getAttribute("query") ?? "");
    if (before) this.innerHTML = before;
    document.addEventListener("tc:range", this);
    document.addEventListener("tc:refresh", this);
    void this.load();
  }

  disconnectedCallback() {
    document.removeEventListener("tc:range", this);
    document.removeEventListener("tc:refresh", this);
  }

  handleEvent() {
    void this.load();
  }

  async load() {
    const plain = this.getAttribute("values");
    if (plain !== null) {
      this.draw(plain.split(/[\s,]+/).map(Number));
      return;
    }
    const query = this.getAttribute("query");
    if (!query) return;
    const { start, end } = current();
    const step = Math.max(1, Math.round((end - start) / POINTS));
    try {
      const { data } = await queryRange(query, start, end, step);
      /** @type {[number, string][]} */
      const values = data.result[0]?.values ?? [];
      this.draw(values.map(([, text]) => Number(text)));
    } catch {
      this.replaceChildren(); // a sparkline is an ornament of a number that stands beside it
    }
  }

  /** @param {number[]} values */
  draw(values) {
    const good = values.filter(Number.isFinite);
    if (good.length < 2) {
      this.replaceChildren();
      return;
    }
    const low = Math.min(0, ...good);
    const high = Math.max(...good);
    const flat = high === low;
    const points = good.map((value, index) => {
      const x = (index / (good.length - 1)) * 100;
      const y = flat ? 12 : 21 - ((value - low) / (high - low)) * 20;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    const line = `M${points.join("L")}`;
    const text = `<svg viewBox="0 0 100 22" preserveAspectRatio="none" aria-hidden="true"><path class="area" d="${line}L100,22L0,22Z"/><path d="${line}"/></svg>`;
    this.innerHTML = text;
    const query = this.getAttribute("query");
    if (query) drawn.set(query, text);
  }
}

customElements.define("tc-spark", TcSpark);
