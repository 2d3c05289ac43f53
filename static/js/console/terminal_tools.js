// The tools of a serial line: search, copy, paste, clear, font size.
import { $, setText } from "../dom.js";
import { toast } from "../toasts.js";
import { copyText } from "./bar.js";
import { startPaste } from "./paste.js";

export function startTerminalTools(terminal) {
  const refocus = () => terminal.focus();
  const { term } = terminal;
  startSearch(terminal);
  startPaste((text) => term.paste(text), refocus);
  $("#copy").addEventListener("click", async () => {
    const isPart = term.hasSelection();
    await copyText(terminal.text());
    toast(isPart ? "The selection was copied." : "The whole scrollback was copied.");
    refocus();
  });
  $("#clear").addEventListener("click", () => {
    term.clear();
    refocus();
  });
  $("#smaller").addEventListener("click", () => terminal.changeFont(-1));
  $("#larger").addEventListener("click", () => terminal.changeFont(1));
}

function startSearch(terminal) {
  const bar = $("#search-bar");
  const text = $("#search-text");
  const told = (index, count) => setText($("#search-count"), count === 0 ? "No match" : `${index + 1} of ${count}`);
  const find = (step) => (text.value ? terminal.find(text.value, step, told) : terminal.endSearch());
  const show = (isShown) => {
    bar.hidden = !isShown;
    $("#search").setAttribute("aria-expanded", String(isShown));
    if (isShown) return text.select(), text.focus();
    terminal.endSearch();
    setText($("#search-count"), "");
    terminal.focus();
  };
  $("#search").addEventListener("click", () => show(bar.hidden));
  $("#search-close").addEventListener("click", () => show(false));
  $("#search-previous").addEventListener("click", () => find(-1));
  text.addEventListener("input", () => find(1));
  bar.addEventListener("submit", (event) => {
    event.preventDefault();
    find(1);
  });
  bar.addEventListener("keydown", (event) => event.key === "Escape" && show(false));
  terminal.term.attachCustomKeyEventHandler((event) => {
    const isFind = event.type === "keydown" && event.ctrlKey && event.shiftKey && event.code === "KeyF";
    if (isFind) {
      event.preventDefault();
      show(true);
    }
    return !isFind;
  });
}
