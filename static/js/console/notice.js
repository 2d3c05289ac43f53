// The card over the display: why there is nothing to see, and what to do about it.
import { $, el, setText } from "../dom.js";

const OTHER = { vnc: ["Open the serial line", "?kind=serial"], serial: ["Open the screen", "?kind=vnc"] };

export class Notice {
  #line;
  #guest;
  #config;
  #timer = 0;
  #shownActions = "";

  constructor(line, guest, config) {
    this.#line = line;
    this.#guest = guest;
    this.#config = config;
    const show = () => this.show();
    line.addEventListener("state", show);
    guest.addEventListener("changed", show);
  }

  show() {
    clearInterval(this.#timer);
    const { state, detail } = this.#line;
    const box = $("#notice");
    box.hidden = state === "connected" || state === "connecting";
    if (box.hidden) return;
    setText($("#notice-title"), detail.title);
    setText($("#notice-text"), detail.text);
    this.#showActions(detail.next);
    const count = () => setText($("#notice-wait"), this.#waiting(state, detail));
    count();
    if (state === "waiting") this.#timer = setInterval(count, 500);
  }

  #waiting(state, { retryAt, isOff }) {
    if (state === "waiting") return `Trying again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1000))} s.`;
    if (isOff) return this.#guest.whyNot("start") || "The console opens by itself when it runs.";
    return "";
  }

  // Rebuilt only when they differ: a button must not vanish under a finger or lose the focus.
  #showActions(next) {
    const canStart = !this.#guest.whyNot("start");
    const wanted = JSON.stringify([next, canStart]);
    if (wanted === this.#shownActions && $("#notice-actions").childElementCount > 0) return;
    this.#shownActions = wanted;
    $("#notice-actions").replaceChildren(...next.map((name) => this.#action(name, canStart)).filter(Boolean));
  }

  #action(name, canStart) {
    const [otherWords, otherUrl] = OTHER[this.#config.kind];
    const here = encodeURIComponent(location.pathname + location.search);
    if (name === "start") return canStart ? button("Start", () => this.#guest.press("start")) : null;
    if (name === "retry") return button("Reconnect", () => this.#line.hurry());
    if (name === "login") return el("a", { class: "btn", href: `/login/?next=${here}` }, "Log in");
    if (name === "guests") return el("a", { class: "btn", href: "/guests/" }, "Go to the guests");
    return el("a", { class: "btn", href: otherUrl }, otherWords);
  }
}

function button(words, press) {
  const element = el("button", { class: "btn primary", type: "button" }, words);
  element.addEventListener("click", press);
  return element;
}
