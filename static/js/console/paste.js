// The dialog for text that goes to the guest: typed key by key on a screen, sent as it is on a serial line.
import { $ } from "../dom.js";
import { isOff } from "./bar.js";

// `put(text, { signal, progress })` returns when it is done or was aborted.
export function startPaste(put, refocus) {
  const dialog = $("#paste-dialog");
  if (!dialog) return;
  const text = $("#paste-text");
  let typing = null;

  const reset = () => {
    typing = null;
    text.value = "";
    $("#paste-secret").checked = false;
    text.classList.remove("masked");
    showBusy(false);
  };
  $("#paste").addEventListener("click", (event) => {
    if (isOff(event.currentTarget)) return;
    reset();
    dialog.showModal();
    text.focus();
  });
  $("#paste-secret").addEventListener("change", (event) => text.classList.toggle("masked", event.target.checked));
  $("#paste-cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    typing?.abort();
    reset();
    refocus();
  });
  $("#paste-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    typing = new AbortController();
    const { signal } = typing;
    showBusy(true);
    await put(text.value + ($("#paste-enter").checked ? "\n" : ""), { signal, progress: showProgress });
    if (!signal.aborted) dialog.close();
  });
}

function showBusy(isBusy) {
  $("#paste-progress").hidden = !isBusy;
  $("#paste-go").disabled = isBusy;
  $("#paste-text").readOnly = isBusy;
  showProgress(0, 1);
}

function showProgress(done, total) {
  $("#paste-bar").value = done / total;
  $("#paste-count").textContent = `${done} of ${total}`;
}
