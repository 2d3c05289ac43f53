// Forms: one press sends once; fields that belong to a choice show with it.
import { $$, on } from "./dom.js";

on("submit", "form[method=post]", (event, form) => {
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  for (const button of $$("[type=submit]", form)) button.setAttribute("aria-busy", "true");
  setTimeout(() => delete form.dataset.sent, 3000);
});

// data-fills="vcpus=2 memory_mib=2048": a choice that fills other fields, which stay editable.
function fill(choice) {
  for (const pair of choice.dataset.fills.split(" ").filter(Boolean)) {
    const [name, value] = pair.split("=");
    const field = choice.form.elements.namedItem(name);
    if (!field || !("value" in field)) continue;
    // data-at-least: only ever more than what is there.
    field.value = "atLeast" in choice.dataset ? Math.max(Number(field.value), Number(value)) : value;
  }
}
on("change", "[data-fills]", (event, choice) => fill(choice));
// What was typed before an error stays; an untouched form begins with what its chosen image needs.
$$("form[data-fresh] [data-fills]:checked").forEach(fill);

// data-shows="#id": a control that shows a part of the form while it is on.
function follow(control) {
  const part = document.querySelector(control.dataset.shows);
  if (part) part.hidden = !control.checked;
}
on("change", "[data-shows]", (event, control) => follow(control));
for (const control of $$("[data-shows]")) follow(control);

// The login part of the create page is only of use with an image that reads it.
function showLogin() {
  const part = document.querySelector("#login");
  const chosen = document.querySelector("[data-login]:checked");
  if (part) part.hidden = chosen?.dataset.login === "no";
}
on("change", "[data-login]", showLogin);
showLogin();

document.querySelector("[data-focus]")?.focus();
