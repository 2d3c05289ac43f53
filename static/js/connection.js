// Says when the page is no longer live, since when, and what to do about it.
import { $, el } from "./dom.js";
import { live } from "./live.js";
import { ago } from "./words.js";

const GRACE_MS = 1500;
const sign = $("#connection");
let timer = 0;

function show({ state, since, reason }) {
  clearInterval(timer);
  if (state === "signed-out" || state === "refused") {
    const here = encodeURIComponent(location.pathname + location.search);
    const next = state === "refused" ? el("a", { href: location.href }, "Reload") : el("a", { href: `/login/?next=${here}` }, "Log in");
    sign.replaceChildren(`${reason || "You were logged out."} `, next);
    sign.hidden = false;
    return;
  }
  if (state === "live" || state === "connecting") {
    sign.hidden = true;
    return;
  }
  const write = () => {
    const words = { reconnecting: "Reconnecting", stalled: "Live data is held up" }[state];
    sign.textContent = `${words}, data from ${ago(since)}`;
    sign.hidden = Date.now() - since < GRACE_MS;
  };
  write();
  timer = setInterval(write, 1000);
}

live.addEventListener("state", (event) => show(event.detail));
