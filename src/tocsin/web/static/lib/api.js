// Questions to our own API, and its errors as they are.

/**
 * @typedef {{ metric: Record<string, string>, values?: [number, string][], value?: [number, string] }} Result
 * @typedef {{ resultType: string, result: Result[], explain?: unknown, stats?: unknown }} Answer
 */

/** An answer that was refused: `kind` is the API's errorType. */
export class Refused extends Error {
  /** @param {string} message @param {string} kind @param {number} status */
  constructor(message, kind, status) {
    super(message);
    this.kind = kind;
    this.status = status;
  }
}

/** The token that posts of this page carry. */
export function csrf() {
  return document.querySelector('meta[name="csrf"]')?.getAttribute("content") ?? "";
}

/**
 * @param {string} path
 * @param {Record<string, string> | string[][]} parameters
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ data: any, warnings: string[] }>}
 */
export async function ask(path, parameters, signal) {
  let response;
  try {
    response = await fetch(`${path}?${new URLSearchParams(parameters)}`, {
      signal, headers: { Accept: "application/json" }, credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused("Tocsin does not answer. Is it running, and is the network there?", "unreachable", 0);
  }
  if (response.status === 401) throw new Refused("The session has ended. Load the page again to sign in.", "unauthorized", 401);
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Refused(`${path} answered ${response.status} with something that is not JSON.`, "bad_response", response.status);
  }
  if (body.status !== undefined && body.status !== "success") throw new Refused(body.error ?? text, body.errorType ?? "", response.status);
  return { data: body.data ?? body, warnings: [...(body.warnings ?? []), ...(body.infos ?? [])] };
}

/**
 * @param {string} query
 * @param {number} start epoch seconds
 * @param {number} end
 * @param {number} step seconds
 * @param {AbortSignal} [signal]
 * @param {Record<string, string>} [more]
 */
export function queryRange(query, start, end, step, signal, more = {}) {
  const from = Math.floor(start / step) * step;
  const to = Math.ceil(end / step) * step;
  return ask("/api/v1/query_range", { query, start: String(from), end: String(to), step: String(step), ...more }, signal);
}
