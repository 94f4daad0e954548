import { morph } from "../lib/morph.js";

const LOOK_MS = 5000;

/**
 * Keeps the list of issues, or one of them, true without moving it under a finger: a button says
 * what is new and shows it on a click; what somebody did is shown at once. `j`, `k` and Enter walk
 * the rows, `x` chooses one, `e` resolves what is chosen.
 */
class TcErrors extends HTMLElement {
  /** How many events the issue had when the page came. @type {number | undefined} */
  times = undefined;

  connectedCallback() {
    this.localise();
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    for (const name of ["refresh", "htmx:afterRequest"]) document.body.addEventListener(name, this);
    this.addEventListener("keydown", (event) => this.pressed(event));
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("change", (event) => this.changed(event));
    this.count();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    for (const name of ["refresh", "htmx:afterRequest"]) document.body.removeEventListener(name, this);
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === "refresh") void this.draw();
    else this.done(/** @type {CustomEvent} */ (event));
  }

  /** A form that was taken is empty again, and its menu or dialog closed. @param {CustomEvent} event */
  done(event) {
    const form = event.target instanceof HTMLFormElement ? event.target : null;
    if (!form || !this.contains(form) || !event.detail.successful) return;
    if (/"state": ?"warning"/.test(event.detail.xhr.getResponseHeader("HX-Trigger") ?? "")) return;
    form.closest("dialog")?.close();
    form.closest("details.menu")?.removeAttribute("open");
    if (form.matches("[data-reset]")) form.reset();
    if (form.matches("[data-bulk]")) this.choose(false);
  }

  /** Write the ends of the graph in the reader's own zone. */
  localise() {
    for (const time of this.querySelectorAll("time[data-at]")) {
      time.textContent = new Date(Number(time.getAttribute("data-at")) * 1000).toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
    }
  }

  get isList() {
    return !this.hasAttribute("src");
  }

  async look() {
    if (document.hidden) return;
    const { since } = this.dataset;
    const asked = new URLSearchParams(location.search);
    if (since) asked.set("since", since);
    const answer = await fetch(`${this.getAttribute("src") ?? "/errors/live"}?${asked}`).catch(() => null);
    if (!answer?.ok) return; // the next look may find it; ages go on meanwhile
    const { version, fresh, times } = await answer.json();
    if (this.isList) this.tell(fresh ? `${fresh} new issue${fresh === 1 ? "" : "s"}. Show` : version === this.dataset.version ? "" : "The list has changed. Show");
    else if (version !== this.dataset.version) await this.draw();
    else this.more(times);
  }

  /** @param {number} times how many events the issue has by now */
  more(times) {
    this.times ??= times;
    const more = times - this.times;
    this.tell(more > 0 ? `${more} more event${more === 1 ? "" : "s"}. Show the latest` : "");
  }

  /** @param {string} words on the button; none hides it */
  tell(words) {
    const news = /** @type {HTMLElement | null} */ (this.querySelector("[data-news]"));
    if (!news) return;
    news.hidden = !words;
    if (news.textContent !== words) news.textContent = words;
  }

  async draw() {
    const address = new URL(location.href);
    const { event } = this.dataset;
    if (event && !address.searchParams.has("event")) address.searchParams.set("event", event); // the stack that is being read stays
    const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("tc-errors");
    if (!fresh || !this.isConnected || this.querySelector("dialog[open]")) return;
    const chosen = new Set(this.chosen().map((box) => box.value));
    const box = /** @type {HTMLTextAreaElement | null} */ (this.querySelector("textarea"));
    const typed = box?.value ?? "";
    const row = document.activeElement?.closest("[data-row]");
    morph(this, fresh);
    this.localise();
    const after = /** @type {HTMLTextAreaElement | null} */ (this.querySelector("textarea"));
    if (after && after.value !== typed) after.value = typed;
    for (const one of this.boxes()) one.checked = chosen.has(one.value);
    this.count();
    if (row instanceof HTMLElement && row.isConnected && !row.contains(document.activeElement)) row.focus({ preventScroll: true });
    /** @type {any} */ (window).htmx?.process(this);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("[data-news]")) {
      if (this.isList) void this.draw();
      else location.assign(location.pathname);
    }
    if (target?.closest("[data-unchoose]")) this.choose(false);
  }

  /** @param {Event} event */
  changed(event) {
    if (event.target instanceof HTMLSelectElement && event.target.closest("form.asked")) event.target.form?.requestSubmit();
    if (event.target instanceof HTMLInputElement && event.target.matches(".pick input")) this.count();
  }

  boxes() {
    return /** @type {HTMLInputElement[]} */ ([...this.querySelectorAll(".pick input")]);
  }

  chosen() {
    return this.boxes().filter((box) => box.checked);
  }

  /** @param {boolean} yes choose all, or none */
  choose(yes) {
    for (const box of this.boxes()) box.checked = yes;
    this.count();
  }

  /** Show what can be done with those that are chosen, only when some are. */
  count() {
    const bar = /** @type {HTMLElement | null} */ (this.querySelector("[data-chosen]"));
    if (!bar) return;
    const count = this.chosen().length;
    bar.hidden = !count;
    bar.toggleAttribute("data-stuck", count > 0);
    const words = bar.querySelector("[data-count]");
    if (words) words.textContent = `${count} chosen:`;
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target instanceof HTMLTextAreaElement) {
      event.target.form?.requestSubmit();
      return;
    }
    const row = event.target instanceof HTMLElement && event.target.matches("[data-row]") ? event.target : null;
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = /** @type {HTMLInputElement | null} */ (row.querySelector(".pick input"));
    if (event.key === "Enter") /** @type {HTMLElement | null} */ (row.querySelector("[data-open]"))?.click();
    else if (event.key === "x" && box) {
      box.checked = !box.checked;
      this.count();
    } else if (event.key === "e" && box) {
      if (!this.chosen().length) box.checked = true;
      this.count();
      /** @type {HTMLElement | null} */ (this.querySelector('[name="do"][value="resolve"]'))?.click();
    } else if (event.key === "ArrowDown") this.step(1);
    else if (event.key === "ArrowUp") this.step(-1);
    else return;
    event.preventDefault();
    event.stopPropagation();
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

customElements.define("tc-errors", TcErrors);
