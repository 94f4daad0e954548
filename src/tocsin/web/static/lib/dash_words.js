// What queries say once their variables are values: the rules of dashboard/words.py, with the page's own range.

/** @typedef {Map<string, string[]>} Values chosen values by name; `$__all` stands for every one */

export const ALL = "$__all";
const NAMED = /\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]|\$([A-Za-z_]\w*)/g;
const SCRAPED_EVERY = 15;

/** @param {string} text @returns {Set<string>} the variables that it names */
export function namedIn(text) {
  return new Set([...text.matchAll(NAMED)].map((found) => found[1] ?? found[3] ?? found[4]));
}

/** @param {number} seconds a duration as PromQL writes it */
export function promDuration(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  for (const [size, unit] of /** @type {const} */ ([[86400, "d"], [3600, "h"], [60, "m"]])) if (whole % size === 0) return `${whole / size}${unit}`;
  return `${whole}s`;
}

/** @param {{ start: number, end: number }} range @param {number} step seconds @returns {Record<string, string>} */
export function builtIn(range, step) {
  const span = Math.round(range.end - range.start);
  // As a rate needs it: a window that holds at least four samples, however fine the graph is.
  const rate = Math.max(step + SCRAPED_EVERY, 4 * SCRAPED_EVERY);
  return {
    __interval: promDuration(step), __interval_ms: String(step * 1000), __rate_interval: promDuration(rate), __rate_interval_ms: String(rate * 1000),
    __range: promDuration(span), __range_s: String(span), __range_ms: String(span * 1000),
  };
}

/** @param {string} value a regular expression within the quotes of PromQL, so each backslash stands twice */
function escaped(value) {
  return value.replace(/[\\^$.*+?()[\]{}|"]/g, (found) => (found === "\\" ? "\\\\\\\\" : found === '"' ? '\\"' : `\\\\${found}`));
}

/** @param {string} value within the quotes of PromQL; a whole matcher, such as `job="api"`, stays one */
function withinQuotes(value) {
  return /^\w+(=~?|!=|!~)".*"$/.test(value) ? value : value.replace(/\\/g, "\\\\").replace(/"/g, '\\"');
}

/** @param {string} value of a question about lines */
function quoted(value) {
  return /^[\w.-]+$/.test(value) ? value : `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
}

/**
 * @param {string[]} values
 * @param {string} form of `${name:form}`, or empty
 * @param {"promql" | "logs" | "text"} where
 */
export function formed(values, form, where) {
  const isAll = values.includes(ALL);
  if (where === "text" && !form) return isAll ? "All" : values.join(", ");
  if (where === "logs" && !form) {
    if (isAll) return "*";
    return values.length === 1 ? quoted(values[0]) : `(${values.map(quoted).join(" OR ")})`;
  }
  if (isAll) return where === "logs" && form !== "regex" ? "*" : ".*";
  if (["raw", "text", "csv"].includes(form)) return values.join(",");
  if (form === "pipe") return values.join("|");
  if (form === "quoted") return values.map((value) => `"${value}"`).join(",");
  if (values.length === 1 && form !== "regex") return where === "promql" ? withinQuotes(values[0]) : values[0];
  const each = values.map(escaped);
  return each.length === 1 ? each[0] : `(${each.join("|")})`;
}

/**
 * @param {string} text
 * @param {Values} values
 * @param {Record<string, string>} known what is known everywhere
 * @param {"promql" | "logs" | "text"} where
 */
export function filled(text, values, known = {}, where = "promql") {
  return text.replace(NAMED, (whole, braced, form, old, plain) => {
    const name = braced ?? old ?? plain;
    const chosen = values.get(name);
    if (chosen) return formed(chosen, form ?? "", where);
    return known[name] ?? whole;
  });
}

/** @param {string[]} values for the address: commas between them */
export function packed(values) {
  return values.map((value) => value.replace(/\\/g, "\\\\").replace(/,/g, "\\,")).join(",");
}

/** @param {string} text @returns {string[]} */
export function unpacked(text) {
  return (text.match(/(?:\\.|[^,\\])+/g) ?? []).map((value) => value.replace(/\\(.)/g, "$1"));
}
