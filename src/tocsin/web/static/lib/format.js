// Numbers, sizes and durations for people: the same words as web/pages/filters.py.

const SI = /** @type {const} */ ([[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]);
const BINARY = /** @type {const} */ ([[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]);
const SPANS = /** @type {const} */ ([[31536000, "y"], [604800, "w"], [86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]);

/** @param {number} value */
function digits(value) {
  const size = Math.abs(value);
  const text = size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** @param {number | null | undefined} value */
export function si(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "+∞" : "−∞";
  for (const [step, name] of SI) {
    if (Math.abs(value) >= step * 0.9995) return `${digits(value / step)} ${name}`;
  }
  if (value !== 0 && Math.abs(value) < 0.01) return value.toPrecision(2).replace(/\.?0+$/, "");
  return digits(value);
}

/** @param {number} value */
export function bytes(value) {
  for (const [step, name] of BINARY) {
    if (Math.abs(value) >= step) return `${digits(value / step)} ${name}`;
  }
  return `${digits(value)} B`;
}

/** @param {number} seconds @returns {string} */
export function duration(seconds) {
  if (seconds < 0) return `−${duration(-seconds)}`;
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return `${digits(seconds * 1e6)} µs`;
  if (seconds < 1) return `${digits(seconds * 1e3)} ms`;
  if (seconds < 60) return `${digits(seconds)} s`;
  for (let index = 0; index < SPANS.length - 1; index += 1) {
    const [step, name] = SPANS[index];
    if (seconds < step) continue;
    const [lower, lowerName] = SPANS[index + 1];
    const whole = Math.floor(seconds / step);
    const part = Math.floor((seconds - whole * step) / lower);
    return part ? `${whole} ${name} ${part} ${lowerName}` : `${whole} ${name}`;
  }
  return `${digits(seconds)} s`;
}

/** @param {number} ratio */
export function percent(ratio) {
  const share = ratio * 100;
  if (share > 99 && share < 100) return `${(Math.floor(share * 100) / 100).toFixed(2)} %`;
  return `${digits(share)} %`;
}

/**
 * The words of an axis: as many digits as it takes to tell its ticks apart.
 * @param {(number | null)[]} ticks
 * @param {string} unit as withUnit takes it
 */
export function tickWords(ticks, unit) {
  const words = ticks.map((tick) => withUnit(tick, unit));
  const shown = words.filter((_, index) => ticks[index] !== null);
  if (new Set(shown).size === shown.length) return words;
  const scale = unit === "ratio" ? 100 : 1;
  const tail = unit === "ratio" || unit === "percent" ? " %" : unit === "seconds" ? " s" : unit === "bytes" ? " B" : unit === "" || unit === "count" ? "" : ` ${unit}`;
  for (let places = 1; places <= 9; places += 1) {
    const finer = ticks.map((tick) => (tick === null ? "" : `${(tick * scale).toFixed(places)}${tail}`));
    if (new Set(finer.filter(Boolean)).size === shown.length) return finer;
  }
  return words;
}

/**
 * @param {number | null | undefined} value
 * @param {string} unit bytes, bytes/s, seconds, ms, ratio, percent (of 100), or a word put behind the number
 */
export function withUnit(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return si(value);
  switch (unit) {
    case "bytes": return bytes(value);
    case "bytes/s": return `${bytes(value)}/s`;
    case "seconds": return duration(value);
    case "ratio": return percent(value);
    case "percent": return percent(value / 100);
    case "ms": return duration(value / 1000);
    case "": case "count": return si(value);
    default: return unit.startsWith("/") ? `${si(value)}${unit}` : `${si(value)} ${unit}`;
  }
}

/**
 * The natural unit of a query, by the endings that the naming conventions give metrics.
 * @param {string} query
 * @returns {string} empty when it has none or cannot be told
 */
export function guessUnit(query) {
  if (/^\s*(count|count_values|group|absent)\b/.test(query)) return "";
  const of = /_bytes/.test(query) ? "bytes" : /_seconds/.test(query) && !/_timestamp_seconds/.test(query) ? "seconds" : "";
  if (/histogram_quantile/.test(query)) return of;
  if (/[)\]}\w]\s*\/\s*[\w({]/.test(query.replace(/"[^"]*"/g, ""))) return "";
  if (/_ratio\b/.test(query)) return "ratio";
  const counted = /_(bucket|count)\b/.test(query);
  if (/\b(rate|irate|deriv)\s*\(/.test(query)) {
    if (counted || !of) return "/s";
    return of === "bytes" ? "bytes/s" : ""; // seconds a second are a share of time
  }
  return counted ? "" : of;
}

/**
 * Steps between axis labels, in the unit's natural steps.
 * @param {string} unit
 * @returns {number[] | undefined} undefined: decimal steps
 */
export function naturalSteps(unit) {
  if (unit.startsWith("bytes")) {
    const steps = [];
    for (let power = -1; power < 61; power += 1) steps.push(2 ** power);
    return steps;
  }
  if (unit === "seconds") {
    const steps = [];
    for (let power = -9; power < 1; power += 1) for (const step of [1, 2, 5]) steps.push(step * 10 ** power);
    return [...steps.filter((step) => step < 10), 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 2592000, 31536000];
  }
  return undefined;
}

/** @param {number} epoch seconds */
export function absolute(epoch) {
  return new Date(epoch * 1000).toLocaleString(undefined, {
    year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hour12: false, timeZoneName: "short",
  });
}

/** @param {number} epoch @param {number} now both in seconds */
export function ago(epoch, now) {
  const gap = now - epoch;
  if (Math.abs(gap) < 1) return "just now";
  const words = duration(Math.floor(Math.abs(gap))).split(" ").slice(0, 2).join(" ");
  return gap > 0 ? `${words} ago` : `in ${words}`;
}
