import { el } from "../lib/dom.js";

const SHOWN = 80;
let count = 0;

/**
 * A text field with a list to choose from, searched as one types: `<tc-select name="job" list="a b">`.
 * Set `source` to a function that answers a search with values; `change` is sent when one is chosen.
 */
export class TcSelect extends HTMLElement {
  /** @type {(search: string) => Promise<string[]> | string[]} */
  source = () => (this.getAttribute("list") ?? "").split(/\s+/).filter(Boolean);
  free = true;

  connectedCallback() {
    if (this.input) return;
    count += 1;
    this.listId = `options-${count}`;
    this.input = /** @type {HTMLInputElement} */ (el("input", {
      type: "text", role: "combobox", "aria-expanded": "false", "aria-controls": this.listId, "aria-autocomplete": "list",
      "aria-label": this.getAttribute("label") ?? this.getAttribute("name") ?? "Choose",
      placeholder: this.getAttribute("placeholder") ?? "", name: this.getAttribute("name"), autocomplete: "off", spellcheck: "false",
    }));
    this.input.value = this.getAttribute("value") ?? "";
    this.list = el("div", { class: "options", role: "listbox", id: this.listId, hidden: true });
    this.append(this.input, this.list);
    this.input.addEventListener("focus", () => this.open());
    this.input.addEventListener("input", () => this.open());
    this.input.addEventListener("keydown", (event) => this.steer(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.close(), 120));
    this.input.addEventListener("change", (event) => event.stopPropagation());
  }

  get value() {
    return this.input?.value ?? "";
  }

  set value(text) {
    if (this.input) this.input.value = text;
    else this.setAttribute("value", text);
  }

  async open() {
    const { input, list } = this;
    if (!input || !list) return;
    const search = input.value;
    const found = await this.source(search);
    if (document.activeElement !== input) return;
    const words = search.toLowerCase();
    const fitting = found.filter((one) => one.toLowerCase().includes(words));
    const values = fitting.length ? fitting : found;
    list.replaceChildren(...values.slice(0, SHOWN).map((value) => el("div", { role: "option", text: value, onmousedown: (/** @type {Event} */ event) => { event.preventDefault(); this.choose(value); } })));
    if (values.length > SHOWN) list.append(el("div", { class: "more", text: `and ${values.length - SHOWN} more: type to narrow` }));
    if (!values.length) list.append(el("div", { class: "more", text: "Nothing here" }));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  close() {
    if (this.list) this.list.hidden = true;
    this.input?.setAttribute("aria-expanded", "false");
  }

  /** @param {string} value */
  choose(value) {
    this.value = value;
    this.close();
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** @param {KeyboardEvent} event */
  steer(event) {
    const options = [...(this.list?.querySelectorAll('[role="option"]') ?? [])];
    const here = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const next = options[Math.max(0, Math.min(options.length - 1, here + (event.key === "ArrowDown" ? 1 : -1)))];
      options[here]?.removeAttribute("aria-selected");
      next?.setAttribute("aria-selected", "true");
      next?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
      this.choose(options[here]?.textContent ?? this.value);
    } else if (event.key === "Escape") {
      this.close();
      return;
    } else return;
    event.preventDefault();
  }
}

customElements.define("tc-select", TcSelect);
