// Links that swap a part of the page and keep the address: data-swap="#id", or data-swap-table for the list around the link.
import { $, on } from "./dom.js";

const isPlainClick = (event) => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;

export function swap(url, target, { push = true } = {}) {
  if (push) history.pushState({ htmx: true }, "", url);
  return window.htmx.ajax("GET", url, { target, swap: "innerHTML" });
}

on("click", "a[data-swap], a[data-swap-table]", (event, link) => {
  const target = link.dataset.swap ? $(link.dataset.swap) : link.closest("[data-refetch]");
  if (!target || !isPlainClick(event)) return;
  event.preventDefault();
  swap(link.href, target);
});
window.addEventListener("popstate", () => location.reload());

on("click", "[data-nav-toggle]", (event, button) => {
  const open = document.body.dataset.nav !== "open";
  document.body.dataset.nav = open ? "open" : "";
  button.setAttribute("aria-expanded", String(open));
});
on("click", ".main", () => {
  if (document.body.dataset.nav !== "open") return;
  document.body.dataset.nav = "";
  $("[data-nav-toggle]").setAttribute("aria-expanded", "false");
});
