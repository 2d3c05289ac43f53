// Puts the console page together. `window.kvmwebConsole` is for tests and for people who script their browser:
// { state, kind, rfb, term, line }.
import "../theme.js";
import "../menus.js";
import { $, setText } from "../dom.js";
import { startBar } from "./bar.js";
import { Guest } from "./guest.js";
import { Line } from "./line.js";
import { Notice } from "./notice.js";

const WORDS = { connecting: "Connecting…", connected: "Connected", waiting: "Reconnecting…", stopped: "Not connected" };
const config = JSON.parse($("#console-config").textContent);
const isViewOnly = config.mode === "view";
const nonce = $("script[type=module]").nonce;

async function start() {
  const isScreen = config.kind === "vnc";
  const display = isScreen ? await makeScreen() : await makeTerminal();
  const line = new Line(config, (socket, ready) => display.open(socket, ready));
  display.line = line;
  const guest = new Guest(config);

  window.kvmwebConsole = {
    kind: config.kind,
    line,
    get state() { return line.state; },
    get rfb() { return display.rfb ?? null; },
    get term() { return display.term ?? null; },
  };
  line.addEventListener("state", () => {
    document.body.dataset.state = line.state;
    setText($("#status"), WORDS[line.state]);
  });
  display.addEventListener("silent", () => setText($("#status"), "Connected. Nothing came yet: press Enter, the guest may be waiting."));
  display.addEventListener("heard", () => setText($("#status"), WORDS[line.state]));
  new Notice(line, guest, config);
  startBar(line, () => display.focus());
  guest.addEventListener("started", () => line.hurry());
  window.addEventListener("online", () => line.hurry());
  if (isScreen) (await import("./screen_tools.js")).startScreenTools(display, config);
  else (await import("./terminal_tools.js")).startTerminalTools(display);
  line.start();
}

async function makeScreen() {
  const { Screen } = await import("./screen.js");
  return new Screen($("#display"), { isViewOnly });
}

async function makeTerminal() {
  const { SerialTerminal } = await import("./terminal.js");
  const terminal = new SerialTerminal($("#display"), { isViewOnly, nonce, type: (bytes) => terminal.line?.send(bytes) });
  return terminal;
}

start();
