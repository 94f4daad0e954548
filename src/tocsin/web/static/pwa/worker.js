// The service worker: rings when a page comes, and answers it from the notification itself, with the
// page's own signed address, so that it works when nobody is signed in any more.

const ACTIONS = { "page.acknowledge": "Acknowledge", "page.escalate": "Escalate" };
const ICON = "/static/pwa/icon-192.png";
const BADGE = "/static/pwa/badge-96.png";
const PATIENCE_MS = 20_000;
const URGENT = [400, 150, 400, 150, 400, 150, 800];

self.addEventListener("install", () => void self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** A browser that must show something shows something, whatever came. */
function readable(data) {
  try {
    return data?.json() ?? {};
  } catch {
    return { body: data?.text() ?? "" };
  }
}

self.addEventListener("push", (event) => event.waitUntil(ring(readable(event.data))));

async function ring(page) {
  const isUrgent = page.urgency !== "low";
  const answers = page.answers ?? {};
  await self.registration.showNotification(page.title || "Tocsin pages you", {
    body: page.body ?? "",
    tag: page.tag || "tocsin",
    renotify: true,
    requireInteraction: isUrgent,
    silent: false,
    vibrate: isUrgent ? URGENT : [200],
    timestamp: page.at || Date.now(),
    icon: ICON,
    badge: BADGE,
    data: { path: page.path || "/", answers },
    actions: Object.keys(answers).map((action) => ({ action, title: ACTIONS[action] ?? action })),
  });
  for (const client of await self.clients.matchAll({ type: "window" })) {
    client.postMessage({ kind: "page", urgency: page.urgency, title: page.title });
  }
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { path, answers } = event.notification.data ?? {};
  const answer = answers?.[event.action];
  event.waitUntil(answer ? reply(answer, event.notification) : show(path || "/"));
});

/** Say what came of it where the person looks: in another notification of the same tag. */
async function reply(address, notification) {
  let words;
  try {
    const response = await fetch(address, { method: "POST", headers: { Accept: "application/json" }, credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS) });
    const said = await response.json();
    words = said.done ?? said.problem ?? `Tocsin answered ${response.status}.`;
    if (response.ok) {
      await self.registration.showNotification(notification.title, { body: words, tag: notification.tag, silent: true, icon: ICON, badge: BADGE, data: { path: notification.data.path } });
      return;
    }
  } catch {
    words = "Tocsin did not answer: this page is NOT acknowledged. Touch to open it.";
  }
  await self.registration.showNotification(notification.title, {
    body: words, tag: notification.tag, renotify: true, requireInteraction: true, icon: ICON, badge: BADGE, data: notification.data,
    actions: Object.keys(notification.data.answers ?? {}).map((action) => ({ action, title: ACTIONS[action] ?? action })),
  });
}

async function show(path) {
  const address = new URL(path, self.location.origin).href;
  for (const client of await self.clients.matchAll({ type: "window", includeUncontrolled: true })) {
    if (client.url === address) return client.focus();
  }
  return self.clients.openWindow(address);
}

// A browser that renews its subscription by itself must not fall silent.
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event.oldSubscription)));

async function renew(old) {
  if (!old) return;
  const made = await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: old.options.applicationServerKey });
  await fetch("/api/push/renew", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ old: old.endpoint, subscription: made.toJSON() }),
  });
}
