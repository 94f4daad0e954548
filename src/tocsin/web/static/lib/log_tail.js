// A live tail: lines as they come, at the top; it can be paused, and tells what it missed.

import { el } from "./dom.js";
import { row } from "./log_rows.js";

const SHOWN = 1000;
const HELD = 5000;
const DRAW_MS = 250;
const CATCH_UP_MS = 300_000;
const REMEMBERED = 10_000;

/** @typedef {import("./log_rows.js").Line} Line */

/** From the newest line on that is shown, so that none is missing between; not more than minutes. @param {HTMLElement} lines */
function since(lines) {
  const newest = lines.querySelector("[data-line]")?.getAttribute("data-line")?.split("-")[0];
  const fresh = newest && Date.now() - Number(newest) / 1e6 < CATCH_UP_MS;
  return fresh ? String(BigInt(newest) + 1n) : "now-10s";
}

export class Tail {
  /**
   * @param {{ question: string, words: string[], columns: string[], lines: HTMLElement, bar: HTMLElement, ended: () => void }} given
   */
  constructor(given) {
    this.given = given;
    /** @type {Line[]} */
    this.waiting = [];
    /** @type {Set<string>} the newest lines' ids, as a connection that begins again tells some twice */
    this.known = new Set();
    this.lost = 0;
    this.came = 0;
    this.paused = false;
    this.chunk = el("ol", { class: "chunk live" });
    given.lines.prepend(this.chunk);
    const query = new URLSearchParams({ q: given.question, since: since(given.lines) });
    this.source = new EventSource(`/api/logs/tail?${query}`);
    this.source.addEventListener("line", (event) => this.take(JSON.parse(/** @type {MessageEvent} */ (event).data)));
    this.source.addEventListener("lost", (event) => { this.lost += JSON.parse(/** @type {MessageEvent} */ (event).data).lines ?? 0; });
    this.source.addEventListener("open", () => { this.trouble = ""; this.tell(); });
    this.source.addEventListener("ended", () => { this.over("Your login is over; sign in again to follow lines."); });
    this.source.addEventListener("error", () => { this.broken(); });
    this.timer = setInterval(() => this.draw(), DRAW_MS);
    this.trouble = "";
    this.count = el("span", { role: "status" });
    this.pauseButton = el("button", { class: "button small", type: "button", text: "Pause", onclick: () => this.pause(!this.paused) });
    given.bar.replaceChildren(el("b", { text: "Live" }), this.count, el("span", { class: "push row tight" }, this.pauseButton, el("button", { class: "button small", type: "button", text: "Stop", onclick: () => given.ended() })));
    given.bar.hidden = false;
    this.tell();
  }

  /** A browser connects again by itself, but not after an answer that says no. */
  broken() {
    if (this.source.readyState === EventSource.CLOSED) this.over("Tocsin refuses to show lines as they come; your login may be over, or too many follow. Stop, and start again.");
    else {
      this.trouble = "Not connected; trying again.";
      this.tell();
    }
  }

  /** @param {string} words */
  over(words) {
    this.source.close();
    this.trouble = words;
    this.tell();
  }

  /** @param {Line} line */
  take(line) {
    if (this.known.has(line.id)) return;
    this.known.add(line.id);
    if (this.known.size > REMEMBERED) this.known.delete(String(this.known.values().next().value));
    this.came += 1;
    this.waiting.push(line);
    if (this.waiting.length > HELD) {
      this.lost += this.waiting.length - HELD;
      this.waiting.splice(0, this.waiting.length - HELD);
    }
  }

  /** @param {boolean} paused */
  pause(paused) {
    this.paused = paused;
    this.pauseButton.textContent = paused ? "Catch up" : "Pause";
    this.draw();
  }

  draw() {
    if (!this.paused && this.waiting.length) {
      const { words, columns } = this.given;
      const fresh = this.waiting.splice(0).slice(-SHOWN).reverse().map((line) => row(line, words, columns));
      this.chunk.prepend(...fresh);
      while (this.chunk.childElementCount > SHOWN) this.chunk.lastElementChild?.remove();
    }
    this.tell();
  }

  tell() {
    const held = this.paused ? `${this.waiting.length} new, held back. ` : `${this.came} since you began. `;
    const lost = this.lost ? `${this.lost} were lost: they came faster than they could be shown; search finds them. ` : "";
    const words = this.trouble || held + lost;
    if (this.count.textContent !== words) this.count.textContent = words;
  }

  stop() {
    this.source.close();
    clearInterval(this.timer);
    this.given.bar.hidden = true;
  }
}
