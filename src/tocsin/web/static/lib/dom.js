// Small words for building elements without a framework.

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes] `text`, `on<Event>` functions, else attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") made.textContent = String(value);
    else if (name.startsWith("on") && typeof value === "function") made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** @param {string} name of a symbol in parts/icons.html */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {string} words
 * @param {"ok" | "info" | "warning" | "critical"} [state]
 */
export function toast(words, state = "ok") {
  const box = el("div", { class: `toast ${state}` }, el("p", { text: words }));
  box.append(el("button", { class: "button bare small square", type: "button", "aria-label": "Close", onclick: () => box.remove() }, icon("close")));
  document.getElementById("toasts")?.append(box);
  if (state !== "critical") setTimeout(() => box.remove(), 6000);
}

/** @param {string} text @param {string} [what] said when it is done */
export async function copy(text, what = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = /** @type {HTMLTextAreaElement} */ (el("textarea", { class: "sr" }));
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(what);
}

/** @param {string} value name of a custom property */
export function tone(value) {
  return getComputedStyle(document.documentElement).getPropertyValue(value).trim();
}
