// Buttons that copy an address or an id.
import { on } from "./dom.js";
import { toast } from "./toasts.js";

on("click", "[data-copy]", async (event, button) => {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    toast(`Copied ${button.dataset.copy}`, { level: "success" });
  } catch {
    // Without TLS browsers give no clipboard: select the text so that Ctrl-C works.
    getSelection().selectAllChildren(button);
  }
});
