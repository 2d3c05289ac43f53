// Menus are popovers: this places them by their button, fetches a row's menu, and moves the focus with the arrow keys.
import { $, $$, on } from "./dom.js";

const GAP = 4;
let opener = null;

export function place(menu, button) {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP + height <= innerHeight;
  menu.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
  menu.style.top = `${below ? at.bottom + GAP : Math.max(8, at.top - GAP - height)}px`;
}

document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLElement) || !menu.matches(".menu[popover]")) return;
    const button = menu.id === "row-menu" ? opener : $(`[popovertarget="${menu.id}"]`);
    button?.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState !== "open") return;
    place(menu, button);
    items(menu)[0]?.focus();
  },
  true,
);

on("click", "[data-row-menu]", async (event, button) => {
  const menu = $("#row-menu");
  opener = button;
  await window.htmx.ajax("GET", `/guests/${button.closest("[data-guest]").dataset.guest}/menu/`, { target: menu, swap: "innerHTML" });
  menu.hidePopover();
  menu.showPopover();
});

on("keydown", ".menu", (event, menu) => {
  const all = items(menu);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) all.at((all.indexOf(document.activeElement) + step) % all.length)?.focus();
  else if (event.key === "Home") all[0]?.focus();
  else if (event.key === "End") all.at(-1)?.focus();
  else return;
  event.preventDefault();
});

on("click", ".menu a, .menu button:not([aria-disabled])", (event, item) => item.closest(".menu").hidePopover());

const items = (menu) => $$("a, button", menu);
