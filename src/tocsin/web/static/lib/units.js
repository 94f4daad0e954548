// The unit of a query: by the names in it, else by what its metric says of itself.

import { ask, Refused } from "./api.js";
import { guessUnit } from "./format.js";

const WORDS = /** @type {Record<string, string>} */ ({ second: "seconds", seconds: "seconds", s: "seconds", byte: "bytes", bytes: "bytes", By: "bytes", ratio: "ratio", 1: "" });
const NOT_METRICS = /^(by|without|on|ignoring|group_left|group_right|and|or|unless|bool|offset|atan2|inf|nan|start|end)$/i;
const known = /** @type {Map<string, Promise<string>>} */ (new Map());

/**
 * The metrics that a query names, roughly: names that are neither called nor keywords.
 * @param {string} query
 */
export function metricsOf(query) {
  const plain = query.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g, '""').replace(/\{[^}]*\}|\[[^\]]*\]/g, " ")
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ");
  return [...new Set([...plain.matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)].map(([name]) => name).filter((name) => !NOT_METRICS.test(name) && !new RegExp(`\\b${name}\\s*\\(`).test(plain)))];
}

/** @param {string} query @returns {Promise<string>} */
export async function unitOf(query) {
  const guessed = guessUnit(query);
  if (guessed) return guessed;
  const [metric, ...others] = metricsOf(query);
  if (!metric || others.length) return "";
  let asked = known.get(metric);
  if (!asked) {
    asked = declared(metric);
    known.set(metric, asked);
  }
  const unit = await asked;
  return unit && !metric.includes(unit) ? guessUnit(query.replaceAll(new RegExp(`\\b${metric}\\b`, "g"), named(metric, unit))) : "";
}

/** @param {string} metric @param {string} unit the name as the conventions would have it */
function named(metric, unit) {
  const [, stem, ending] = /^(.*?)(_total|_bucket|_count|_sum)?$/.exec(metric) ?? ["", metric, ""];
  return `${stem}_${unit}${ending ?? ""}`;
}

/** @param {string} metric @returns {Promise<string>} */
async function declared(metric) {
  const family = metric.replace(/_(bucket|count|sum|total)$/, "");
  try {
    for (const name of new Set([metric, family])) {
      const { data } = await ask("/api/v1/metadata", { metric: name });
      const about = data[name]?.[0];
      if (about) return WORDS[about.unit] ?? /\bin (seconds|bytes)\b/i.exec(about.help)?.[1].toLowerCase() ?? "";
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  return "";
}
