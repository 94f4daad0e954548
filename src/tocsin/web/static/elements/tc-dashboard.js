import { ask, csrf, Refused } from "../lib/api.js";
import { copy, el, icon, toast } from "../lib/dom.js";
import { drawnOf, settle } from "../lib/dash_grid.js";
import { grab, pressed } from "../lib/dash_hands.js";
import { dashboardOf, KINDS, panelOf } from "../lib/dash_model.js";
import { panelMenu } from "../lib/dash_menu.js";
import { draw } from "../lib/dash_panels.js";
import { save } from "../lib/dash_save.js";
import { Variables } from "../lib/dash_variables.js";
import { filled, namedIn } from "../lib/dash_words.js";
import { current } from "../lib/range.js";

/**
 * @typedef {import("../lib/dash_model.js").Panel} Panel
 * @typedef {import("../lib/dash_model.js").Dashboard} Dashboard
 * @typedef {import("../lib/dash_grid.js").Placed} Placed
 * @typedef {{ placed: Placed, element: HTMLElement, body: HTMLElement, seen: boolean, stale: boolean, asking?: AbortController }} Tile
 */

const AT_ONCE = 6;

/** A dashboard: its variables, its grid, and how it is changed; every state is in the address. */
export class TcDashboard extends HTMLElement {
  /** @type {Map<string, Tile>} */
  tiles = new Map();
  /** @type {Tile[]} */
  queue = [];
  running = 0;
  dirty = false;
  /** @type {import("../lib/dash_panels.js").Note[]} */
  notes = [];

  connectedCallback() {
    const given = JSON.parse(this.querySelector("script[data-given]")?.textContent ?? "{}");
    this.uid = /** @type {string} */ (given.uid);
    this.version = /** @type {number} */ (given.version);
    this.mayChange = Boolean(given.may_change);
    this.kept = dashboardOf(given.dashboard);
    this.dashboard = dashboardOf(given.dashboard);
    this.grid = /** @type {HTMLElement} */ (this.querySelector(".dash-grid"));
    this.variables = new Variables(/** @type {HTMLElement} */ (this.querySelector(".dash-variables")), () => { this.keepLinks(); this.layOut(); this.refresh(); });
    this.watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const tile = this.tiles.get(/** @type {HTMLElement} */ (entry.target).dataset.key ?? "");
        if (!tile) continue;
        tile.seen = entry.isIntersecting;
        if (tile.seen && tile.stale) this.ask(tile);
      }
    }, { rootMargin: "150px" });
    for (const name of ["tc:range", "tc:refresh"]) document.addEventListener(name, this);
    for (const name of ["popstate", "beforeunload"]) addEventListener(name, this);
    this.addEventListener("click", this);
    this.grid.addEventListener("pointerdown", (event) => grab(this, event));
    document.addEventListener("keydown", this);
    void this.begin();
  }

  disconnectedCallback() {
    for (const name of ["tc:range", "tc:refresh"]) document.removeEventListener(name, this);
    for (const name of ["popstate", "beforeunload"]) removeEventListener(name, this);
    document.removeEventListener("keydown", this);
    this.watch?.disconnect();
    for (const tile of this.tiles.values()) tile.asking?.abort();
  }

  async begin() {
    this.showState();
    this.layOut();
    await Promise.all([this.variables?.load(this.dashboard?.variables ?? []), this.mark()]);
    this.ready = true;
    this.keepLinks();
    this.layOut();
    this.refresh();
    this.greet();
  }

  /** Whoever came to see a panel that was just added is shown where it is; that it was seen is kept. */
  greet() {
    const added = this.query.get("added");
    const url = new URL(location.href);
    url.searchParams.delete("added");
    if (added) history.replaceState({}, "", url);
    const tile = added ? this.tileOf(Number(added)) : undefined;
    tile?.element.classList.add("added");
    tile?.element.scrollIntoView({ block: "center" });
    if (this.greeted) return;
    this.greeted = true;
    void fetch(`/dashboards/${this.uid}/seen`, { method: "POST", credentials: "same-origin", headers: { "X-CSRF-Token": csrf() } }).catch(() => {});
  }

  /** @param {Event} event */
  handleEvent(event) {
    if (event.type === "click") this.clicked(event);
    else if (event.type === "keydown") pressed(this, /** @type {KeyboardEvent} */ (event));
    else if (event.type === "beforeunload") { if (this.dirty) event.preventDefault(); }
    else if (event.type === "popstate") void this.begin();
    else void this.again(event.type === "tc:range");
  }

  /** @param {boolean} isRange the range has changed, not only the time */
  async again(isRange) {
    if (!this.ready) return;
    if (isRange) await this.variables?.load(this.dashboard?.variables ?? []);
    await this.mark();
    this.keepLinks();
    this.refresh();
  }

  get query() {
    return new URLSearchParams(location.search);
  }

  get editing() {
    return this.query.get("edit") === "1" && Boolean(this.mayChange);
  }

  /** @param {Record<string, string>} changes an empty value takes a parameter away */
  go(changes) {
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(changes)) {
      if (value) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    }
    history.pushState({}, "", url);
    this.showState();
    this.keepLinks();
    this.layOut();
    this.refresh();
  }

  /** The frame's own links to this page know what has been chosen since it was loaded. */
  keepLinks() {
    for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".top a[href]"))) {
      const there = new URL(link.href);
      if (there.pathname !== location.pathname) continue;
      const made = new URL(location.href);
      for (const name of ["from", "to", "refresh"]) {
        const value = there.searchParams.get(name);
        if (value !== null) made.searchParams.set(name, value);
        else if (name === "refresh" || !there.searchParams.has("from")) made.searchParams.delete(name);
      }
      link.href = made.pathname + made.search;
    }
  }

  showState() {
    const editing = this.editing;
    this.toggleAttribute("editing", editing);
    document.documentElement.toggleAttribute("data-tv", this.query.get("tv") === "1");
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll("[data-when]"))) part.hidden = (part.dataset.when === "edit") !== editing;
    const state = /** @type {HTMLElement | null} */ (this.querySelector("[data-dirty]"));
    if (state) state.hidden = !this.dirty;
  }

  /** What happened in the range is marked on every graph. */
  async mark() {
    const wanted = this.dashboard?.annotations;
    if (!wanted?.deploys && !wanted?.incidents) {
      this.notes = [];
      return;
    }
    const { start, end } = current();
    try {
      const { data } = await ask("/api/dashboards/marks", { from: String(Math.round(start * 1000)), to: String(Math.round(end * 1000)) });
      this.notes = data.marks.filter((/** @type {any} */ one) => (one.kind === "deploy" ? wanted.deploys : wanted.incidents));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.notes = []; // marks are an ornament of graphs that say themselves when nothing answers
    }
  }

  /** @param {string} words @param {Placed} [placed] a repeated panel knows its own value */
  titled(words, placed) {
    const values = new Map(this.variables?.values ?? []);
    if (placed?.value !== undefined) values.set(placed.panel.repeat, [placed.value]);
    return filled(words, values, {}, "text");
  }

  /** Put every panel where it belongs; those that stay are kept as they are. */
  layOut() {
    const { grid, dashboard } = this;
    if (!grid || !dashboard) return;
    const alone = this.query.get("panel") ?? "";
    const closed = new Set((this.query.get("rows") ?? "").split(",").filter(Boolean));
    const isClosed = (/** @type {number} */ id, /** @type {boolean} */ collapsed) => collapsed !== closed.has(String(id));
    let placed = drawnOf(dashboard.panels, isClosed, (name) => this.variables?.each(name) ?? [], this.editing);
    const one = placed.find((each) => each.key === alone) ?? placed.find((each) => String(each.panel.id) === alone);
    if (one) placed = [one];
    grid.classList.toggle("alone", Boolean(one));
    const keys = new Set(placed.map(({ key }) => key));
    for (const [key, tile] of this.tiles) {
      if (keys.has(key)) continue;
      tile.asking?.abort();
      this.watch?.unobserve(tile.element);
      tile.element.remove();
      this.tiles.delete(key);
    }
    placed.forEach((each, index) => {
      const tile = this.tiles.get(each.key) ?? this.made(each);
      this.fit(tile, each, isClosed);
      if (grid.children[index] !== tile.element) grid.insertBefore(tile.element, grid.children[index] ?? null);
    });
    const empty = /** @type {HTMLElement | null} */ (this.querySelector(".dash-empty"));
    if (empty) empty.hidden = dashboard.panels.length > 0;
  }

  /** @param {Placed} placed @returns {Tile} */
  made(placed) {
    const body = el("div", { class: "dash-body" });
    const element = el("section", { class: "panel dash-panel", "data-key": placed.key, "data-panel": placed.panel.id });
    const tile = { placed, element, body, seen: false, stale: true };
    this.tiles.set(placed.key, tile);
    this.watch?.observe(element);
    return tile;
  }

  /** @param {Tile} tile @param {Placed} placed @param {(id: number, collapsed: boolean) => boolean} isClosed */
  fit(tile, placed, isClosed) {
    const { panel } = placed;
    const looks = JSON.stringify([panel, placed.value, this.editing, panel.kind === "row" && isClosed(panel.id, panel.collapsed), this.titled(panel.title, placed)]);
    tile.placed = placed;
    for (const side of /** @type {const} */ (["x", "y", "w", "h"])) tile.element.style.setProperty(`--${side}`, String(placed[side] + (side === "x" || side === "y" ? 1 : 0)));
    if (tile.element.dataset.looks === looks) return;
    if (tile.element.dataset.looks) tile.stale = true;
    tile.element.dataset.looks = looks;
    tile.element.dataset.kind = panel.kind;
    tile.element.dataset.legend = panel.legend;
    const title = this.titled(panel.title, placed) || (panel.kind === "text" && !this.editing ? "" : KINDS[panel.kind][0]);
    const named = namedIn(panel.title).has(panel.repeat);
    const label = placed.value === undefined || named ? title : `${title} (${placed.value})`;
    tile.element.setAttribute("aria-label", label || "Text");
    tile.element.classList.toggle("bare", panel.kind === "text" && !panel.title && !this.editing);
    if (panel.kind === "row") this.asRow(tile, label, isClosed(panel.id, panel.collapsed));
    else {
      if (!tile.body.children.length) tile.body.replaceChildren(el("div", { class: "skeleton" }));
      tile.element.replaceChildren(this.head(tile, label), tile.body, ...(this.editing ? [el("span", { class: "dash-grip", "data-grip": true, "aria-hidden": "true" })] : []));
    }
    if (this.editing) {
      tile.element.tabIndex = 0;
      tile.element.setAttribute("aria-description", "Arrow keys move it, with Shift they resize it, e edits, d duplicates, Delete deletes.");
    } else {
      tile.element.removeAttribute("tabindex");
      tile.element.removeAttribute("aria-description");
    }
  }

  /** @param {Tile} tile @param {string} label */
  head(tile, label) {
    const { panel } = tile.placed;
    // A variable's value must not turn an address of ours into that of another host.
    const links = panel.links.map((link) => el("a", { class: "button bare small", href: this.titled(link.url, tile.placed).replace(/^\/[/\\\s]+/, "/"), text: link.title }));
    const head = el("header", {}, ...(this.editing ? [el("span", { class: "dash-handle", "data-move": true, title: "Drag to move; or focus the panel and use the arrow keys" }, icon("grip"))] : []),
      ...(label ? [el("h2", { text: label })] : []), ...(panel.description ? [el("span", { class: "dash-hint", title: panel.description, "aria-label": panel.description, role: "note", text: "i" })] : []), ...links, panelMenu(this, tile.placed));
    return head;
  }

  /** @param {Tile} tile @param {string} label @param {boolean} closed */
  asRow(tile, label, closed) {
    const button = el("button", { class: "dash-row", type: "button", "aria-expanded": String(!closed), onclick: () => this.fold(tile.placed.panel.id) }, icon(closed ? "right" : "down"), el("span", { text: label }));
    tile.element.replaceChildren(button, ...(this.editing ? [el("span", { class: "dash-handle", "data-move": true }, icon("grip")), panelMenu(this, tile.placed)] : []));
  }

  /** @param {number} id of a row */
  fold(id) {
    const folded = new Set((this.query.get("rows") ?? "").split(",").filter(Boolean));
    if (!folded.delete(String(id))) folded.add(String(id));
    this.go({ rows: [...folded].join(",") });
  }

  /** Ask for what is seen now, and for the rest when it comes into view. */
  refresh() {
    if (!this.ready) return;
    for (const tile of this.tiles.values()) {
      tile.stale = true;
      if (tile.seen) this.ask(tile);
    }
  }

  /** @param {Tile} tile */
  ask(tile) {
    if (!this.ready || this.queue.includes(tile)) return;
    this.queue.push(tile);
    this.next();
  }

  next() {
    while (this.running < AT_ONCE && this.queue.length) {
      const tile = /** @type {Tile} */ (this.queue.shift());
      if (!this.tiles.has(tile.placed.key)) continue;
      this.running += 1;
      void this.drawTile(tile).finally(() => { this.running -= 1; this.next(); });
    }
  }

  /** @param {Tile} tile */
  async drawTile(tile) {
    tile.asking?.abort();
    const asking = new AbortController();
    tile.asking = asking;
    tile.stale = false;
    const { panel, value } = tile.placed;
    const values = new Map(this.variables?.values ?? []);
    if (value !== undefined) values.set(panel.repeat, [value]);
    tile.element.setAttribute("aria-busy", "true");
    await draw(panel, tile.body, { range: current(), values, signal: asking.signal, notes: this.notes });
    if (!asking.signal.aborted) tile.element.removeAttribute("aria-busy");
  }

  /** @param {Event} event */
  clicked(event) {
    const target = event.target instanceof Element ? event.target : null;
    const what = /** @type {HTMLElement | null} */ (target?.closest("[data-do]"))?.dataset.do;
    if (!what || !this.dashboard) return;
    target?.closest("details.menu")?.removeAttribute("open");
    if (what === "edit") this.go({ edit: "1", panel: "" });
    else if (what === "view") this.go({ edit: "" });
    else if (what === "tv") this.go({ tv: "1", edit: "" });
    else if (what === "leave") this.go({ tv: "", panel: "" });
    else if (what === "share") void copy(this.link(), "Copied a link to exactly this");
    else if (what === "add") void this.add();
    else if (what === "row") this.put({ kind: "row", title: "Row", w: 24, h: 1 });
    else if (what === "settings") void import("../lib/dash_settings.js").then(({ settings }) => settings(this));
    else if (what === "discard") this.discard();
    else if (what === "save") void save(this);
  }

  /** @returns {string} with absolute times, for others to see the same */
  link() {
    const { start, end } = current();
    const url = new URL(location.href);
    url.searchParams.set("from", String(Math.round(start * 1000)));
    url.searchParams.set("to", String(Math.round(end * 1000)));
    for (const name of ["edit", "tv"]) url.searchParams.delete(name);
    return url.toString();
  }

  async add() {
    const { edit } = await import("../lib/dash_editor.js");
    edit(this, null);
  }

  /** @param {Partial<Panel> & { kind: string }} given a new panel, below the others @returns {number} its id */
  put(given) {
    const panels = this.dashboard?.panels ?? [];
    const id = Math.max(0, ...panels.map((one) => one.id)) + 1;
    const [, w, h] = KINDS[given.kind];
    const y = Math.max(0, ...panels.map((one) => one.y + one.h));
    this.change(settle([...panels, panelOf({ w, h, x: 0, y, ...given, id })]));
    requestAnimationFrame(() => this.tileOf(id)?.element.scrollIntoView({ block: "nearest" }));
    return id;
  }

  /** @param {number} id */
  tileOf(id) {
    return [...this.tiles.values()].find(({ placed }) => placed.panel.id === id);
  }

  /** @param {Panel[]} panels the draft's new ones */
  change(panels) {
    if (!this.dashboard) return;
    this.dashboard = { ...this.dashboard, panels };
    this.touched();
  }

  /** The draft has changed: say so, and draw what differs. */
  touched() {
    this.dirty = JSON.stringify(this.dashboard) !== JSON.stringify(this.kept);
    this.showState();
    this.layOut();
    for (const tile of this.tiles.values()) if (tile.stale && tile.seen) this.ask(tile);
  }

  discard() {
    if (!this.kept) return;
    this.dashboard = dashboardOf(structuredClone(this.kept));
    this.touched();
    this.go({ edit: "" });
    void this.begin();
    toast("The changes are discarded.", "info");
  }

  /** @param {Panel} panel */
  drop(panel) {
    const before = this.dashboard?.panels ?? [];
    this.change(settle(before.filter((one) => one.id !== panel.id)));
    const box = el("div", { class: "toast info" }, el("p", { text: `${panel.title || KINDS[panel.kind][0]} is removed.` }),
      el("button", { class: "button small", type: "button", text: "Undo", onclick: () => { this.change(before); box.remove(); } }));
    document.getElementById("toasts")?.append(box);
    setTimeout(() => box.remove(), 8000);
  }

  /** @param {Panel} panel */
  duplicate(panel) {
    this.put({ ...panel, y: panel.y + panel.h, title: panel.title ? `${panel.title} (copy)` : "" });
  }
}

customElements.define("tc-dashboard", TcDashboard);
