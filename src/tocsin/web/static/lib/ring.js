// A page aloud: three rising tones, thrice when it is urgent.

import { toast } from "./dom.js";

const TONES = [660, 880, 1100];
const SECONDS = 0.18;

/** @param {{ urgency?: string, title?: string }} page */
export function ring(page) {
  toast(page.title ?? "Tocsin pages you", "critical");
  const times = page.urgency === "low" ? 1 : 3;
  const audio = new AudioContext();
  let at = audio.currentTime + 0.05;
  for (let turn = 0; turn < times; turn += 1) {
    for (const tone of TONES) {
      sound(audio, tone, at);
      at += SECONDS;
    }
    at += SECONDS * 2;
  }
  setTimeout(() => void audio.close(), (at - audio.currentTime + 0.5) * 1000);
}

/** @param {AudioContext} audio @param {number} tone @param {number} at */
function sound(audio, tone, at) {
  const source = audio.createOscillator();
  const level = audio.createGain();
  source.frequency.value = tone;
  level.gain.setValueAtTime(0.0001, at);
  level.gain.exponentialRampToValueAtTime(0.4, at + 0.02);
  level.gain.exponentialRampToValueAtTime(0.0001, at + SECONDS);
  source.connect(level).connect(audio.destination);
  source.start(at);
  source.stop(at + SECONDS);
}
