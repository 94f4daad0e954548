import { el, toast } from "../lib/dom.js";
import { morph } from "../lib/morph.js";

const LEAST_MS = 500;
const REST_MS = 30_000;
const PATIENCE_MS = 10_000;

/**
 * Keeps an incident's page true: whenever the server says that it changed, the page is read anew and
 * only what differs is touched, the bar across the top too. What somebody is typing stays. When that
 * cannot be read any more, the page says so. Pictures are pasted or dropped into the note box.
 */
class TcIncident extends HTMLElement {
  connectedCallback() {
    this.drawn = 0;
    this.warning = /** @type {HTMLElement | undefined} */ (undefined);
    this.watch();
    this.timer = setInterval(() => { if (!document.hidden) this.soon(); }, REST_MS);
    document.body.addEventListener("refresh", this);
    document.body.addEventListener("htmx:afterRequest", this);
    this.addEventListener("keydown", (event) => this.send(event));
    this.addEventListener("click", (event) => this.show(event));
    this.addEventListener("close", () => this.soon(), true); // a dialog that held changes back
    this.addEventListener("paste", (event) => this.pasted(event.clipboardData, event));
    this.addEventListener("drop", (event) => this.pasted(event.dataTransfer, event));
    this.addEventListener("change", (event) => {
      const input = event.target;
      if (input instanceof HTMLInputElement && input.matches("[data-picture]")) void this.attach([...(input.files ?? [])]);
    });
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    clearTimeout(this.waiting);
    this.source?.close();
    this.warning?.remove();
    document.body.removeEventListener("refresh", this);
    document.body.removeEventListener("htmx:afterRequest", this);
  }

  watch() {
    this.source = new EventSource(this.getAttribute("src") ?? "");
    this.source.addEventListener("changed", () => this.soon());
    this.source.addEventListener("open", () => { if (this.drawn || this.warning) this.soon(); });
    this.source.addEventListener("error", () => this.soon());
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === "refresh") this.soon();
    else this.done(/** @type {CustomEvent} */ (event));
  }

  /** A form that was taken is empty again, and its dialog closed. @param {CustomEvent} event */
  done(event) {
    const form = event.target instanceof HTMLFormElement ? event.target : null;
    if (!form || !this.contains(form) || !event.detail.successful) return;
    const words = event.detail.xhr.getResponseHeader("HX-Trigger") ?? "";
    if (/"state": ?"warning"/.test(words)) return;
    form.closest("dialog")?.close();
    if (form.matches(".note-box")) form.reset();
  }

  soon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => void this.draw(), Math.max(0, LEAST_MS - (Date.now() - (this.drawn ?? 0))));
  }

  async draw() {
    this.drawn = Date.now();
    if (this.drawing) {
      this.again = true;
      return;
    }
    this.drawing = true;
    await this.read();
    this.drawing = false;
    if (this.source?.readyState === EventSource.CLOSED) this.watch();
    if (!this.again) return;
    this.again = false;
    this.soon();
  }

  async read() {
    const wait = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: wait }).catch(() => null);
    const text = await answer?.text().catch(() => null);
    if (!this.isConnected) return;
    const page = answer?.ok && text ? new DOMParser().parseFromString(text, "text/html") : null;
    const fresh = page?.querySelector("tc-incident");
    this.warn(fresh ? "" : page ? "You are logged out, or this incident is not shown to you any more." : "Tocsin does not answer.");
    if (!page || !fresh || this.querySelector("dialog[open]")) return;
    this.bar(page.querySelector(".state-bar"));
    this.redraw(fresh);
  }

  /** The bar across the top is about this incident, perhaps. @param {Element | null} fresh */
  bar(fresh) {
    const here = document.querySelector(".state-bar");
    if (here && fresh) morph(here, fresh);
    else if (here) here.remove();
    else if (fresh) document.querySelector(".frame")?.before(document.importNode(fresh, true));
  }

  /** Nobody takes an old page for a live one. @param {string} words none: it is live */
  warn(words) {
    if (!words) {
      this.warning?.remove();
      this.warning = undefined;
      return;
    }
    const at = new Date().toLocaleTimeString([], { timeZoneName: "short" });
    this.warning ??= el("div", { class: "notice critical not-live", role: "alert" }, el("div", { class: "what" }, el("b", { text: `Not live since ${at}.` }), el("span"), el("a", { href: location.href, text: "Load it again" })));
    const said = this.warning.querySelector("span");
    if (said && said.textContent !== ` ${words} `) said.textContent = ` ${words} `;
    if (!this.warning.isConnected) this.before(this.warning);
  }

  /** @param {Element} fresh */
  redraw(fresh) {
    // What was asked for after the page came, and what somebody typed, is not in the answer.
    for (const id of ["changed", "response"]) {
      const here = this.querySelector(`#${id}`);
      const there = fresh.querySelector(`#${id}`);
      if (here && there) there.innerHTML = here.innerHTML;
    }
    const typed = /** @type {HTMLTextAreaElement | null} */ (this.querySelector(".note-box textarea"))?.value ?? "";
    const shown = this.dataset.show;
    morph(this, fresh);
    if (shown) this.dataset.show = shown;
    this.press();
    const box = /** @type {HTMLTextAreaElement | null} */ (this.querySelector(".note-box textarea"));
    if (box && box.value !== typed) box.value = typed;
    const htmx = /** @type {any} */ (window).htmx;
    htmx?.process(this);
    const response = this.querySelector("#response");
    if (response) htmx?.trigger(response, "redrawn");
  }

  /** @param {KeyboardEvent} event */
  send(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    if (event.target instanceof HTMLTextAreaElement) event.target.form?.requestSubmit();
  }

  /** @param {Event} event */
  show(event) {
    const button = event.target instanceof Element ? event.target.closest("[data-show]") : null;
    if (!(button instanceof HTMLButtonElement)) return;
    this.dataset.show = button.dataset.show ?? "all";
    this.press();
  }

  press() {
    const shown = this.dataset.show ?? "all";
    for (const one of this.querySelectorAll("button[data-show]")) one.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (one).dataset.show === shown));
  }

  /** @param {DataTransfer | null} data @param {Event} event */
  pasted(data, event) {
    const files = [...(data?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    void this.attach(files);
  }

  /** @param {File[]} files */
  async attach(files) {
    const address = this.getAttribute("images");
    if (!address) return;
    const csrf = document.querySelector("meta[name=csrf]")?.getAttribute("content") ?? "";
    for (const file of files) {
      const answer = await fetch(`${address}?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file, headers: { "Content-Type": file.type || "application/octet-stream", "X-CSRF-Token": csrf } }).catch(() => null);
      if (answer?.ok) continue;
      const said = await answer?.json().catch(() => null);
      toast(said?.error ?? "The picture was not taken: Tocsin does not answer.", "critical");
    }
    this.soon();
  }
}

customElements.define("tc-incident", TcIncident);
