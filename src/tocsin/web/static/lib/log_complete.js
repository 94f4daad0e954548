// The question box completes names of fields, and their values behind a colon.

import { ask } from "./api.js";
import { el } from "./dom.js";
import { current } from "./range.js";

const OWN = ["service", "level", "host", "environment", "source", "severity", "trace_id", "span_id", "user_id", "pattern", "message", "has", "missing"];
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];
/** What else is asked in the same way: the names, the words of those that have few, and where values are found. */
const KINDS = {
  logs: { own: OWN, words: /** @type {Record<string, string[]>} */ ({ level: LEVELS }), api: "/api/logs" },
  traces: {
    own: ["service", "name", "duration", "status", "kind", "root", "environment", "host", "message", "event", "user_id", "trace_id", "span_id", "scope", "has", "missing"],
    words: /** @type {Record<string, string[]>} */ ({ status: ["error", "ok", "unset"], kind: ["server", "client", "internal", "producer", "consumer"], root: ["true", "false"], duration: ["10ms", "100ms", "500ms", "1s", "5s"], event: ["exception"] }),
    api: "/api/traces",
  },
};
const WAIT_MS = 120;
const SHOWN = 12;

/** @param {HTMLInputElement} input */
export function complete(input) {
  const box = el("div", { class: "options", role: "listbox", id: "q-options", "aria-label": "Suggestions" });
  box.hidden = true;
  const frame = el("div", { class: "ask-box" });
  input.replaceWith(frame);
  frame.append(input, box);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "q-options" })) input.setAttribute(name, value);
  const kind = KINDS[input.dataset.complete === "traces" ? "traces" : "logs"];
  /** @type {string[] | null} */
  let fields = null;
  /** @type {AbortController | null} */
  let asking = null;
  let timer = 0;
  let at = -1;

  const close = () => {
    box.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const word = () => {
    const before = input.value.slice(0, input.selectionStart ?? input.value.length);
    return /(?:^|[\s(])(-?)([^\s()"]*)$/.exec(before);
  };
  const take = (/** @type {string} */ text) => {
    const found = word();
    const end = input.selectionStart ?? input.value.length;
    const start = end - (found?.[2].length ?? 0);
    input.setRangeText(text, start, end, "end");
    close();
    if (text.endsWith(":")) schedule();
  };
  const show = (/** @type {{ text: string, note: string }[]} */ options) => {
    box.replaceChildren(...options.slice(0, SHOWN).map(({ text, note }, index) => el("div", { role: "option", id: `q-option-${index}`, "aria-selected": "false", "data-text": text, onpointerdown: (/** @type {Event} */ event) => { event.preventDefault(); take(text); } }, el("span", { text }), el("span", { class: "quiet", text: note }))));
    box.hidden = !options.length;
    at = -1;
    input.setAttribute("aria-expanded", String(!box.hidden));
  };
  const range = () => {
    const { start, end } = current();
    return { from: String(Math.round(start * 1000)), to: String(Math.round(end * 1000)) };
  };
  const look = async () => {
    const found = word();
    if (!found || document.activeElement !== input) return close();
    asking?.abort();
    asking = new AbortController();
    const typed = found[2];
    const pair = /^([\w@.-]+)(:|>=|<=|!=|=|>|<)(.*)$/.exec(typed);
    try {
      if (pair && !["has", "missing"].includes(pair[1])) {
        const [, name, sign, begun] = pair;
        const few = kind.words[name];
        const known = few ? few.map((value) => ({ value, count: 0 })) : (await ask(`${kind.api}/values`, { field: name, limit: "50", ...range() }, asking.signal)).data.values;
        const fits = known.filter((/** @type {{ value: string }} */ one) => one.value.toLowerCase().includes(begun.toLowerCase()) && one.value.length < 100);
        show(fits.map((/** @type {{ value: string, count: number }} */ one) => ({ text: `${name}${sign}${/^[\w.][\w.-]*$/.test(one.value) ? one.value : JSON.stringify(one.value)}`, note: one.count ? String(one.count) : "" })));
        return;
      }
      const begun = pair ? pair[3] : typed;
      if (!begun) return close();
      fields ??= (await ask(`${kind.api}/fields`, range(), asking.signal)).data.values.map((/** @type {{ value: string }} */ one) => one.value);
      const names = [...new Set([...kind.own, ...(fields ?? [])])].filter((name) => name.toLowerCase().includes(begun.toLowerCase()) && name !== begun);
      show(names.map((name) => ({ text: pair ? `${pair[1]}:${name}` : `${name}:`, note: "" })));
    } catch {
      close(); // suggestions are a help; the question can be asked without
    }
  };
  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(), WAIT_MS);
  };
  input.addEventListener("input", schedule);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (box.hidden) return;
    const options = [...box.children];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
      for (const [index, option] of options.entries()) option.setAttribute("aria-selected", String(index === at));
      input.setAttribute("aria-activedescendant", `q-option-${at}`);
      options[at].scrollIntoView({ block: "nearest" });
    } else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) {
      take(options[at].getAttribute("data-text") ?? "");
    } else if (event.key === "Escape") {
      close();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  });
}
