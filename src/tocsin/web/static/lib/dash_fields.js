// Fields of the dialogs that change a dashboard. Each reads and writes one value of an object.

import { el, icon } from "./dom.js";

let counted = 0;

/** @param {string} label @param {HTMLElement} input @param {string} [hint] */
export function field(label, input, hint = "") {
  counted += 1;
  const target = input.matches("input, select, textarea") ? input : input.querySelector("input, select, textarea") ?? input;
  target.id ||= `dash-field-${counted}`;
  return el("div", { class: "field" }, el("label", { for: target.id, text: label }), input, ...(hint ? [el("span", { class: "hint", text: hint })] : []));
}

/** @param {string} value @param {(value: string) => void} take @param {Record<string, unknown>} [more] */
export function words(value, take, more = {}) {
  const input = /** @type {HTMLInputElement} */ (el("input", { value, autocomplete: "off", spellcheck: "false", ...more }));
  input.addEventListener("input", () => take(input.value));
  return input;
}

/** @param {string} value @param {(value: string) => void} take @param {Record<string, unknown>} [more] */
export function long(value, take, more = {}) {
  const area = /** @type {HTMLTextAreaElement} */ (el("textarea", { rows: 3, ...more }));
  area.value = value;
  area.addEventListener("input", () => take(area.value));
  return area;
}

/** @param {string} value @param {[string, string][]} options value and name @param {(value: string) => void} take @param {Record<string, unknown>} [more] */
export function choice(value, options, take, more = {}) {
  const select = /** @type {HTMLSelectElement} */ (el("select", more, ...options.map(([one, name]) => el("option", { value: one, selected: one === value, text: name }))));
  select.addEventListener("change", () => take(select.value));
  return select;
}

/** @param {string} label @param {boolean} value @param {(value: boolean) => void} take */
export function check(label, value, take) {
  const box = /** @type {HTMLInputElement} */ (el("input", { type: "checkbox", checked: value }));
  box.addEventListener("change", () => take(box.checked));
  return el("label", { class: "check" }, box, label);
}

/** @param {number | null} value @param {(value: number | null) => void} take @param {Record<string, unknown>} [more] */
export function number(value, take, more = {}) {
  const input = /** @type {HTMLInputElement} */ (el("input", { inputmode: "decimal", value: value ?? "", autocomplete: "off", ...more }));
  input.addEventListener("input", () => {
    const found = Number(input.value.replace(",", "."));
    const isGood = input.value.trim() === "" || Number.isFinite(found);
    input.toggleAttribute("aria-invalid", !isGood);
    if (isGood) take(input.value.trim() === "" ? null : found);
  });
  return input;
}

/**
 * A list of things with a row each, and a button for one more.
 * @template T
 * @param {string} name of the list
 * @param {T[]} things changed in place
 * @param {(thing: T, again: () => void) => HTMLElement[]} row
 * @param {() => T} fresh
 * @param {() => void} tell
 * @param {string} [what] that is added
 */
export function list(name, things, row, fresh, tell, what = "one") {
  const box = el("fieldset", { class: "dash-list" });
  const paint = () => {
    const rows = things.map((thing, index) => el("div", { class: "dash-list-row" }, ...row(thing, paint),
      el("button", { class: "button bare square small", type: "button", title: "Remove", "aria-label": `Remove ${name.toLowerCase()} ${index + 1}`, onclick: () => { things.splice(index, 1); paint(); tell(); } }, icon("close"))));
    box.replaceChildren(el("legend", { text: name }), ...rows, el("button", { class: "button small", type: "button", onclick: () => { things.push(fresh()); paint(); tell(); /** @type {HTMLElement | null} */ (box.querySelector(".dash-list-row:last-of-type :is(input, select, textarea)"))?.focus(); } }, icon("plus"), `Add ${what}`));
  };
  paint();
  return box;
}
