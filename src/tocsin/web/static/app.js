// What every page has: keys, palette, time, refresh, toasts, the theme. Elements load when used.

import { copy, toast } from "./lib/dom.js";
import { absolute, ago } from "./lib/format.js";
import { help, listen } from "./lib/keys.js";
import { open as openPalette, teach } from "./lib/palette.js";
import { announce, moment, shift, show } from "./lib/range.js";

const ELEMENTS = ["tc-table", "tc-code", "tc-spark", "tc-value", "tc-select", "tc-chart", "tc-heatmap", "tc-promql", "tc-explore", "tc-logs", "tc-alerts", "tc-incident", "tc-dashboard", "tc-push", "tc-traces", "tc-trace", "tc-errors"];
const AGES_MS = 5000;
const loaded = new Set();

/** Fetch the modules of the elements that the page has. */
function load() {
  for (const name of ELEMENTS) {
    if (loaded.has(name) || !document.querySelector(name)) continue;
    loaded.add(name);
    void import(`/static/elements/${name}.js`);
  }
}

/** What rings this browser rings aloud while a page is open; the worker itself cannot. */
function ringAloud() {
  navigator.serviceWorker?.addEventListener("message", (event) => {
    if (event.data?.kind === "page") void import("./lib/ring.js").then(({ ring }) => ring(event.data));
  });
}

/** Keep "4 min ago" true. */
function tellAges() {
  const now = Date.now() / 1000;
  for (const time of document.querySelectorAll("time[data-age]")) {
    const epoch = Date.parse(time.getAttribute("datetime") ?? "") / 1000;
    const words = ago(epoch, now);
    if (time.textContent !== words) time.textContent = words;
    time.setAttribute("title", absolute(epoch));
  }
}

function refresh() {
  document.dispatchEvent(new CustomEvent("tc:refresh"));
  if (!isEditing()) document.body.dispatchEvent(new CustomEvent("refresh"));
}

/** Whether somebody types, chooses, or has a menu open, in a part that a refresh would replace. Snippets are kept as they are. */
function isEditing() {
  const at = document.activeElement;
  return Boolean(at?.matches("input, select, textarea") && at.closest("#live")) || Boolean(document.querySelector("#live details[open]:not(.snippets details), #live dialog[open], #live [data-busy]"));
}

/** The row that had the focus before a refresh has it after. */
function keepRow() {
  /** @type {{ id: string, index: number } | null} */
  let kept = null;
  document.body.addEventListener("htmx:beforeSwap", () => {
    const row = document.activeElement instanceof HTMLTableRowElement ? document.activeElement : null;
    kept = row ? { id: row.closest("tc-table")?.id ?? "", index: row.sectionRowIndex } : null;
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    if (!kept) return;
    const table = document.getElementById(kept.id)?.querySelector("table");
    table?.tBodies[0]?.rows[kept.index]?.focus({ preventScroll: true });
  });
}

/** Refresh as often as the URL says, or else as the page itself asks; but not while nobody looks. */
function schedule() {
  const text = document.getElementById("main")?.dataset.refresh || document.getElementById("live")?.dataset.live || "";
  const found = /^(\d+)([smh])$/.exec(text);
  if (!found) return;
  const seconds = Number(found[1]) * { s: 1, m: 60, h: 3600 }[/** @type {"s" | "m" | "h"} */ (found[2])];
  setInterval(() => { if (!document.hidden) refresh(); }, Math.max(1, seconds) * 1000);
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remember("tocsin.theme", root.dataset.theme);
  document.dispatchEvent(new CustomEvent("tc:theme"));
}

function fold() {
  const root = document.documentElement;
  const narrow = root.dataset.rail === "narrow";
  if (narrow) delete root.dataset.rail;
  else root.dataset.rail = "narrow";
  remember("tocsin.rail", narrow ? "" : "narrow");
}

/** @param {string} name @param {string} value */
function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}

/** Move the focus to the page's own search field, else open the palette. */
function findHere() {
  const field = document.querySelector("main input[data-filter], main input[type=search]");
  if (field instanceof HTMLElement) field.focus();
  else openPalette();
}

/** @param {number} by rows */
function stepRow(by) {
  const table = document.activeElement?.closest("tc-table, tc-alerts, tc-trace, tc-errors") ?? document.querySelector("tc-trace, tc-alerts, tc-errors, tc-table");
  // A key may be pressed while the page's elements are still being fetched.
  if (table) void customElements.whenDefined(table.localName).then(() => /** @type {any} */ (table).step?.(by));
}

/** @param {string} what presses that button of the row with the focus, else of the page's own alert */
function act(what) {
  const row = document.activeElement?.closest("[data-row]") ?? document.querySelector("[data-alert]");
  /** @type {HTMLElement | null | undefined} */ (row?.querySelector(what))?.click();
}

function openTimes() {
  const menu = document.getElementById("times");
  if (!(menu instanceof HTMLDetailsElement)) return;
  menu.open = true;
  document.getElementById("time-from")?.focus();
}

/** The words of the range picker become a range without loading the page again. */
function takeTimes() {
  document.querySelector("#times form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const now = Date.now() / 1000;
    const [from, to] = ["from", "to"].map((name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value.trim());
    const [start, end] = [moment(from, now), moment(to || "now", now)];
    if (!(start < end)) {
      toast(Number.isNaN(start) || Number.isNaN(end) ? "That time is not understood. Try now-90m, 2h, yesterday 9:00 or 2026-05-04 13:00." : "The range ends before it starts.", "warning");
      return;
    }
    const fixed = (/** @type {string} */ text, /** @type {number} */ at) => (/^now/.test(text) ? text.replace(/\s/g, "") : /^\d+\s*[smhdwy]$/.test(text) ? `now-${text.replace(/\s/g, "")}` : String(Math.round(at * 1000)));
    show(fixed(from, start), fixed(to || "now", end));
    document.getElementById("times")?.removeAttribute("open");
    refresh();
  });
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!target || !menu.contains(target)) menu.removeAttribute("open");
  }
  if (!target) return;
  if (target.closest("#search")) openPalette();
  else if (target.closest("#theme, [data-theme-switch]")) switchTheme();
  else if (target.closest("#fold")) fold();
  else if (target.closest("[data-refresh-now]")) refresh();
  else if (target.closest("[data-keys]")) help();
  const opener = target.closest("[data-dialog]");
  if (opener) /** @type {HTMLDialogElement | null} */ (document.getElementById(opener.getAttribute("data-dialog") ?? ""))?.showModal();
  if (target.closest("[data-close]")) target.closest("dialog")?.close();
  const copied = target.closest("[data-copy]");
  if (copied) void copy(copied.getAttribute("data-copy") ?? "");
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.removeAttribute("open");
});
document.body.addEventListener("tc:toast", (event) => {
  const { words, state } = /** @type {CustomEvent} */ (event).detail;
  toast(words, state);
});
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(name, (event) => {
    const request = /** @type {CustomEvent} */ (event).detail.xhr;
    if (/"tc:toast"/.test(request?.getResponseHeader("HX-Trigger") ?? "")) return; // the answer says it by itself
    toast(request?.status ? `Tocsin answered ${request.status}: ${readable(request.responseText)}` : "Tocsin does not answer. What you see may be old.", "critical");
  });
}

/** @param {string} text of an answer: JSON's error, or its first words */
function readable(text) {
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return new DOMParser().parseFromString(text, "text/html").querySelector("main")?.textContent?.trim().replace(/\s+/g, " ").slice(0, 200) ?? "";
  }
}

document.body.addEventListener("htmx:afterSettle", () => { load(); tellAges(); });
document.addEventListener("tc:range", () => document.body.dispatchEvent(new CustomEvent("refresh")));
addEventListener("popstate", () => announce());
// The addresses that templates written for Alertmanager link to.
const meant = /^#\/(alerts|silences)(?:\/([0-9a-f-]{36}))?(\?.*)?$/.exec(location.hash);
if (meant) location.replace(`/${meant[1]}${meant[2] ? `/${meant[2]}` : ""}${meant[1] === "alerts" ? meant[3] ?? "" : ""}`);
teach([
  { name: "Switch between light and dark", kind: "command", run: switchTheme, icon: "theme" },
  { name: "Refresh now", kind: "command", run: refresh, icon: "refresh" },
  { name: "Change the time range", kind: "command", run: openTimes, icon: "clock" },
  { name: "Fold or unfold the menu", kind: "command", run: fold, icon: "fold" },
  { name: "Keyboard", kind: "command", run: help, icon: "more" },
]);
listen({
  palette: openPalette, "/": findHere, "?": help, t: openTimes, r: refresh, "[": () => shift(-1), "]": () => shift(1),
  j: () => stepRow(1), k: () => stepRow(-1), a: () => act("[data-acknowledge]"), s: () => act("[data-silence]"), e: () => act("[data-resolve]"),
});
load();
new MutationObserver(load).observe(document.body, { childList: true, subtree: true });
takeTimes();
ringAloud();
keepRow();
tellAges();
setInterval(tellAges, AGES_MS);
schedule();
