// Keys: Ctrl-K anywhere; the single letters only where nothing is being typed.
import { $ } from "./dom.js";
import { openPalette } from "./palette.js";
import { switchTheme } from "./theme.js";

const GO = { o: "/", v: "/guests/", h: "/hosts/", i: "/images/", j: "/jobs/" };
const AFTER_G_MS = 1200;
let goUntil = 0;

const isTyping = (target) => target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select"));

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || $("dialog[open]")) return;
  const key = event.key.toLowerCase();
  if (Date.now() < goUntil && GO[key]) {
    goUntil = 0;
    return location.assign(GO[key]);
  }
  const acts = {
    g: () => (goUntil = Date.now() + AFTER_G_MS),
    "/": () => $("#search") ? $("#search").focus() : openPalette(),
    "?": () => $("#shortcuts").showModal(),
    c: () => location.assign("/guests/new/"),
    t: switchTheme,
  };
  if (!acts[key]) return;
  event.preventDefault();
  acts[key]();
});

document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-shortcuts-open]")) $("#shortcuts").showModal();
});
