// A draft becomes the next version, with a note; who was slower sees what the other changed.

import { csrf } from "./api.js";
import { el, toast } from "./dom.js";
import { dashboardOf } from "./dash_model.js";

/** @typedef {import("../elements/tc-dashboard.js").TcDashboard} TcDashboard */

/** @param {string} title @param {HTMLElement[]} content @param {HTMLElement[]} buttons @returns {HTMLDialogElement} open, and gone when closed */
export function dialog(title, content, buttons) {
  const box = /** @type {HTMLDialogElement} */ (el("dialog", { "aria-label": title }, el("header", {}, el("h2", { text: title })), el("div", { class: "body" }, ...content), el("footer", {}, ...buttons)));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

/** @param {TcDashboard} board ask for a note, and keep the draft */
export async function save(board) {
  if (!board.dirty) {
    toast("Nothing has changed.", "info");
    return;
  }
  const note = /** @type {HTMLInputElement} */ (el("input", { id: "dash-note", maxlength: 300, placeholder: "Why, in a few words (may stay empty)", autocomplete: "off" }));
  const send = el("button", { class: "button main", type: "submit", form: "dash-save", text: "Save" });
  const form = el("form", { id: "dash-save", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); box.close(); void put(board, note.value, board.version ?? 0); } }, el("div", { class: "field" }, el("label", { for: "dash-note", text: "What changes" }), note));
  const box = dialog("Save the dashboard", [form], [el("button", { class: "button", type: "button", text: "Cancel", onclick: () => box.close() }), send]);
}

/** @param {TcDashboard} board @param {string} note @param {number} version */
async function put(board, note, version) {
  let response;
  try {
    response = await fetch(`/api/dashboards/${board.uid}`, {
      method: "PUT", credentials: "same-origin", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf(), Accept: "application/json" },
      body: JSON.stringify({ version, note, dashboard: board.dashboard }),
    });
  } catch {
    toast("Tocsin does not answer. The changes are still here; try again.", "critical");
    return;
  }
  const body = await response.json().catch(() => ({}));
  if (response.status === 409) {
    conflict(board, body, note);
    return;
  }
  if (!response.ok) {
    toast(`Not saved: ${body.error ?? response.status}`, "critical");
    return;
  }
  board.version = body.version;
  board.kept = dashboardOf(body.dashboard);
  board.dashboard = dashboardOf(body.dashboard);
  board.touched();
  const title = document.querySelector(".top h1");
  if (title) title.textContent = body.dashboard.title;
  toast(`Saved as version ${body.version}.`);
  board.go({ edit: "" });
}

/** @param {TcDashboard} board @param {any} body @param {string} note */
function conflict(board, body, note) {
  const box = dialog("Somebody else saved it first", [
    el("p", { text: `${body.error}. Your changes are still here.` }),
    el("p", {}, el("a", { href: `/dashboards/${board.uid}/history`, target: "_blank", text: "See what changed" })),
  ], [
    el("button", { class: "button", type: "button", text: "Go on editing", onclick: () => box.close() }),
    el("button", { class: "button", type: "button", text: "Take theirs", onclick: () => { board.dirty = false; location.reload(); } }),
    el("button", { class: "button main", type: "button", text: `Save mine over version ${body.now.version}`, onclick: () => { box.close(); void put(board, note, body.now.version); } }),
  ]);
}
