import { complete } from "../lib/log_complete.js";
import { histogram } from "../lib/log_histogram.js";
import { localise } from "../lib/log_rows.js";

/** The page of traces: completes the question, zooms the durations, searches as one chooses. */
class TcTraces extends HTMLElement {
  connectedCallback() {
    if (this.dataset.ready) return;
    this.dataset.ready = "yes";
    const input = this.querySelector("input#q");
    if (input instanceof HTMLInputElement) complete(input);
    this.addEventListener("change", (event) => this.chosen(event));
    this.onSettle = () => this.begin();
    document.body.addEventListener("htmx:afterSettle", this.onSettle);
    this.begin();
  }

  disconnectedCallback() {
    if (this.onSettle) document.body.removeEventListener("htmx:afterSettle", this.onSettle);
  }

  /** Bring what the page has now to life; it is called again when the page has refreshed itself. */
  begin() {
    localise(this);
    for (const time of this.querySelectorAll("time[data-at]")) time.textContent = shortTime(Number(time.getAttribute("data-at")));
    const plot = this.querySelector(".heat .plot:not([data-ready])");
    if (!(plot instanceof HTMLElement)) return;
    plot.dataset.ready = "yes";
    histogram(plot);
  }

  /** A choice is a search. Operations are those of the service before. @param {Event} event */
  chosen(event) {
    const field = event.target;
    if (!(field instanceof HTMLElement) || !field.matches("[data-submit]")) return;
    const form = field.closest("form");
    if (field.getAttribute("name") === "service") form?.querySelector("[name=operation]")?.remove();
    for (const one of form?.querySelectorAll("input, select") ?? []) {
      const named = /** @type {HTMLInputElement | HTMLSelectElement} */ (one);
      if (!named.value) named.disabled = true; // an address without what is not asked
    }
    form?.requestSubmit();
  }
}

/** @param {number} seconds */
function shortTime(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

customElements.define("tc-traces", TcTraces);
