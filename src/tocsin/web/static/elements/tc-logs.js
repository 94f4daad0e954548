import { copy, toast } from "../lib/dom.js";
import { complete } from "../lib/log_complete.js";
import { histogram } from "../lib/log_histogram.js";
import { localise } from "../lib/log_rows.js";
import { Tail } from "../lib/log_tail.js";
import { current, unzoom, zoom } from "../lib/range.js";

const KEPT_CHUNKS = 15;
const LEAST_FIELDS_WIDTH = 900;

/** The page of log lines: more of them as one scrolls, details as one opens a line, a live tail. */
class TcLogs extends HTMLElement {
  connectedCallback() {
    if (this.dataset.ready) return;
    this.dataset.ready = "yes";
    const input = this.querySelector("input#q");
    if (input instanceof HTMLInputElement) complete(input);
    this.addEventListener("toggle", (event) => void this.opened(event), true);
    this.addEventListener("click", (event) => this.clicked(event));
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.walk(event);
    document.addEventListener("keydown", this.onKey);
    this.onSettle = () => this.begin();
    document.body.addEventListener("htmx:afterSettle", this.onSettle);
    if (remembered() === "wrap") this.wrap(true);
    this.begin();
  }

  disconnectedCallback() {
    if (this.onKey) document.removeEventListener("keydown", this.onKey);
    if (this.onSettle) document.body.removeEventListener("htmx:afterSettle", this.onSettle);
    this.tail?.stop();
    this.watcher?.disconnect();
  }

  /** Bring what the page has now to life; it is called again when the page has refreshed itself. */
  begin() {
    const lines = this.querySelector("[data-lines]");
    if (!(lines instanceof HTMLElement) || lines.dataset.ready) return;
    lines.dataset.ready = "yes";
    this.endTail();
    localise(lines);
    for (const time of this.querySelectorAll("time[data-at]")) time.textContent = shortTime(Number(time.getAttribute("data-at")));
    const plot = this.querySelector(".histogram .plot");
    if (plot instanceof HTMLElement) histogram(plot);
    this.tellFields();
    this.watcher?.disconnect();
    this.watcher = new IntersectionObserver((seen) => { for (const one of seen) if (one.isIntersecting) void this.more(one.target); }, { rootMargin: "1200px" });
    this.watchMore(lines);
    document.getElementById("here")?.scrollIntoView({ block: "center" });
  }

  /** The fields of what is shown now; an open one is told again. */
  tellFields() {
    const fields = this.querySelector("details.fields");
    if (!(fields instanceof HTMLDetailsElement)) return;
    const before = fields.dataset.facets;
    fields.dataset.facets = `/logs/facets${location.search}`;
    if (before === undefined && innerWidth > LEAST_FIELDS_WIDTH) fields.open = true;
    else if (fields.open && before !== fields.dataset.facets) void into(fields.querySelector(".facet-box"), fields.dataset.facets);
    else if (before !== fields.dataset.facets) delete fields.dataset.loaded;
  }

  /** @param {HTMLElement} lines */
  watchMore(lines) {
    const next = lines.querySelector("[data-more]");
    if (next) this.watcher?.observe(next);
  }

  /** @param {Element} link fetch what it leads to, and put it in its place */
  async more(link) {
    if (!(link instanceof HTMLElement) || link.dataset.loading) return;
    link.dataset.loading = "yes";
    this.watcher?.unobserve(link);
    const lines = link.closest("[data-lines]");
    const text = await fetched(link.dataset.more ?? "");
    if (text === null || !(lines instanceof HTMLElement)) {
      delete link.dataset.loading;
      return;
    }
    const pager = link.closest(".more");
    const box = document.createElement("div");
    box.innerHTML = text;
    localise(box);
    const chunk = box.querySelector(".chunk");
    if (chunk instanceof HTMLElement) chunk.dataset.from = link.dataset.more;
    pager?.replaceWith(...box.childNodes);
    this.forget(lines);
    this.watchMore(lines);
  }

  /** Far away lines leave the page, their place stays, and they come back when one scrolls there. @param {HTMLElement} lines */
  forget(lines) {
    const full = /** @type {HTMLElement[]} */ ([...lines.querySelectorAll(".chunk[data-from]:not([data-empty])")]);
    for (const chunk of full.slice(0, Math.max(0, full.length - KEPT_CHUNKS))) {
      if (chunk.querySelector("details[open]")) continue;
      chunk.style.height = `${chunk.offsetHeight}px`;
      chunk.dataset.empty = "yes";
      chunk.replaceChildren();
      const watcher = new IntersectionObserver((seen) => {
        if (!seen.some((one) => one.isIntersecting)) return;
        watcher.disconnect();
        void this.refill(chunk);
      }, { rootMargin: "800px" });
      watcher.observe(chunk);
    }
  }

  /** @param {HTMLElement} chunk */
  async refill(chunk) {
    const text = await fetched(chunk.dataset.from ?? "");
    if (text === null) return;
    const box = document.createElement("div");
    box.innerHTML = text;
    localise(box);
    chunk.replaceChildren(...(box.querySelector(".chunk")?.childNodes ?? []));
    chunk.style.height = "";
    delete chunk.dataset.empty;
  }

  /** @param {Event} event a details element opened: a line, the fields, or one field */
  async opened(event) {
    const one = event.target;
    if (!(one instanceof HTMLDetailsElement) || !one.open || one.dataset.loaded) return;
    if (one.dataset.line) {
      one.dataset.loaded = "yes";
      const typed = new URLSearchParams(location.search).get("q") ?? "";
      await into(one.querySelector(".detail"), `/logs/line/${one.dataset.line}/part?${new URLSearchParams({ q: typed })}`);
    } else if (one.dataset.facets) {
      one.dataset.loaded = "yes";
      await into(one.querySelector(".facet-box"), one.dataset.facets);
    } else if (one.dataset.field) {
      one.dataset.loaded = "yes";
      const query = new URLSearchParams(location.search);
      query.set("field", one.dataset.field);
      await into(one.querySelector(".values"), `/logs/facets?${query}`);
    }
  }

  /** @param {Event} event */
  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    const more = target.closest("[data-more]");
    if (more) {
      event.preventDefault();
      void this.more(more);
    } else if (target.closest("[data-wrap]")) this.wrap(!this.classList.contains("wrap"));
    else if (target.closest("[data-live]")) {
      if (this.tail) this.endTail();
      else this.startTail();
    } else if (target.closest("[data-copy-url]")) this.share();
    else if (target.closest("[data-unzoom]")) widen();
  }

  /** The link of what is shown, at fixed times: "the last hour" is another one tomorrow. */
  share() {
    const { start, end } = current();
    const url = new URL(location.href);
    url.searchParams.set("from", String(Math.round(start * 1000)));
    url.searchParams.set("to", String(Math.round(end * 1000)));
    void copy(url.href, "The link shows these lines, at these times.");
  }

  /** @param {boolean} on */
  wrap(on) {
    this.classList.toggle("wrap", on);
    this.querySelector("[data-wrap]")?.setAttribute("aria-pressed", String(on));
    try {
      localStorage.setItem("tocsin.logs", on ? "wrap" : "");
    } catch {
      // Storage is forbidden: the choice lasts as long as the page.
    }
  }

  startTail() {
    const lines = this.querySelector("[data-lines]");
    const bar = this.querySelector("[data-tail]");
    if (!(lines instanceof HTMLElement) || !(bar instanceof HTMLElement)) {
      toast("Correct the question first.", "warning");
      return;
    }
    const words = JSON.parse(this.dataset.words || "[]");
    const columns = (this.dataset.columns ?? "").split(",").filter(Boolean);
    this.tail = new Tail({ question: this.dataset.question ?? "", words, columns, lines, bar, ended: () => this.endTail() });
    this.querySelector("[data-live]")?.setAttribute("aria-pressed", "true");
  }

  endTail() {
    this.tail?.stop();
    this.tail = undefined;
    this.querySelector("[data-live]")?.setAttribute("aria-pressed", "false");
  }

  /** @param {KeyboardEvent} event j and k walk over the lines; Enter opens one by itself */
  walk(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !["j", "k"].includes(event.key)) return;
    const at = document.activeElement;
    if (at?.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
    const rows = /** @type {HTMLElement[]} */ ([...this.querySelectorAll(".line > summary")]);
    const here = rows.findIndex((one) => one === at || one.parentElement?.contains(at));
    const next = rows[here < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, here + (event.key === "j" ? 1 : -1)))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }
}

/** Show a three times longer range around this one; back first when one has zoomed. */
function widen() {
  if (history.state?.zoomed) {
    unzoom();
    return;
  }
  const { start, end } = current();
  const now = Date.now() / 1000;
  zoom(start - (end - start), Math.min(now, end + (end - start)));
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

/** @param {Element | null} box @param {string} path */
async function into(box, path) {
  const text = await fetched(path);
  if (box && text !== null) box.innerHTML = text;
}

/** @param {number} seconds */
function shortTime(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

function remembered() {
  try {
    return localStorage.getItem("tocsin.logs") ?? "";
  } catch {
    return "";
  }
}

customElements.define("tc-logs", TcLogs);
