// Short notes at the bottom right: an error stays until it is closed, the others leave by themselves.
import { $, $$, el, icon } from "./dom.js";

const ICONS = { error: "circle-x", success: "circle-check", info: "info", warning: "triangle-alert" };
const STAYS_MS = 6000;
const AT_MOST = 4;

export function toast(message, { level = "info", hint = "", link = null } = {}) {
  const close = el("button", { class: "btn quiet square compact", type: "button", "aria-label": "Close" }, icon("x"));
  const note = el("div", { class: "toast", "data-level": level }, icon(ICONS[level] ?? "info"), el("p", {}, message), close);
  if (hint) note.append(el("p", { class: "hint" }, hint));
  if (link) note.append(el("a", { class: "hint", href: link.href }, link.text));
  close.addEventListener("click", () => note.remove());
  const list = $("#toast-list");
  list.append(note);
  $$(".toast", list).slice(0, -AT_MOST).forEach((old) => old.remove());
  if (level !== "error") setTimeout(() => note.remove(), STAYS_MS);
}

export function toastError(error) {
  const job = error.details?.job;
  toast(error.message, { level: "error", hint: error.hint, link: job ? { href: `/jobs/${job.id}/`, text: "Open the job" } : null });
}

for (const waiting of $$("template[data-toast]")) {
  toast(waiting.content.textContent, { level: waiting.dataset.toast });
  waiting.remove();
}
// The server's word through htmx: HX-Trigger: {"toast": {...}}
document.body.addEventListener("toast", (event) => toast(event.detail.message, event.detail));
document.body.addEventListener("htmx:sendError", () => toast("The server could not be reached.", { level: "error", hint: "Check your connection, then try again." }));
document.body.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  if (!xhr.getResponseHeader("HX-Trigger")) toast(`The server answered ${xhr.status}.`, { level: "error", hint: "Reload the page and try again." });
});
