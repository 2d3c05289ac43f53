// The toolbar as such: hiding it, full screen, and which tools need a connection.
import { $, $$, setReason } from "../dom.js";

const HIDDEN_KEY = "kvmweb.console.bar";

export function startBar(line, refocus) {
  const hide = (isHidden) => {
    $("#bar").hidden = isHidden;
    $("#show-bar").hidden = !isHidden;
    sessionStorage.setItem(HIDDEN_KEY, isHidden ? "hidden" : "");
  };
  $("#hide-bar").addEventListener("click", () => {
    hide(true);
    refocus();
  });
  $("#show-bar").addEventListener("click", () => {
    hide(false);
    $("#hide-bar").focus();
  });
  hide(sessionStorage.getItem(HIDDEN_KEY) === "hidden");

  const full = $("#full-screen");
  full.addEventListener("click", async () => {
    if (document.fullscreenElement) return document.exitFullscreen();
    await document.documentElement.requestFullscreen();
    // Where the browser can, keys such as Escape and Alt-Tab go to the guest too.
    await navigator.keyboard?.lock?.().catch(() => {});
    refocus();
  });
  document.addEventListener("fullscreenchange", () => full.setAttribute("aria-pressed", String(document.fullscreenElement !== null)));

  const show = () => {
    for (const tool of $$("[data-needs=line]")) setReason(tool, line.state === "connected" ? "" : "Not connected.");
  };
  line.addEventListener("state", show);
  show();
}

export const isOff = (button) => button.getAttribute("aria-disabled") === "true";

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Pages opened over plain http have no clipboard API.
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
