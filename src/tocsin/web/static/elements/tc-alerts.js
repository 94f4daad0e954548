import { morph } from "../lib/morph.js";

const LOOK_MS = 4000;
const VALUES_MS = 15_000;

/**
 * Keeps the list of alerts true without moving it under a finger: values change in place; when
 * alerts come or go while somebody is in the list, a button says so and shows them on a click.
 * `j`, `k` and Enter walk the rows.
 */
class TcAlerts extends HTMLElement {
  connectedCallback() {
    this.drawn = Date.now();
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    document.body.addEventListener("refresh", this);
    this.addEventListener("keydown", (event) => this.walk(event));
    this.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("[data-news]")) void this.draw();
    });
    this.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement) event.target.form?.requestSubmit();
    });
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    document.body.removeEventListener("refresh", this);
  }

  handleEvent() {
    void this.draw();
  }

  /** Somebody points into the list, or has the focus there. */
  get isBusy() {
    const row = document.activeElement?.closest("[data-row]");
    return Boolean(row && this.contains(row)) || Boolean(this.querySelector(".alert-rows:hover, select:focus, input:focus"));
  }

  async look() {
    if (document.hidden) return;
    const answer = await fetch(`/alerts/live${location.search}`).catch(() => null);
    if (!answer?.ok) return; // the next look may find it; ages go on meanwhile
    const { version } = await answer.json();
    const changed = version !== this.dataset.version;
    if (changed && this.isBusy) this.tell();
    else if (changed || Date.now() - (this.drawn ?? 0) > VALUES_MS) await this.draw();
  }

  tell() {
    const news = /** @type {HTMLElement | null} */ (this.querySelector("[data-news]"));
    if (news) news.hidden = false;
  }

  async draw() {
    this.drawn = Date.now();
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("tc-alerts");
    if (!fresh || !this.isConnected) return;
    this.dataset.version = fresh.getAttribute("data-version") ?? "";
    const row = document.activeElement?.closest("[data-row]");
    morph(this, fresh);
    const news = /** @type {HTMLElement | null} */ (this.querySelector("[data-news]"));
    if (news) news.hidden = true;
    if (row instanceof HTMLElement && row.isConnected && !row.contains(document.activeElement)) row.focus({ preventScroll: true });
    /** @type {any} */ (window).htmx?.process(this);
  }

  /** @param {KeyboardEvent} event */
  walk(event) {
    const row = event.target instanceof HTMLElement && event.target.matches("[data-row]") ? event.target : null;
    if (!row) return;
    if (event.key === "Enter") /** @type {HTMLElement | null} */ (row.querySelector("[data-open]"))?.click();
    else if (event.key === "ArrowDown") this.step(1);
    else if (event.key === "ArrowUp") this.step(-1);
    else return;
    event.preventDefault();
  }

  /** @param {number} by move the focus by so many rows */
  step(by) {
    const rows = /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[data-row]")]);
    const here = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement?.closest("[data-row]")));
    const next = rows[here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, here + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }
}

customElements.define("tc-alerts", TcAlerts);
