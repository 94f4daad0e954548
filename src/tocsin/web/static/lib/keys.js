// The keyboard map, one for the whole product.

import { el } from "./dom.js";

const HELP = [
  ["/", "Search in the page, or everywhere"], ["Ctrl K", "Search and commands"], ["g then o a i d l x f e", "Go to Overview, Alerts, Incidents, Dashboards, Logs, Traces, Errors, Explore"],
  ["t", "Time range"], ["[ and ]", "Earlier, later"], ["r", "Refresh"], ["j and k", "Next row, previous row"], ["Enter", "Open the row"], ["x", "Select the row"], ["a", "Acknowledge the alert"], ["s", "Silence the alert"], ["e", "Resolve the issue"], ["?", "This list"],
];

/** Show what the keys do. */
export function help() {
  const list = el("dl", { class: "keys" });
  for (const [keys, words] of HELP) {
    const parts = keys.split(" ").map((part) => (["then", "and"].includes(part) ? el("span", { class: "quiet", text: ` ${part} ` }) : el("kbd", { text: part })));
    list.append(el("dt", {}, ...parts), el("dd", { text: words }));
  }
  const dialog = /** @type {HTMLDialogElement} */ (el("dialog", { "aria-label": "Keyboard" }, el("header", {}, el("h2", { text: "Keyboard" })), el("div", { class: "body" }, list),
    el("footer", {}, el("button", { class: "button", type: "button", text: "Close", onclick: () => dialog.close() }))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {Record<string, () => void>} actions by key */
export function listen(actions) {
  let prefix = false;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      actions.palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || document.querySelector("dialog[open]")) return;
    if (prefix) {
      prefix = false;
      const link = document.querySelector(`a[data-go="${CSS.escape(event.key)}"]`);
      if (link instanceof HTMLAnchorElement) link.click();
      return;
    }
    if (event.key === "g") {
      prefix = true;
      setTimeout(() => { prefix = false; }, 1200);
      return;
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** @param {KeyboardEvent} event */
function isTyping(event) {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
