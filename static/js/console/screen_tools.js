// The tools of a screen: keys, typed text, scaling, screenshot.
import { $, el } from "../dom.js";
import { download, isOff } from "./bar.js";
import { CHORDS, CTRL_ALT_DEL, ctrlAltF, sendChord, typeText } from "./keys.js";
import { startPaste } from "./paste.js";

const FIT_KEY = "kvmweb.console.fit";
const F_KEYS = 12;

export function startScreenTools(screen, config) {
  const refocus = () => screen.focus();
  const send = (keys) => {
    if (screen.rfb) sendChord(screen.rfb, keys);
    refocus();
  };
  $("#ctrl-alt-del")?.addEventListener("click", (event) => !isOff(event.currentTarget) && send(CTRL_ALT_DEL));
  if ($("#keys-menu")) fillKeysMenu(send);
  startPaste((text, options) => (screen.rfb ? typeText(screen.rfb, text, options) : null), refocus);
  startScaling(screen);
  $("#screenshot").addEventListener("click", async (event) => {
    if (isOff(event.currentTarget)) return;
    const picture = await screen.picture();
    if (picture) download(picture, `${config.guestName}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.png`);
  });
}

function fillKeysMenu(send) {
  const item = (words, keys, label) => {
    const button = el("button", { type: "button", role: "menuitem", "aria-label": label }, words);
    button.addEventListener("click", () => send(keys));
    return button;
  };
  const numbers = Array.from({ length: F_KEYS }, (_, index) => index + 1);
  const consoles = numbers.map((number) => item(`F${number}`, ctrlAltF(number), `Ctrl-Alt-F${number}`));
  $("#keys-menu").append(
    ...CHORDS.map(({ words, keys }) => item(words, keys)),
    el("hr"),
    el("div", { class: "who" }, "Ctrl-Alt and"),
    el("div", { class: "console-f-keys" }, ...consoles),
  );
}

function startScaling(screen) {
  const button = $("#scale");
  const show = (isFitted) => {
    screen.fit(isFitted);
    button.setAttribute("aria-pressed", String(isFitted));
  };
  button.addEventListener("click", () => {
    const isFitted = button.getAttribute("aria-pressed") !== "true";
    localStorage.setItem(FIT_KEY, isFitted ? "" : "no");
    show(isFitted);
    screen.focus();
  });
  show(localStorage.getItem(FIT_KEY) !== "no");
}
