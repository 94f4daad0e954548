import { copy, el, icon } from "../lib/dom.js";

/** What a table remembers while its page refreshes itself: by the table's id. */
const kept = /** @type {Map<string, { sort: number, down: boolean, filter: string }>} */ (new Map());

/**
 * A table that sorts, filters, walks by keyboard (j, k, Enter, x) and copies itself as CSV.
 * `<tc-table id="…" filter="words"><table class="data">…`. A cell's `data-sort` is what it sorts by.
 * Without script it is a plain table.
 */
class TcTable extends HTMLElement {
  connectedCallback() {
    const table = this.querySelector("table");
    if (!table || this.dataset.ready) return;
    this.dataset.ready = "yes";
    this.table = table;
    this.state = kept.get(this.id) ?? { sort: -1, down: false, filter: "" };
    kept.set(this.id, this.state);
    this.original = [...(table.tBodies[0]?.rows ?? [])];
    const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
    for (const [index, head] of heads.entries()) {
      if (head.dataset.sort === "no" || !head.textContent?.trim()) continue;
      const words = head.textContent;
      head.replaceChildren(el("button", { type: "button", onclick: () => this.sortBy(index), text: words }));
    }
    this.addBar(heads);
    for (const row of this.original) {
      row.tabIndex = -1;
      for (const [index, cell] of [...row.cells].entries()) {
        if (!cell.dataset.name && heads[index]) cell.dataset.name = heads[index].textContent?.trim() ?? "";
      }
    }
    this.addEventListener("keydown", (event) => this.walk(event));
    this.apply();
  }

  /** @param {HTMLTableCellElement[]} heads */
  addBar(heads) {
    if (!this.hasAttribute("filter")) return;
    let bar = this.querySelector(".table-bar");
    if (!bar) {
      bar = el("div", { class: "table-bar" });
      this.prepend(bar);
    }
    const words = this.getAttribute("filter") || "Filter";
    const input = /** @type {HTMLInputElement} */ (el("input", { type: "search", placeholder: words, "aria-label": words, "data-filter": true, autocomplete: "off" }));
    input.value = this.state?.filter ?? "";
    input.addEventListener("input", () => {
      if (this.state) this.state.filter = input.value;
      this.apply();
    });
    this.count = el("span", { class: "quiet nowrap", role: "status" });
    const csv = el("button", { class: "button bare small push", type: "button", title: "Copy what is shown as CSV", onclick: () => this.copyCsv(heads) }, icon("copy"), "CSV");
    bar.prepend(input, this.count);
    bar.append(csv);
  }

  /** @param {number} index */
  sortBy(index) {
    const state = this.state;
    if (!state) return;
    if (state.sort !== index) [state.sort, state.down] = [index, false];
    else if (!state.down) state.down = true;
    else state.sort = -1;
    this.apply();
  }

  apply() {
    const { table, state, original } = this;
    if (!table || !state || !original) return;
    const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of original) {
      const text = (row.textContent ?? "").toLowerCase();
      row.hidden = !words.every((word) => (word.startsWith("-") && word.length > 1 ? !text.includes(word.slice(1)) : text.includes(word)));
      if (!row.hidden) shown += 1;
    }
    const sorted = state.sort < 0 ? original : [...original].sort((a, b) => compare(value(a, state.sort), value(b, state.sort)) * (state.down ? -1 : 1));
    table.tBodies[0]?.append(...sorted);
    for (const [index, head] of [...(table.tHead?.rows[0]?.cells ?? [])].entries()) {
      if (index === state.sort) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    if (this.count) this.count.textContent = words.length ? `${shown} of ${original.length}` : `${original.length}`;
  }

  /** @param {KeyboardEvent} event */
  walk(event) {
    const row = event.target instanceof HTMLTableRowElement ? event.target : null;
    if (!row) return;
    if (event.key === "Enter") row.querySelector("a")?.click();
    else if (event.key === "x") row.classList.toggle("chosen");
    else if (event.key === "ArrowDown") this.step(1);
    else if (event.key === "ArrowUp") this.step(-1);
    else return;
    event.preventDefault();
  }

  /** @param {number} by move the focus by so many rows */
  step(by) {
    const rows = [...(this.table?.tBodies[0]?.rows ?? [])].filter((row) => !row.hidden);
    const here = rows.indexOf(/** @type {HTMLTableRowElement} */ (document.activeElement));
    const next = rows[here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, here + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  /** @param {HTMLTableCellElement[]} heads */
  copyCsv(heads) {
    const quote = (/** @type {string} */ text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [heads.map((head) => quote(head.textContent?.trim() ?? "")).join(",")];
    for (const row of this.table?.tBodies[0]?.rows ?? []) {
      if (!row.hidden) lines.push([...row.cells].map((cell) => quote((cell.dataset.csv ?? cell.textContent ?? "").trim().replace(/\s+/g, " "))).join(","));
    }
    void copy(`${lines.join("\n")}\n`, `Copied ${lines.length - 1} rows`);
  }
}

/** @param {HTMLTableRowElement} row @param {number} index */
function value(row, index) {
  const cell = row.cells[index];
  return cell?.dataset.sort ?? cell?.textContent?.trim() ?? "";
}

/** @param {string} a @param {string} b */
function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  if (a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  return a.localeCompare(b, undefined, { numeric: true });
}

customElements.define("tc-table", TcTable);
