// Query answers as the columns that a chart draws.

import { colours, key, name, shortNames } from "./series.js";

/** As many series are drawn; the rest is counted. */
export const DRAWN = 50;

/**
 * @typedef {object} Line
 * @property {string} key
 * @property {string} name all labels
 * @property {string} short what tells it apart
 * @property {string} colour name of a custom property
 * @property {Record<string, string>} metric
 * @property {(number | null)[]} values one for each time; null is a gap
 * @property {{ last: number, min: number, avg: number, max: number }} stats NaN where there is none
 */

/**
 * @typedef {object} Frame
 * @property {number[]} times epoch seconds
 * @property {Line[]} lines at most DRAWN
 * @property {number} rest how many series are not drawn
 */

/**
 * @param {import("./api.js").Result[]} results
 * @param {number} start
 * @param {number} end
 * @param {number} step
 * @param {string} [template] of the legend
 * @returns {Frame}
 */
export function frame(results, start, end, step, template = "") {
  const from = Math.floor(start / step) * step;
  const count = Math.max(1, Math.floor((Math.ceil(end / step) * step - from) / step) + 1);
  const times = Array.from({ length: count }, (_, index) => from + index * step);
  const drawn = results.length > DRAWN ? largest(results) : results;
  const metrics = drawn.map((result) => result.metric);
  const short = shortNames(metrics, template);
  const chosen = colours(metrics);
  const lines = drawn.map((result, index) => {
    const values = /** @type {(number | null)[]} */ (new Array(count).fill(null));
    for (const [at, text] of result.values ?? []) {
      const value = Number(text);
      const slot = Math.round((at - from) / step);
      if (slot >= 0 && slot < count && Number.isFinite(value)) values[slot] = value;
    }
    return { key: key(result.metric), name: name(result.metric), short: short[index], colour: chosen[index], metric: result.metric, values, stats: stats(values) };
  });
  return { times, lines, rest: results.length - drawn.length };
}

/** @param {import("./api.js").Result[]} results */
function largest(results) {
  const peak = (/** @type {import("./api.js").Result} */ result) => Math.max(...(result.values ?? []).map(([, text]) => Math.abs(Number(text)) || 0));
  return results.map((result) => ({ result, peak: peak(result) })).sort((a, b) => b.peak - a.peak).slice(0, DRAWN).map(({ result }) => result);
}

/** @param {(number | null)[]} values */
function stats(values) {
  let [min, max, sum, count, last] = [Infinity, -Infinity, 0, 0, NaN];
  for (const value of values) {
    if (value === null) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    count += 1;
    last = value;
  }
  return count ? { last, min, avg: sum / count, max } : { last: NaN, min: NaN, avg: NaN, max: NaN };
}

/**
 * Each line on top of those before it; a gap counts as nothing.
 * @param {Line[]} lines
 * @returns {(number | null)[][]}
 */
export function stack(lines) {
  const total = /** @type {number[]} */ (new Array(lines[0]?.values.length ?? 0).fill(0));
  return lines.map((line) => line.values.map((value, index) => {
    if (value === null) return lines.some((other) => other.values[index] !== null) ? total[index] : null;
    total[index] += value;
    return total[index];
  }));
}
