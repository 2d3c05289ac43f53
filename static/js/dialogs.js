// The page's one <dialog>: filled from a URL, closed by Escape, by its buttons and by a click beside it.
import { $, $$, on } from "./dom.js";

export async function openDialog(url) {
  const dialog = $("#dialog");
  await window.htmx.ajax("GET", url, { target: dialog, swap: "innerHTML" });
  if (!dialog.open && dialog.childElementCount > 0) dialog.showModal();
  dialog.querySelector("[autofocus], input:not([type=hidden]), select, textarea")?.focus();
}

on("click", "[data-dialog]", (event, button) => {
  event.preventDefault();
  if (button.getAttribute("aria-disabled") !== "true") openDialog(button.dataset.dialog);
});
on("click", "[data-close]", (event, button) => {
  const dialog = button.closest("dialog");
  if (!dialog) return;
  event.preventDefault();
  dialog.close();
});
on("click", "dialog", (event, dialog) => event.target === dialog && dialog.close());

// A button that destroys waits until the name was typed.
function guard(input) {
  input.form.querySelector("[type=submit]").disabled = input.value.trim() !== input.dataset.confirm;
}
on("input", "[data-confirm]", (event, input) => guard(input));
document.addEventListener("htmx:afterSwap", () => $$("[data-confirm]").forEach(guard));
$$("[data-confirm]").forEach(guard);
