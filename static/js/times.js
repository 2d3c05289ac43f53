// Relative times stay true while the page is open.
import { $$, setText } from "./dom.js";
import { ago } from "./words.js";

const EVERY_MS = 5000;

export function freshenTimes(root = document) {
  const now = Date.now();
  for (const time of $$("time[data-ago]", root)) setText(time, ago(Date.parse(time.dateTime), now));
}

setInterval(() => document.visibilityState === "visible" && freshenTimes(), EVERY_MS);
