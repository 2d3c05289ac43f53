// Power buttons: the page says "starting…" at once, REST takes the order, the live socket tells the truth.
import { $, on } from "./dom.js";
import { api } from "./api.js";
import { showPending, takeBack } from "./guests.js";
import { toastError } from "./toasts.js";

export const UNDER_WAY = {
  start: "starting…", shutdown: "shutting down…", reboot: "rebooting…", reset: "resetting…",
  "force-off": "forcing off…", suspend: "pausing…", resume: "resuming…",
};
// These lose what the guest has not written to disk: a second press confirms.
const ASKS = { reset: "Reset", "force-off": "Force off" };

export async function press(id, verb) {
  showPending(id, UNDER_WAY[verb]);
  try {
    return await api("POST", `guests/${id}/${verb}/`);
  } catch (error) {
    takeBack(id);
    throw error;
  }
}

on("click", "[data-verb]", async (event, button) => {
  if (button.getAttribute("aria-disabled") === "true") return;
  const { verb, guestId, guestName } = button.dataset;
  if (ASKS[verb] && !(await confirmed(`${ASKS[verb]} ${guestName}?`, "It loses what it has not written to disk, like pulling the plug.", ASKS[verb]))) return;
  press(guestId, verb).catch(toastError);
});

export function confirmed(title, text, label) {
  const dialog = $("#confirm");
  $("#confirm-title").textContent = title;
  $("#confirm-text").textContent = text;
  $("#confirm-yes").textContent = label;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
