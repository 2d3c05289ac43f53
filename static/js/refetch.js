// Parts of a page that follow live topics by asking the server again: data-refetch, data-topics="jobs hosts", data-wait="ms".
import { $$ } from "./dom.js";
import { live } from "./live.js";

const WAIT_MS = 150;
const waiting = new WeakMap(); // element -> timer

export function refetchSoon(element) {
  const part = element?.closest("[data-refetch]");
  if (!part || waiting.has(part)) return;
  const wait = Number(part.dataset.wait ?? WAIT_MS);
  waiting.set(part, setTimeout(() => refetch(part), wait));
}

async function refetch(part) {
  // Not while somebody types or chooses inside it: their work would be lost.
  const focused = document.activeElement;
  const isBusy = part.contains(focused) && focused.matches("input:not([type=checkbox]):not([type=search]), textarea, select");
  if (isBusy || document.visibilityState !== "visible") {
    waiting.set(part, setTimeout(() => refetch(part), 1000));
    return;
  }
  waiting.delete(part);
  const at = part.contains(focused) && focused.id ? [focused.id, focused.selectionStart ?? null] : null;
  await window.htmx.ajax("GET", part.dataset.refetch || location.href, { target: part, swap: "innerHTML" });
  if (at && document.activeElement === document.body) {
    const again = document.getElementById(at[0]);
    again?.focus();
    if (at[1] !== null) again?.setSelectionRange?.(at[1], at[1]);
  }
}

for (const part of $$("[data-topics]")) {
  let isFirst = true;
  for (const topic of part.dataset.topics.split(" ")) {
    live.subscribe(topic, {
      // The page was just made; only a snapshot after a break brings news.
      snapshot: () => (isFirst ? (isFirst = false) : refetchSoon(part)),
      changed: () => refetchSoon(part),
      removed: () => refetchSoon(part),
    });
  }
}
