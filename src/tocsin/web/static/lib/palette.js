// Ctrl-K: go anywhere, find a metric or a target, run a command.

import { ask } from "./api.js";
import { el, icon } from "./dom.js";

/** @typedef {{ name: string, kind: string, href?: string, run?: () => void, icon?: string }} Entry */

const WAIT_MS = 120;

/** @type {Entry[]} */
let commands = [];

/** @param {Entry[]} entries what the page can do */
export function teach(entries) {
  commands = entries;
}

/** @returns {Entry[]} */
function places() {
  return [...document.querySelectorAll("a[data-go]")].map((link) => ({
    name: link.textContent?.trim() ?? "", kind: "page", href: /** @type {HTMLAnchorElement} */ (link).href, icon: "right",
  }));
}

/** Open the palette; it closes itself. */
export function open() {
  if (document.querySelector("dialog.palette")) return;
  const input = /** @type {HTMLInputElement} */ (el("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "found", "aria-label": "Search or run a command", placeholder: "Page, metric, target, trace id or command", autocomplete: "off", spellcheck: "false" }));
  const found = el("div", { class: "found", id: "found", role: "listbox" });
  const dialog = /** @type {HTMLDialogElement} */ (el("dialog", { class: "palette", "aria-label": "Search" }, input, found));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  /** @type {Entry[]} */
  let entries = [];
  let chosen = 0;
  let timer = 0;
  /** @type {AbortController | undefined} */
  let asking;

  const paint = () => {
    found.replaceChildren(...entries.map((entry, index) => {
      const row = el("div", { role: "option", "aria-selected": index === chosen, onclick: () => go(entry) },
        icon(entry.icon ?? "right"), el("span", { class: "name", text: entry.name }), el("span", { class: "kind", text: entry.kind }));
      row.setAttribute("aria-selected", String(index === chosen));
      return row;
    }));
    if (!entries.length) found.append(el("p", { class: "quiet", text: "Nothing of that name. Search for a page, a metric, a job or an address." }));
    found.children[chosen]?.scrollIntoView({ block: "nearest" });
  };
  const go = (/** @type {Entry} */ entry) => {
    dialog.close();
    if (entry.run) entry.run();
    else if (entry.href) location.assign(entry.href);
  };
  const search = async () => {
    const words = input.value.trim();
    const near = (/** @type {Entry} */ entry) => words.toLowerCase().split(/\s+/).every((word) => entry.name.toLowerCase().includes(word));
    entries = [...places(), ...commands].filter(near);
    chosen = 0;
    paint();
    if (!words) return;
    asking?.abort();
    asking = new AbortController();
    const here = asking;
    try {
      const { data } = await ask("/ui/search", { q: words }, here.signal);
      if (here.signal.aborted) return;
      const more = data.entries.map((/** @type {{ name: string, kind: string, href: string }} */ one) => ({ ...one, icon: one.kind === "dashboard" ? "dashboards" : one.kind.startsWith("target") ? "targets" : "explore" }));
      entries = [...entries, ...more];
      if (/^[0-9a-f]{32}$/i.test(words)) entries.unshift({ name: words, kind: "open this trace", href: `/traces/${words.toLowerCase()}`, icon: "traces" });
      if (/[({\]]/.test(words)) entries.push({ name: words, kind: "run this query", href: `/explore?${new URLSearchParams({ a: words })}`, icon: "explore" });
      paint();
    } catch (error) {
      if (here.signal.aborted) return;
      found.append(el("p", { class: "quiet", text: error instanceof Error ? error.message : "The search failed." }));
    }
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, WAIT_MS); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      chosen = Math.max(0, Math.min(entries.length - 1, chosen + (event.key === "ArrowDown" ? 1 : -1)));
      paint();
    } else if (event.key === "Enter" && entries[chosen]) go(entries[chosen]);
    else return;
    event.preventDefault();
  });
  dialog.showModal();
  void search();
}
