// Where each panel is: nothing overlaps, everything rises as far as it can, and what is moved pushes the others.

import { COLUMNS } from "./dash_model.js";

/**
 * @typedef {import("./dash_model.js").Panel} Panel
 * @typedef {{ x: number, y: number, w: number, h: number }} Box
 * @typedef {{ key: string, panel: Panel, x: number, y: number, w: number, h: number, value?: string }} Placed `value` of the variable that it is repeated for
 */

/** @param {Box} a @param {Box} b */
function touch(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/**
 * Let every box rise until it lies on another; those that overlap go below.
 * @template {Box} B
 * @param {B[]} boxes
 * @param {B} [held] which stays where it is wanted, before the others of its row
 * @returns {B[]} new boxes, from the top
 */
export function settle(boxes, held) {
  const order = [...boxes].sort((a, b) => a.y - b.y || (a === held ? -1 : b === held ? 1 : a.x - b.x));
  const done = /** @type {B[]} */ ([]);
  for (const box of order) {
    const here = { ...box };
    // A row of the dashboard is not passed by what stands below it.
    while (here.y > 0 && !done.some((other) => touch({ ...here, y: here.y - 1 }, other))) here.y -= 1;
    for (let hit = done.find((other) => touch(here, other)); hit; hit = done.find((other) => touch(here, other))) here.y = hit.y + hit.h;
    done.push(here);
  }
  return done;
}

/**
 * The panels after one of them went to another place or got another size.
 * @param {Panel[]} panels
 * @param {number} id
 * @param {Partial<Box>} change
 * @returns {Panel[]}
 */
export function changed(panels, id, change) {
  const held = panels.find((one) => one.id === id);
  if (!held) return panels;
  const w = Math.max(1, Math.min(COLUMNS, change.w ?? held.w));
  const x = Math.max(0, Math.min(COLUMNS - w, change.x ?? held.x));
  const y = Math.max(0, change.y ?? held.y);
  const next = { ...held, x, y, w, h: Math.max(held.kind === "row" ? 1 : 2, Math.min(100, change.h ?? held.h)) };
  if (held.kind === "row") next.h = 1;
  // First what is in the way goes down, then everything rises again.
  const others = panels.filter((one) => one.id !== id).map((one) => (touch(one, next) && one.y < next.y + next.h ? { ...one, y: next.y + next.h } : one));
  return settle([...others, next], next);
}

/**
 * What is drawn: rows that are closed hide what follows them, and repeated panels become several.
 * @param {Panel[]} panels
 * @param {(id: number, collapsed: boolean) => boolean} isClosed
 * @param {(name: string) => string[]} valuesOf
 * @param {boolean} editing when nothing is repeated
 * @returns {Placed[]}
 */
export function drawnOf(panels, isClosed, valuesOf, editing) {
  const found = /** @type {Placed[]} */ ([]);
  let hidden = false;
  let down = 0;
  for (const panel of [...panels].sort((a, b) => a.y - b.y || a.x - b.x)) {
    if (panel.kind === "row") hidden = isClosed(panel.id, panel.collapsed);
    else if (hidden) continue;
    const box = { x: panel.x, y: panel.y + down, w: panel.w, h: panel.h };
    const values = panel.repeat && !editing ? valuesOf(panel.repeat) : [];
    if (!values.length) {
      found.push({ key: String(panel.id), panel, ...box });
      continue;
    }
    const across = Math.max(1, Math.floor((COLUMNS - (values.length * panel.w > COLUMNS ? 0 : panel.x)) / panel.w));
    const left = values.length * panel.w + panel.x > COLUMNS ? 0 : panel.x;
    values.forEach((value, index) => {
      found.push({ key: `${panel.id}-${index}`, panel, value, ...box, x: left + (index % across) * panel.w, y: box.y + Math.floor(index / across) * panel.h });
    });
    down += (Math.ceil(values.length / across) - 1) * panel.h;
  }
  return settle(found);
}

/**
 * Move and resize by the pointer. The panel follows it by whole columns and rows.
 * @param {PointerEvent} event on the handle
 * @param {HTMLElement} grid
 * @param {Panel} panel
 * @param {boolean} resizing
 * @param {(change: Partial<Box>, isDone: boolean) => void} tell
 */
export function drag(event, grid, panel, resizing, tell) {
  event.preventDefault();
  const style = getComputedStyle(grid);
  const gap = parseFloat(style.columnGap) || 8;
  const column = (grid.clientWidth + gap) / COLUMNS;
  const row = parseFloat(style.gridAutoRows) + gap;
  const [startX, startY, scrolled] = [event.clientX, event.clientY, scrollY];
  let last = "";
  const move = (/** @type {PointerEvent} */ at) => {
    if (at.clientY > innerHeight - 40) scrollBy(0, 12);
    else if (at.clientY < 80) scrollBy(0, -12);
    const dx = Math.round((at.clientX - startX) / column);
    const dy = Math.round((at.clientY - startY + scrollY - scrolled) / row);
    const change = resizing ? { w: Math.min(COLUMNS - panel.x, panel.w + dx), h: panel.h + dy } : { x: panel.x + dx, y: panel.y + dy };
    if (JSON.stringify(change) === last) return;
    last = JSON.stringify(change);
    tell(change, false);
  };
  const end = (/** @type {PointerEvent} */ at) => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    removeEventListener("keydown", cancel, true);
    tell(at.type === "pointerup" && last ? JSON.parse(last) : {}, true);
  };
  const cancel = (/** @type {KeyboardEvent} */ at) => {
    if (at.key !== "Escape") return;
    at.stopPropagation();
    end(new PointerEvent("pointercancel"));
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
  addEventListener("keydown", cancel, true);
}

/**
 * What an arrow key does to a panel that has the focus: it moves, with Shift it grows or shrinks.
 * @param {KeyboardEvent} event
 * @param {Panel} panel
 * @returns {Partial<Box> | null}
 */
export function keyed(event, panel) {
  const by = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] })[event.key];
  if (!by || event.ctrlKey || event.metaKey || event.altKey) return null;
  const [dx, dy] = by;
  if (event.shiftKey) return { w: panel.w + dx, h: panel.h + dy };
  // A panel rises by itself, so a step down passes what is below it.
  return { x: panel.x + dx, y: panel.y + (dy > 0 ? panel.h : dy < 0 ? -Math.max(1, Math.ceil(panel.h / 2)) : 0) };
}
