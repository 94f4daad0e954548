// Panels moved, resized and changed by keys and by the pointer.

import { changed, drag, keyed } from "./dash_grid.js";
import { save } from "./dash_save.js";

/** @typedef {import("../elements/tc-dashboard.js").TcDashboard} TcDashboard */

/** @param {TcDashboard} board @param {KeyboardEvent} event */
export function pressed(board, event) {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && (board.query.get("panel") || board.query.get("tv"))) {
    if (!document.querySelector("details.menu[open]")) board.go({ panel: "", tv: "" });
    return;
  }
  if (!board.editing || !board.dashboard) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "s") {
    event.preventDefault();
    void save(board);
    return;
  }
  const element = document.activeElement;
  if (!(element instanceof HTMLElement) || !element.matches(".dash-panel")) return;
  const panel = board.dashboard.panels.find((one) => String(one.id) === element.dataset.panel);
  if (!panel) return;
  const move = keyed(event, panel);
  if (move) board.change(changed(board.dashboard.panels, panel.id, move));
  else if (event.key === "Delete") board.drop(panel);
  else if (event.key === "d") board.duplicate(panel);
  else if (event.key === "e" || event.key === "Enter") void import("./dash_editor.js").then(({ edit }) => edit(board, panel));
  else return;
  event.preventDefault();
  event.stopPropagation();
  if (!move) return;
  const moved = board.tileOf(panel.id)?.element;
  moved?.focus();
  moved?.scrollIntoView({ block: "nearest" });
}

/** @param {TcDashboard} board @param {PointerEvent} event on a handle of a panel */
export function grab(board, event) {
  const target = event.target instanceof Element ? event.target : null;
  const handle = target?.closest("[data-move], [data-grip]");
  const element = /** @type {HTMLElement | null} */ (handle?.closest(".dash-panel") ?? null);
  const before = board.dashboard?.panels ?? [];
  const panel = before.find((one) => String(one.id) === element?.dataset.panel);
  if (!handle || !element || !panel || !board.grid || event.button !== 0) return;
  element.classList.add("dragged");
  drag(event, board.grid, panel, handle.matches("[data-grip]"), (change, isDone) => {
    board.change(Object.keys(change).length ? changed(before, panel.id, change) : before);
    if (isDone) element.classList.remove("dragged");
  });
}
