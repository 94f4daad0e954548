import { ask } from "../lib/api.js";
import { toast } from "../lib/dom.js";
import { absolute } from "../lib/format.js";
import { rowOf, time, Waterfall } from "../lib/waterfall.js";

const WAIT_MS = 180;

/** One trace: the waterfall walks by keyboard, finds, folds and zooms; the chosen span is told beside it. */
class TcTrace extends HTMLElement {
  /** The span that is told beside the waterfall. */
  told = "";

  connectedCallback() {
    if (this.dataset.ready) return;
    this.dataset.ready = "yes";
    this.box = /** @type {HTMLElement} */ (this.querySelector(".wf"));
    this.addEventListener("click", (event) => this.clicked(event));
    this.box?.addEventListener("keydown", (event) => this.walk(event));
    this.box?.addEventListener("dblclick", (event) => this.zoom(rowAt(event)));
    this.querySelector("[data-search]")?.addEventListener("input", () => { clearTimeout(this.timer); this.timer = setTimeout(() => void this.find(), WAIT_MS); });
    this.querySelector("[data-search]")?.addEventListener("keydown", (event) => this.walkMatches(/** @type {KeyboardEvent} */ (event)));
    tellTimes(this);
    this.wayBack();
    void this.load();
    void this.logs();
  }

  get trace() {
    return this.dataset.trace ?? "";
  }

  async load() {
    const body = /** @type {HTMLElement | null} */ (this.querySelector(".wf-body"));
    if (!this.box || !body) return;
    try {
      const { data } = await ask(`/traces/${this.trace}/rows`, {});
      this.fall = new Waterfall(this.box, body, data.rows.map(rowOf), data.duration_ns);
    } catch (error) {
      toast(error instanceof Error ? error.message : "The spans cannot be read.", "critical");
      return;
    }
    this.classList.add("live");
    this.fall.paint(true);
    new ResizeObserver(() => this.fall?.paint(true)).observe(this.box);
    const at = this.fall.rows.findIndex((row) => row.id === this.dataset.span);
    if (at >= 0) this.fall.choose(at);
  }

  /** @param {number} at @param {boolean} [reads] move the focus to what is told of it */
  choose(at, reads = false) {
    if (!this.fall || at < 0) return;
    this.fall.choose(at);
    const row = this.fall.rows[at];
    const url = new URL(location.href);
    url.searchParams.set("span", row.id);
    history.replaceState(history.state, "", url);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => void this.tell(row.id, reads), reads ? 0 : WAIT_MS);
  }

  /** @param {string} id @param {boolean} reads */
  async tell(id, reads) {
    const panel = /** @type {HTMLElement | null} */ (this.querySelector("[data-detail]"));
    if (!panel) return;
    if (this.told !== id) {
      const text = await fetched(`/traces/${this.trace}/span/${id}`);
      if (text === null) return;
      this.told = id;
      panel.innerHTML = text;
      panel.scrollTop = 0;
      tellTimes(panel);
    }
    if (!reads) return;
    /** @type {HTMLElement | null} */ (panel.querySelector("[data-span-name]"))?.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
  }

  async logs() {
    const panel = /** @type {HTMLElement | null} */ (this.querySelector("[data-logs]"));
    const text = panel ? await fetched(panel.dataset.logs ?? "") : null;
    if (panel && text !== null) panel.innerHTML = text;
  }

  async find() {
    const input = /** @type {HTMLInputElement | null} */ (this.querySelector("[data-search]"));
    const count = this.querySelector("[data-count]");
    if (!this.fall || !input || !count) return;
    const q = input.value.trim();
    this.asking?.abort();
    this.asking = new AbortController();
    input.removeAttribute("aria-invalid");
    if (!q) {
      this.fall.matches = null;
      count.textContent = "";
      this.fall.paint(true);
      return;
    }
    const { signal } = this.asking;
    try {
      const { data } = await ask(`/api/traces/${this.trace}/matches`, { q }, signal);
      this.fall.matches = new Set(data.spans);
      count.textContent = `${data.spans.length} of ${this.fall.rows.length}`;
      this.fall.paint(true);
    } catch (error) {
      if (signal.aborted) return;
      input.setAttribute("aria-invalid", "true");
      count.textContent = error instanceof Error ? error.message : "";
    }
  }

  /** @param {KeyboardEvent} event Enter walks over what is found */
  walkMatches(event) {
    if (event.key === "Escape") {
      /** @type {HTMLInputElement} */ (event.target).value = "";
      void this.find();
    } else if (event.key === "Enter" && this.fall?.matches) this.choose(this.fall.nextMatch(event.shiftKey ? -1 : 1));
    else return;
    event.preventDefault();
  }

  /** @param {Event} event */
  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!target || !this.fall) return;
    const chosen = target.closest("[data-choose]");
    const toggle = target.closest("[data-toggle]");
    const row = target.closest("[data-at]");
    const found = target.closest("[data-find]");
    const zoomed = target.closest("[data-zoom]");
    if (toggle) this.fall.toggle(Number(toggle.getAttribute("data-toggle")));
    else if (chosen) this.choose(this.fall.rows.findIndex((one) => one.id === chosen.getAttribute("data-choose")));
    else if (zoomed) this.zoom(this.fall.rows.findIndex((one) => one.id === zoomed.getAttribute("data-zoom")));
    else if (found) {
      const input = /** @type {HTMLInputElement} */ (this.querySelector("[data-search]"));
      input.value = found.getAttribute("data-find") ?? "";
      void this.find().then(() => this.fall && this.choose(this.fall.nextMatch(1)));
    } else if (target.closest("[data-critical]")) this.press("[data-critical]", this.fall.onlyCritical = !this.fall.onlyCritical);
    else if (target.closest("[data-fold]")) this.foldAll(target.closest("[data-fold]"));
    else if (target.closest("[data-unzoom]")) this.zoom(-1);
    else if (row && target.closest(".wf")) this.choose(Number(row.getAttribute("data-at")));
    else return;
    event.preventDefault();
  }

  /** @param {string} button @param {boolean} on */
  press(button, on) {
    this.querySelector(button)?.setAttribute("aria-pressed", String(on));
    this.fall?.layout();
  }

  /** @param {Element | null} button */
  foldAll(button) {
    const folds = button?.textContent === "Collapse";
    this.fall?.foldAll(folds);
    if (button) button.textContent = folds ? "Expand" : "Collapse";
  }

  /** @param {number} at */
  zoom(at) {
    if (!this.fall) return;
    this.fall.zoom(at);
    const [from, to] = this.fall.window;
    for (const [index, tick] of [...this.querySelectorAll(".ticks span")].entries()) tick.textContent = index || from > 0 ? time(Math.max(0, from + ((to - from) * index) / 4)) : "0";
    this.querySelector("[data-unzoom]")?.toggleAttribute("hidden", at < 0);
  }

  /** For the keys of the whole page. @param {number} by */
  step(by) {
    if (!this.fall) return;
    this.box?.focus({ preventScroll: true });
    this.choose(this.fall.next(by));
  }

  /** @param {KeyboardEvent} event as a tree is walked */
  walk(event) {
    const fall = this.fall;
    if (!fall || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = fall.active;
    const row = fall.rows[at];
    if (event.key === "ArrowDown") this.step(1);
    else if (event.key === "ArrowUp") this.step(-1);
    else if (event.key === "PageDown") this.step(15);
    else if (event.key === "PageUp") this.step(-15);
    else if (event.key === "Home") this.choose(fall.shown[0] ?? -1);
    else if (event.key === "End") this.choose(fall.shown.at(-1) ?? -1);
    else if (event.key === "ArrowRight" && row) {
      if (fall.folded.has(at)) fall.toggle(at);
      else if (row.below) this.step(1);
    } else if (event.key === "ArrowLeft" && row) {
      if (row.below && !fall.folded.has(at)) fall.toggle(at);
      else this.choose(row.up);
    } else if (event.key === "Enter") this.choose(at, true);
    else if (event.key === "z") this.zoom(at);
    else if (event.key === "Escape") this.zoom(-1);
    else return;
    event.preventDefault();
  }

  /** Who came from a list goes back to that very list. */
  wayBack() {
    const link = document.querySelector("[data-back]");
    if (!link || !document.referrer) return;
    const from = new URL(document.referrer);
    if (from.origin === location.origin && ["/traces", "/logs"].includes(from.pathname)) {
      link.setAttribute("href", from.pathname + from.search);
      link.textContent = from.pathname === "/logs" ? "Logs" : "Traces";
    }
  }
}

/** @param {Event} event */
function rowAt(event) {
  const row = event.target instanceof Element ? event.target.closest("[data-at]") : null;
  return row ? Number(row.getAttribute("data-at")) : -1;
}

/** Times in the reader's own zone, to the millisecond. @param {Element} root */
function tellTimes(root) {
  for (const one of root.querySelectorAll("time[data-at-ns]")) {
    const ms = Number(one.getAttribute("data-at-ns"));
    one.textContent = absolute(ms / 1000).replace(/(\d\d:\d\d:\d\d)/, `$1.${String(ms % 1000).padStart(3, "0")}`);
  }
}

/** @param {string} path @returns {Promise<string | null>} null when there was no answer */
async function fetched(path) {
  try {
    const response = await fetch(path, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    if (response.ok) return await response.text();
    toast(`Tocsin answered ${response.status}; load the page again.`, "critical");
  } catch {
    toast("Tocsin does not answer. What you see may be old.", "critical");
  }
  return null;
}

customElements.define("tc-trace", TcTrace);
