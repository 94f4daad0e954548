// Make one part of the page like another, and touch nothing that is the same: focus, scroll,
// open details and drawn charts stay.

/** @param {Element} there @param {Element} wanted of the same tag; becomes no part of the page */
export function morph(there, wanted) {
  if (there.isEqualNode(wanted)) return;
  copyAttributes(there, wanted);
  if (there.tagName === "TC-CHART" || there.tagName === "TC-CODE") return; // they draw themselves
  if (there.matches("input, textarea, select") && there === document.activeElement) return;
  mergeChildren(there, wanted);
}

/** @param {Element} there @param {Element} wanted */
function copyAttributes(there, wanted) {
  const own = new Set(["open", "hidden", ...(there.tagName === "TC-CHART" ? ["class"] : [])]);
  for (const { name } of [...there.attributes]) if (!wanted.hasAttribute(name) && !own.has(name)) there.removeAttribute(name);
  for (const { name, value } of [...wanted.attributes]) if (there.getAttribute(name) !== value && !own.has(name)) there.setAttribute(name, value);
}

/** @param {Element} there @param {Element} wanted */
function mergeChildren(there, wanted) {
  const kept = new Map([...there.children].filter((one) => one.id).map((one) => [one.id, one]));
  let next = there.firstChild;
  for (const fresh of [...wanted.childNodes]) {
    const same = fresh instanceof Element && fresh.id ? kept.get(fresh.id) : undefined;
    const here = same ?? (alike(next, fresh) ? next : null);
    if (!here) {
      there.insertBefore(document.importNode(fresh, true), next);
      continue;
    }
    if (here === next) next = here.nextSibling;
    else there.insertBefore(here, next);
    if (here instanceof Element && fresh instanceof Element && here.tagName === fresh.tagName) morph(here, fresh);
    else if (here.nodeValue !== fresh.nodeValue) here.nodeValue = fresh.nodeValue;
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/** @param {Node | null} here @param {Node} fresh */
function alike(here, fresh) {
  if (!here || here.nodeType !== fresh.nodeType) return false;
  if (!(here instanceof Element) || !(fresh instanceof Element)) return true;
  return here.tagName === fresh.tagName && !here.id && !fresh.id;
}
