// The page's time range: it lives in the URL, and everything on the page follows it.

const UNITS = /** @type {Record<string, number>} */ ({ s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 });

/**
 * @typedef {object} Range
 * @property {string} from as in the URL
 * @property {string} to
 * @property {number} start epoch seconds
 * @property {number} end
 */

/**
 * Epoch seconds of now-1h, 2h ("two hours ago"), today, yesterday 9:00, tomorrow 9:00, ISO or epoch.
 * @param {string} text
 * @param {number} now epoch seconds
 * @returns {number} NaN when it is not understood
 */
export function moment(text, now) {
  const words = text.trim().toLowerCase();
  let found = /^now(?:\s*([-+])\s*(\d+)([smhdwy]))?$/.exec(words);
  if (found) {
    if (!found[1]) return now;
    const span = Number(found[2]) * UNITS[found[3]];
    return found[1] === "-" ? now - span : now + span;
  }
  found = /^(\d+)\s*([smhdwy])(?:\s+ago)?$/.exec(words);
  if (found) return now - Number(found[1]) * UNITS[found[2]];
  found = /^(today|yesterday|tomorrow)?\s*(?:(\d{1,2}):(\d{2}))?$/.exec(words);
  if (found && words) {
    const day = new Date(now * 1000);
    day.setDate(day.getDate() + (found[1] === "yesterday" ? -1 : found[1] === "tomorrow" ? 1 : 0));
    day.setHours(Number(found[2] ?? 0), Number(found[3] ?? 0), 0, 0);
    return day.getTime() / 1000;
  }
  if (/^\d{9,13}(\.\d+)?$/.test(words)) {
    const number = Number(words);
    return number > 1e11 ? number / 1000 : number;
  }
  return Date.parse(text.trim().replace(" ", "T")) / 1000;
}

/** What the URL asks for, or the server's default. @returns {Range} */
export function current() {
  const query = new URLSearchParams(location.search);
  const main = document.getElementById("main");
  const now = Date.now() / 1000;
  let from = query.get("from") ?? main?.dataset.from ?? "now-1h";
  let to = query.get("to") ?? main?.dataset.to ?? "now";
  let start = moment(from, now);
  let end = moment(to, now);
  if (!(start < end)) [from, to, start, end] = ["now-1h", "now", now - 3600, now];
  return { from, to, start, end };
}

/** @param {string} from @param {string} to change the page's range without loading it again */
export function show(from, to) {
  const url = new URL(location.href);
  url.searchParams.set("from", from);
  url.searchParams.set("to", to);
  history.pushState({ zoomed: true }, "", url);
  announce();
}

/** @param {number} start @param {number} end epoch seconds */
export function zoom(start, end) {
  show(String(Math.round(start * 1000)), String(Math.round(end * 1000)));
}

/** Back to the range before the last zoom. */
export function unzoom() {
  if (history.state?.zoomed) history.back();
}

/** @param {number} direction -1 earlier, 1 later: by half of what is shown */
export function shift(direction) {
  const { start, end } = current();
  const by = ((end - start) / 2) * direction;
  const limit = Date.now() / 1000;
  const over = Math.max(0, end + by - limit);
  zoom(start + by - over, end + by - over);
}

/** Tell every part of the page that the range has changed, and keep links in step. */
export function announce() {
  const range = current();
  const words = document.getElementById("range-words");
  const quick = document.querySelectorAll("#times .quick a");
  let name = "";
  for (const link of quick) {
    const there = new URL(/** @type {HTMLAnchorElement} */ (link).href).searchParams;
    const here = there.get("from") === range.from && there.get("to") === range.to;
    if (here) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (here) name = link.textContent ?? "";
  }
  const last = /^now-(\d+)([smhdwy])$/.exec(range.from);
  if (last && range.to === "now") name ||= `Last ${last[1]} ${last[2] === "m" ? "min" : last[2]}`;
  if (words) words.textContent = name || `${readable(range.from, range.start)} → ${readable(range.to, range.end)}`;
  for (const id of ["from", "to"]) {
    const input = /** @type {HTMLInputElement | null} */ (document.getElementById(`time-${id}`));
    if (input) input.value = id === "from" ? range.from : range.to;
  }
  for (const link of document.querySelectorAll("a[data-go], .bottom a")) {
    const anchor = /** @type {HTMLAnchorElement} */ (link);
    const url = new URL(anchor.href);
    url.searchParams.set("from", range.from);
    url.searchParams.set("to", range.to);
    anchor.href = url.pathname + url.search;
  }
  document.dispatchEvent(new CustomEvent("tc:range"));
}

/** @param {string} text @param {number} epoch */
function readable(text, epoch) {
  if (text.startsWith("now")) return text;
  return new Date(epoch * 1000).toLocaleString(undefined, {
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false,
  });
}

/**
 * A step that gives about one point for three pixels, on a round number of seconds.
 * @param {number} span seconds
 * @param {number} pixels
 */
export function step(span, pixels) {
  const wanted = span / Math.max(80, Math.min(pixels / 3, 500));
  const nice = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  return nice.find((one) => one >= wanted) ?? Math.ceil(wanted / 86400) * 86400;
}
