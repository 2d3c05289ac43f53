// Selected rows and the bar for them. One job goes through them; its answer names what was refused.
import { $, $$, on } from "./dom.js";
import { api } from "./api.js";
import { confirmed } from "./power.js";
import { toast, toastError } from "./toasts.js";

const idOf = (box) => box.closest("[data-guest]").dataset.guest;
const WORDS = { start: "Start", shutdown: "Shut down", reboot: "Reboot", suspend: "Pause", resume: "Resume", "force-off": "Force off" };
let picked = new Map(); // id -> name
let last = null;

function show() {
  const bar = $("[data-bulk]");
  if (!bar) return;
  const boxes = $$("[data-select-row]");
  for (const box of boxes) {
    box.checked = picked.has(idOf(box));
    box.closest("tr").toggleAttribute("data-selected", box.checked);
  }
  const all = $("[data-select-all]");
  if (all) {
    const here = boxes.filter((box) => box.checked).length;
    all.checked = here > 0 && here === boxes.length;
    all.indeterminate = here > 0 && here < boxes.length;
  }
  bar.hidden = picked.size === 0;
  $("[data-bulk-count]").textContent = `${picked.size} selected`;
}

function pick(box, on) {
  if (on) picked.set(idOf(box), box.getAttribute("aria-label").replace("Select ", ""));
  else picked.delete(idOf(box));
}

on("click", "[data-select-row]", (event, box) => {
  const boxes = $$("[data-select-row]");
  const from = boxes.indexOf(last);
  const to = boxes.indexOf(box);
  const range = event.shiftKey && from >= 0 ? boxes.slice(Math.min(from, to), Math.max(from, to) + 1) : [box];
  for (const each of range) pick(each, box.checked);
  last = box;
  show();
});
on("click", "[data-select-all]", (event, all) => {
  for (const box of $$("[data-select-row]")) pick(box, all.checked);
  show();
});
on("click", "[data-bulk-clear]", () => {
  picked = new Map();
  show();
});
document.addEventListener("htmx:afterSwap", show);

on("click", "[data-bulk-verb]", async (event, button) => {
  const verb = button.dataset.bulkVerb;
  const wanted = [...picked];
  const names = wanted.slice(0, 5).map(([, name]) => name).join(", ") + (wanted.length > 5 ? ` and ${wanted.length - 5} more` : "");
  if (verb === "force-off" && !(await confirmed(`Force off ${wanted.length} guests?`, `${names}. They lose what they have not written to disk.`, "Force off"))) return;
  try {
    const { job } = await api("POST", "guests/bulk/", { action: verb, ids: wanted.map(([id]) => id) });
    const refused = job.items.filter((item) => item.state === "failed");
    toast(`${WORDS[verb]}: ${wanted.length - refused.length} under way.`, { level: "success" });
    if (refused.length) toast(`${WORDS[verb]}: ${refused.length} refused.`, { level: "error", hint: [...new Set(refused.map((item) => item.message))].slice(0, 3).join(" ") });
  } catch (error) {
    toastError(error);
  }
  picked = new Map();
  show();
});
