// Lines that say where a value begins to be bad, and ticks that say when something happened.

import { tone } from "./dom.js";

/**
 * @typedef {{ at: number, state: string, words: string }} Threshold
 * @typedef {{ at: number, words: string }} Note
 */

/** @param {string} text like "0.5 warning slow; 1 critical too slow" @returns {Threshold[]} */
export function thresholdsOf(text) {
  return text.split(";").flatMap((part) => {
    const found = /^\s*(\S+)\s+(\S+)\s*(.*?)\s*$/.exec(part);
    return found && Number.isFinite(Number(found[1])) ? [{ at: Number(found[1]), state: found[2], words: found[3] }] : [];
  });
}

/** @param {string} text like "1700000000 fired; 1700000300 over" @returns {Note[]} */
export function notesOf(text) {
  return text.split(";").flatMap((part) => {
    const found = /^\s*(\d+(?:\.\d+)?)\s+(.+?)\s*$/.exec(part);
    return found ? [{ at: Number(found[1]), words: found[2] }] : [];
  });
}

/** @param {import("uplot")} plot @param {Threshold[]} thresholds */
export function drawThresholds(plot, thresholds) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.font = `${11 * ratio}px ${tone("--face")}`;
  ctx.textAlign = "right";
  ctx.lineWidth = ratio;
  ctx.setLineDash([6 * ratio, 4 * ratio]);
  for (const { at, state, words } of thresholds) {
    const y = plot.valToPos(at, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = tone(`--${state}`);
    ctx.fillStyle = tone(`--${state}-text`);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(words, bbox.left + bbox.width - 4 * ratio, y - 4 * ratio);
  }
  ctx.restore();
}

/** @param {import("uplot")} plot @param {Note[]} notes */
export function drawNotes(plot, notes) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.strokeStyle = tone("--dim");
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  for (const note of notes) {
    const x = plot.valToPos(note.at, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}
