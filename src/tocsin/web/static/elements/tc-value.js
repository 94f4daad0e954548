import { ask } from "../lib/api.js";
import { withUnit } from "../lib/format.js";

/** The last answer of each query, so that a refresh of the page does not blink. */
const told = /** @type {Map<string, string>} */ (new Map());

/** The present value of a query, as a number with its unit: `<tc-value query="sum(up)" unit="/s">`. */
class TcValue extends HTMLElement {
  connectedCallback() {
    this.say(told.get(this.query) ?? "–");
    document.addEventListener("tc:refresh", this);
    void this.load();
  }

  disconnectedCallback() {
    document.removeEventListener("tc:refresh", this);
  }

  handleEvent() {
    void this.load();
  }

  get query() {
    return this.getAttribute("query") ?? "";
  }

  async load() {
    try {
      const { data } = await ask("/api/v1/query", { query: this.query });
      const value = data.result[0]?.value?.[1];
      const words = value === undefined ? "–" : withUnit(Number(value), this.getAttribute("unit") ?? "");
      told.set(this.query, words);
      this.say(words);
      this.removeAttribute("title");
    } catch (error) {
      this.say("–");
      this.title = error instanceof Error ? error.message : "no answer";
    }
  }

  /** @param {string} words */
  say(words) {
    const found = /^([^\s/]+)\s*(.*)$/.exec(words);
    const small = document.createElement("small");
    small.textContent = found?.[2] ?? "";
    this.replaceChildren(found?.[1] ?? words, ...(small.textContent ? [small] : []));
  }
}

customElements.define("tc-value", TcValue);
