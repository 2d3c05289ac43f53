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
on("click", "#palette-list [data-click]", (event, option) => {
  event.preventDefault();
  dialog.close();
  $(option.dataset.click)?.click();
});
// A power action: its own module takes the click; this only steps aside.
on("click", "#palette-list [data-verb]", (event) => {
  event.preventDefault();
  dialog.close();
});
