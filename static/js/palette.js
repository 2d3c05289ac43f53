// The command palette: Ctrl-K, type, arrows, Enter. The server finds; this moves the choice.
import { $, $$, on } from "./dom.js";

const WAIT_MS = 90;
const dialog = $("#palette");
const input = $("#palette-input");
const list = $("#palette-list");
let timer = 0;
let asked = 0;

export function openPalette() {
  if (dialog.open) return dialog.close();
  input.value = "";
  dialog.showModal();
  find();
}

async function find() {
  const mine = ++asked;
  const response = await fetch(`/palette/?q=${encodeURIComponent(input.value)}`, { headers: { "HX-Request": "true" } });
  if (mine !== asked || !response.ok) return;
  list.innerHTML = await response.text();
  choose(0);
}

function choose(position) {
  const options = $$("[role=option]", list);
  const wanted = options.at(options.length ? position % options.length : 0);
  for (const option of options) option.setAttribute("aria-selected", String(option === wanted));
  wanted?.scrollIntoView({ block: "nearest" });
  if (wanted) input.setAttribute("aria-activedescendant", wanted.id);
  else input.removeAttribute("aria-activedescendant");
}

const chosen = () => $$("[role=option]", list).findIndex((option) => option.getAttribute("aria-selected") === "true");

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(find, WAIT_MS);
});
input.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") choose(chosen() + 1);
  else if (event.key === "ArrowUp") choose(chosen() - 1);
  else if (event.key === "Enter") $$("[role=option]", list)[chosen()]?.click();
  else return;
  event.preventDefault();
});
on("click", "[data-palette-open]", openPalette);
on("click", "#palette-list a", (event, option) => {
  dialog.close();
  // A button of the page, or a power action, which its own module takes; other options are plain links.
  if (option.dataset.click || option.dataset.verb) event.preventDefault();
  if (option.dataset.click) $(option.dataset.click)?.click();
});
