import { csrf } from "../lib/api.js";

/** The installer that the browser offers, once it does. @type {any} */
let offered = null;
window.addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offered = event;
  document.querySelectorAll("tc-push [data-install]").forEach((button) => button.removeAttribute("hidden"));
});

/** Lets this browser ring: `<tc-push key="…" person="…">` around its buttons. */
class TcPush extends HTMLElement {
  connectedCallback() {
    this.button("[data-ring]")?.addEventListener("click", () => void this.ring());
    this.button("[data-install]")?.addEventListener("click", () => void offered?.prompt());
    if (offered) this.button("[data-install]")?.removeAttribute("hidden");
    void this.look();
  }

  /** @param {string} selector @returns {HTMLButtonElement | null} */
  button(selector) {
    return this.querySelector(selector);
  }

  /** @param {string} words */
  say(words) {
    const at = this.querySelector("[data-said]");
    if (at) at.textContent = words;
  }

  async look() {
    if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
      this.say(window.isSecureContext ? "This browser cannot be rung." : "Browsers ring only over https: open Tocsin by its https address.");
      return;
    }
    const registration = await navigator.serviceWorker.getRegistration("/");
    const subscription = await registration?.pushManager.getSubscription();
    const ring = this.button("[data-ring]");
    if (ring) {
      ring.hidden = false;
      ring.textContent = subscription ? "Ring this browser (again)" : "Ring this browser";
    }
    if (Notification.permission === "denied") this.say("You have forbidden notifications of this site: allow them in the browser's settings first.");
  }

  async ring() {
    const ring = this.button("[data-ring]");
    if (ring) ring.disabled = true;
    try {
      this.say("Asking the browser …");
      if ((await Notification.requestPermission()) !== "granted") {
        this.say("The browser was not allowed to show notifications.");
        return;
      }
      const registration = await navigator.serviceWorker.register("/sw.js", { scope: "/" });
      await navigator.serviceWorker.ready;
      const key = bytes(this.getAttribute("key") ?? "");
      const old = await registration.pushManager.getSubscription();
      if (old && !same(old.options.applicationServerKey, key)) await old.unsubscribe();
      const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
      await this.keep(made);
      location.reload();
    } catch (error) {
      this.say(`It did not work: ${error instanceof Error ? error.message : error}`);
    } finally {
      if (ring) ring.disabled = false;
    }
  }

  /** @param {PushSubscription} made */
  async keep(made) {
    const body = JSON.stringify({ ...made.toJSON(), expirationTime: undefined, name: named(), person: this.getAttribute("person") ?? "" });
    const answer = await fetch("/api/me/devices", { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf() }, body });
    if (!answer.ok) throw new Error((await answer.json()).error ?? `Tocsin answered ${answer.status}`);
  }
}

/** "Firefox on Android", as far as the browser tells. */
function named() {
  const agent = navigator.userAgent;
  const browser = [["Edg", "Edge"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]].find(([part]) => agent.includes(part))?.[1] ?? "Browser";
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac", "Mac"], ["Linux", "Linux"]].find(([part]) => agent.includes(part))?.[1];
  return system ? `${browser} on ${system}` : browser;
}

/** @param {string} text base64url */
function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

/** @param {ArrayBuffer | null} one @param {Uint8Array} other */
function same(one, other) {
  const left = new Uint8Array(one ?? new ArrayBuffer(0));
  return left.length === other.length && left.every((byte, index) => byte === other[index]);
}

customElements.define("tc-push", TcPush);
