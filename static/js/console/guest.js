// What the page knows of the guest: its state, live, and its power menu.
import { $, $$, setReason, setText } from "../dom.js";
import { api } from "../api.js";
import { live } from "../live.js";
import { toastError } from "../toasts.js";
import { toneOf } from "../words.js";

const ALIVE = new Set(["running", "paused", "shutting_down", "suspended"]);
const ASKS = { reset: "Reset", "force-off": "Force off" };
const PENDING = {
  start: "starting…", shutdown: "shutting down…", reboot: "rebooting…", reset: "resetting…",
  "force-off": "forcing off…", suspend: "pausing…", resume: "resuming…",
};

export class Guest extends EventTarget {
  #id;
  #name;
  #data = null;

  constructor({ guestId, guestName }) {
    super();
    this.#id = guestId;
    this.#name = guestName;
    live.subscribe(`guest:${guestId}`, {
      snapshot: (guest) => this.#show(guest),
      changed: (guest) => this.#show(guest),
      removed: () => this.dispatchEvent(new Event("removed")),
    });
    for (const button of $$("[data-power]")) button.addEventListener("click", () => this.press(button.dataset.power));
  }

  get isAlive() {
    return this.#data !== null && ALIVE.has(this.#data.state);
  }

  // Why the verb does not work now; empty when it does, or when that is not known yet.
  whyNot(verb) {
    return this.#data?.allowed_actions[verb]?.reason ?? "";
  }

  async press(verb) {
    if (this.whyNot(verb)) return;
    if (ASKS[verb] && !(await confirmed(`${ASKS[verb]} ${this.#name}?`, "It loses what it has not written to disk, like pulling the plug.", ASKS[verb]))) return;
    this.#showState(PENDING[verb], "busy");
    try {
      await api("POST", `guests/${this.#id}/${verb}/`);
    } catch (error) {
      if (this.#data) this.#show(this.#data);
      toastError(error);
    }
  }

  #show(guest) {
    const wasAlive = this.isAlive;
    this.#data = guest;
    this.#showState(guest.state_label, guest.active_job ? "busy" : guest.is_missing ? "bad" : toneOf(guest.state));
    for (const button of $$("[data-power]")) this.#showReason(button);
    if (this.isAlive !== wasAlive) this.dispatchEvent(new Event(this.isAlive ? "started" : "stopped"));
    this.dispatchEvent(new Event("changed"));
  }

  #showReason(button) {
    const reason = this.whyNot(button.dataset.power);
    setReason(button, reason);
    const words = $("[data-reason]", button);
    words.hidden = !reason;
    setText(words, reason);
  }

  #showState(words, tone) {
    const badge = $("#guest-state .state");
    setText(badge, words);
    badge.dataset.tone = tone;
  }
}

function confirmed(title, text, label) {
  const dialog = $("#confirm");
  setText($("#confirm-title"), title);
  setText($("#confirm-text"), text);
  setText($("#confirm-yes"), label);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
