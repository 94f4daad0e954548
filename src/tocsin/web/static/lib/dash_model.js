// A dashboard as model/dashboards.py describes it. Files and the API leave out what has its default.

/**
 * @typedef {{ expr: string, legend: string, hidden: boolean }} PanelQuery
 * @typedef {{ at: number, tone: string, words: string }} Threshold
 * @typedef {{ title: string, url: string }} Link
 * @typedef {{ name: string, label: string, source: string, query: string, regex: string, options: string[], multi: boolean, include_all: boolean, default: string[], hidden: boolean }} Variable
 */

/**
 * @typedef {object} Panel
 * @property {number} id
 * @property {string} kind
 * @property {string} title
 * @property {string} description
 * @property {number} x
 * @property {number} y
 * @property {number} w
 * @property {number} h
 * @property {PanelQuery[]} queries
 * @property {string} style
 * @property {string} legend
 * @property {string} reduce
 * @property {boolean} spark
 * @property {string} unit
 * @property {number | null} low
 * @property {number | null} high
 * @property {Threshold[]} thresholds
 * @property {string} text
 * @property {string} question
 * @property {string[]} columns
 * @property {string} by
 * @property {number} limit
 * @property {string} matchers
 * @property {string} service
 * @property {Link[]} links
 * @property {string} repeat
 * @property {boolean} collapsed
 */

/**
 * @typedef {object} Dashboard
 * @property {string} title
 * @property {string} description
 * @property {string[]} tags
 * @property {string} from
 * @property {string} to
 * @property {string} refresh
 * @property {Variable[]} variables
 * @property {Panel[]} panels
 * @property {{ deploys: boolean, incidents: boolean }} annotations
 * @property {Link[]} links
 */

export const COLUMNS = 24;
export const LETTERS = "abcdefgh";

/** What each kind is called, and how large a new one is. @type {Record<string, [string, number, number]>} */
export const KINDS = {
  graph: ["Graph", 12, 8], stat: ["Number", 6, 5], gauge: ["Gauge", 6, 6], bars: ["Bar list", 8, 8], table: ["Table", 12, 8], heatmap: ["Heatmap", 12, 8],
  text: ["Text", 8, 5], logs: ["Log lines", 24, 10], log_counts: ["Log counts", 12, 8], alerts: ["Alerts", 12, 8], traces: ["Traces: rate, errors, duration", 12, 8], row: ["Row", 24, 1],
};
export const ASKS = new Set(["graph", "stat", "gauge", "bars", "table", "heatmap"]);
export const TONES = ["ok", "info", "warning", "critical", "unknown"];
export const UNITS = ["", "seconds", "ms", "bytes", "bytes/s", "ratio", "percent", "/s", "req/s", "count"];

/** @param {Partial<Panel> & { id: number, kind: string }} given @returns {Panel} */
export function panelOf(given) {
  const full = {
    title: "", description: "", x: 0, y: 0, w: 12, h: 8, style: "line", legend: "list", reduce: "last", spark: true, unit: "", low: null, high: null, thresholds: [], text: "",
    question: "", columns: [], by: "level", limit: 100, matchers: "", service: "", links: [], repeat: "", collapsed: false, ...given,
  };
  const thresholds = full.thresholds.map((one) => ({ ...one, words: one.words ?? "" }));
  return { ...full, thresholds, queries: (given.queries ?? []).map((one) => ({ ...one, legend: one.legend ?? "", hidden: one.hidden ?? false })) };
}

/** @param {any} given as the server wrote it @returns {Dashboard} */
export function dashboardOf(given) {
  const full = { description: "", tags: [], from: "now-1h", to: "now", refresh: "", links: [], ...given };
  return {
    ...full,
    variables: (given.variables ?? []).map((/** @type {any} */ one) => ({ label: "", source: "list", query: "", regex: "", options: [], multi: false, include_all: false, default: [], hidden: false, ...one })),
    panels: (given.panels ?? []).map(panelOf),
    annotations: { deploys: true, incidents: true, ...given.annotations },
  };
}

/** @param {Threshold[]} thresholds @param {number | null | undefined} value @returns {string} the tone of a value, empty when none holds */
export function toneOf(thresholds, value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  let found = "";
  for (const { at, tone } of [...thresholds].sort((a, b) => a.at - b.at)) if (value >= at) found = tone;
  return found;
}

/** @param {number[]} values finite ones @param {string} how */
export function reduced(values, how) {
  if (!values.length) return NaN;
  if (how === "min") return Math.min(...values);
  if (how === "max") return Math.max(...values);
  const sum = values.reduce((all, one) => all + one, 0);
  if (how === "sum") return sum;
  if (how === "mean") return sum / values.length;
  return values[values.length - 1];
}
