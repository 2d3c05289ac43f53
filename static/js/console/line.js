// The connection to the guest: a fresh ticket for every try, reconnecting with back-off, and a plain reason when it cannot.
//
// States: connecting, connected, waiting (tries again at `retryAt`), stopped (somebody has to do something).
// It knows nothing of screens or terminals: `open(socket)` shows one and calls `ready()` when there is something to see.
import { api } from "../api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const STEADY_MS = 10_000;

// Close code -> what to do. Without a sentence here, the server's own reason is shown. The codes are in console/closing.py.
const OUTCOMES = {
  4401: { retry: true, title: "The ticket was not accepted" },
  4403: { title: "This console was closed", next: ["login", "retry"] },
  4404: { title: "The guest is gone", next: ["guests"] },
  4408: { title: "Closed to be safe", next: ["retry"] },
  4409: { title: "The guest is off", next: ["start"], isOff: true },
  4429: { title: "Too many consoles", next: ["retry"] },
  4503: { retry: true, title: "The guest cannot be reached", next: ["retry", "other"] },
};
const OFF = { code: 4409, title: "The guest is off", text: "", next: ["start"], isOff: true };
const LOST = { retry: true, title: "The connection was lost", text: "The guest keeps running.", next: ["retry"] };

export class Line extends EventTarget {
  #config;
  #open;
  #attempts = 0;
  #run = 0;
  #timer = 0;
  #steadyTimer = 0;
  socket = null;
  state = "connecting";
  detail = {};

  constructor(config, open) {
    super();
    this.#config = config;
    this.#open = open;
  }

  // A guest that is off needs no refusal to be believed.
  start() {
    if (this.#config.isAlive) this.connect();
    else this.#become("stopped", OFF);
  }

  async connect() {
    clearTimeout(this.#timer);
    const run = ++this.#run;
    this.#detach();
    this.#become("connecting");
    try {
      const { kind, mode, guestId } = this.#config;
      const { ticket, ws_path: path } = await api("POST", `guests/${guestId}/console/`, { kind, mode });
      if (run === this.#run) this.#attach(run, path, ticket);
    } catch (error) {
      if (run === this.#run) this.#refused(error);
    }
  }

  // The guest came back, or the person asked: no waiting.
  hurry() {
    this.#attempts = 0;
    if (this.state === "waiting" || this.state === "stopped") this.connect();
  }

  send(bytes) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  #attach(run, path, ticket) {
    const base = this.#config.gateway || `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}`;
    const socket = new WebSocket(base.replace(/\/$/, "") + path, ["binary", `ticket.${ticket}`]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.addEventListener("close", (event) => run === this.#run && this.#closed(event));
    this.#open(socket, () => run === this.#run && this.#ready());
  }

  #ready() {
    // Reset only once it holds: a console that opens and falls at once must not be tried without pause.
    this.#steadyTimer = setTimeout(() => (this.#attempts = 0), STEADY_MS);
    this.#become("connected");
  }

  #closed({ code, reason }) {
    this.socket = null;
    clearTimeout(this.#steadyTimer);
    const outcome = OUTCOMES[code] ?? LOST;
    const detail = { code, title: outcome.title, text: reason || outcome.text || "", next: outcome.next ?? ["retry"], isOff: outcome.isOff ?? false };
    if (outcome.retry) this.#wait(detail);
    else this.#become("stopped", detail);
  }

  #refused(error) {
    const detail = { code: error.status, title: "The console cannot be opened", text: [error.message, error.hint].filter(Boolean).join(" "), next: ["retry"], isOff: false };
    if (error.code === "not_running") return this.#become("stopped", OFF);
    if (error.status === 404) return this.#become("stopped", { ...detail, title: "The guest is gone", next: ["guests"] });
    if (error.code === "no_display") return this.#become("stopped", { ...detail, next: ["other"] });
    if (error.status === 403) return this.#become("stopped", { ...detail, next: ["guests"] });
    this.#wait(detail);
  }

  #wait(detail) {
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#attempts, LONGEST_WAIT_MS) * (0.75 + Math.random() / 2);
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.connect(), wait);
    this.#become("waiting", { ...detail, retryAt: Date.now() + wait });
  }

  #detach() {
    const socket = this.socket;
    this.socket = null;
    clearTimeout(this.#steadyTimer);
    socket?.close();
  }

  #become(state, detail = {}) {
    this.state = state;
    this.detail = detail;
    this.dispatchEvent(new Event("state"));
  }
}
