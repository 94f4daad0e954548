// What a series is called and which colour it has: the same everywhere, by a hash of its labels.

const COLOURS = 12;
const BAD = /^(5\d\d|5xx|error|errors|err|failed|failure|critical|fatal|down|5..)$/i;
const GREENISH = new Set([3, 8, 10]);

/** @param {string} text @returns {number} FNV-1a, 32 bits */
function hash(text) {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}

/** @param {Record<string, string>} metric */
export function key(metric) {
  return Object.keys(metric).sort().map((name) => `${name}=${metric[name]}`).join(",");
}

/** @param {Record<string, string>} metric as PromQL writes it */
export function name(metric) {
  const { __name__: own = "", ...rest } = metric;
  const pairs = Object.keys(rest).sort().map((label) => `${label}=${JSON.stringify(rest[label])}`);
  return pairs.length ? `${own}{${pairs.join(", ")}}` : own || "value";
}

/**
 * What tells the series apart: labels that are the same in all of them are left out.
 * @param {Record<string, string>[]} metrics
 * @param {string} template like "{{job}} {{instance}}", or empty
 */
export function shortNames(metrics, template = "") {
  if (template) {
    return metrics.map((metric) => template.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label) => metric[label] ?? "") || name(metric));
  }
  if (metrics.length < 2) return metrics.map(name);
  const differs = new Set();
  const first = metrics[0];
  for (const metric of metrics) {
    for (const label of new Set([...Object.keys(metric), ...Object.keys(first)])) {
      if (metric[label] !== first[label]) differs.add(label);
    }
  }
  return metrics.map((metric) => {
    const kept = Object.fromEntries(Object.entries(metric).filter(([label]) => differs.has(label)));
    const values = Object.keys(kept);
    if (values.length === 1 && values[0] !== "__name__") return kept[values[0]];
    return values.length ? name(kept) : name(metric);
  });
}

/**
 * One custom property a series; two of the same hash take the next free colour.
 * @param {Record<string, string>[]} metrics
 * @returns {string[]} names of custom properties
 */
export function colours(metrics) {
  const taken = new Set();
  const chosen = /** @type {string[]} */ (new Array(metrics.length));
  const order = metrics.map((_, index) => index).sort((a, b) => (key(metrics[a]) < key(metrics[b]) ? -1 : 1));
  for (const index of order) {
    const metric = metrics[index];
    const bad = Object.entries(metric).some(([label, value]) => label !== "__name__" && BAD.test(value));
    if (bad && !taken.has("--c-bad")) {
      taken.add("--c-bad");
      chosen[index] = "--c-bad";
      continue;
    }
    let slot = hash(key(metric)) % COLOURS;
    for (let tries = 0; tries < COLOURS && (taken.has(slot) || (bad && GREENISH.has(slot + 1))); tries += 1) slot = (slot + 1) % COLOURS;
    taken.add(slot);
    chosen[index] = `--c${slot + 1}`;
  }
  return chosen;
}
