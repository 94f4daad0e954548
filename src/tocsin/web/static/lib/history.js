// The queries that were run in this browser.

const PLACE = "tocsin.queries";
const KEPT = 60;

/** @returns {string[]} the latest first */
export function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string") : [];
  } catch {
    return []; // damaged or forbidden storage: a history is no loss
  }
}

/** @param {string} query */
export function remember(query) {
  try {
    localStorage.setItem(PLACE, JSON.stringify([query, ...recall().filter((one) => one !== query)].slice(0, KEPT)));
  } catch {
    // Storage is full or forbidden.
  }
}
