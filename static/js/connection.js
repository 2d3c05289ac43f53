// Says when the page is no longer live, and since when.
import { $ } from "./dom.js";
import { live } from "./live.js";
import { ago } from "./words.js";

const GRACE_MS = 1500;
const sign = $("#connection");
let timer = 0;

function show({ state, since }) {
  clearInterval(timer);
  if (state === "live" || state === "connecting") {
    sign.hidden = true;
    return;
  }
  const write = () => {
    const words = { reconnecting: "Reconnecting", stalled: "Live data is held up", "signed-out": "Signed out" }[state];
    sign.textContent = state === "signed-out" ? "Signed out: reload to log in" : `${words}, data from ${ago(since)}`;
    sign.hidden = Date.now() - since < GRACE_MS;
  };
  write();
  timer = setInterval(write, 1000);
}

live.addEventListener("state", (event) => show(event.detail));
