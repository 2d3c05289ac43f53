// The page's one live socket: subscriptions, versions, reconnecting. It knows nothing about guests or the DOM.
//
//   import { live } from "./live.js";
//   const stop = live.subscribe("guests", { snapshot(data) {}, changed(row, version) {}, removed(row) {}, refused() {} });
//   live.addEventListener("state", (event) => show(event.detail));   // { state, since: Date, reason }
//
// Handlers run inside the socket's message event, so what they write is in the next frame.
// States: connecting, live, reconnecting (data since `since` is old), stalled (connected, but the server hears of no changes),
// signed-out and refused (`reason` says why; it does not come back by itself).

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 5_000;
const FINAL = { 4401: "signed-out", 4403: "signed-out", 4429: "refused" };

class Live extends EventTarget {
  #topics = new Map(); // topic -> { handlers: Set, versions: Map(row id -> version) }
  #socket = null;
  #attempts = 0;
  #retryTimer = 0;
  #pongTimer = 0;
  #isFlowing = true;
  #wasAnswered = false;
  #lastReason = "";
  #state = { state: "connecting", since: new Date() };

  constructor() {
    super();
    const wake = () => document.visibilityState === "visible" && this.#wake();
    document.addEventListener("visibilitychange", wake);
    window.addEventListener("online", wake);
    window.addEventListener("pageshow", wake);
    window.addEventListener("offline", () => this.#socket && this.#drop());
    setInterval(() => document.visibilityState === "visible" && this.#ping(), PING_EVERY_MS);
  }

  get state() {
    return this.#state;
  }

  subscribe(topic, handlers) {
    const known = this.#topics.get(topic);
    const entry = known ?? { handlers: new Set(), versions: new Map() };
    entry.handlers.add(handlers);
    this.#topics.set(topic, entry);
    if (this.#socket === null && this.#retryTimer === 0) this.#connect();
    // A second subscriber needs a snapshot of its own: asking again gives every subscriber a fresh one.
    else this.#send({ subscribe: [topic] });
    return () => this.#unsubscribe(topic, handlers);
  }

  #unsubscribe(topic, handlers) {
    const entry = this.#topics.get(topic);
    if (!entry?.handlers.delete(handlers) || entry.handlers.size > 0) return;
    this.#topics.delete(topic);
    this.#send({ unsubscribe: [topic] });
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = 0;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#isFlowing = true;
    this.#wasAnswered = false;
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live/`);
    this.#socket = socket;
    socket.onopen = () => this.#send({ subscribe: [...this.#topics.keys()] });
    socket.onmessage = (event) => socket === this.#socket && this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.#socket && this.#closed(event.code, event.reason);
  }

  #closed(code, reason = "") {
    this.#socket = null;
    clearTimeout(this.#pongTimer);
    this.#pongTimer = 0;
    // A login that ended may have been renewed in another tab (a new password, for one): tried once more before it is believed.
    if (FINAL[code] && !this.#wasAnswered) return this.#become(FINAL[code], this.#lastReason || reason);
    if (this.#state.state !== "connecting") this.#become("reconnecting");
    this.#lastReason = FINAL[code] ? reason : "";
    if (FINAL[code]) this.#attempts = 0;
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#attempts, LONGEST_WAIT_MS);
    this.#attempts += 1;
    // Jitter: after a restart of the server its browsers must not come back all at once.
    this.#retryTimer = setTimeout(() => this.#connect(), wait * (0.5 + Math.random() / 2));
  }

  // A dead connection may take minutes to close by itself: let go of it now.
  #drop() {
    const socket = this.#socket;
    this.#closed(1006);
    socket?.close();
  }

  #wake() {
    if (["signed-out", "refused"].includes(this.#state.state) || this.#topics.size === 0) return;
    if (this.#socket === null) {
      this.#attempts = 0;
      this.#connect();
    } else this.#ping();
  }

  #ping() {
    if (this.#pongTimer !== 0 || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#send({ ping: true });
    this.#pongTimer = setTimeout(() => this.#drop(), PONG_WITHIN_MS);
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #become(state, reason = "") {
    if (state === this.#state.state) return;
    this.#state = { state, since: new Date(), reason };
    this.dispatchEvent(new CustomEvent("state", { detail: this.#state }));
  }

  #receive(message) {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = 0;
    this.#wasAnswered = true;
    if (message.type === "stalled" || message.type === "flowing") return this.#flow(message.type === "flowing");
    if (message.type === "error") return console.warn("live:", message.error.message);
    const entry = this.#topics.get(message.topic);
    if (entry === undefined) return;
    if (message.type === "snapshot") this.#snapshot(entry, message);
    else if (message.type === "refused") {
      this.#answered();
      tell(entry, "refused");
    } else this.#delta(entry, message);
  }

  #snapshot(entry, { data }) {
    this.#attempts = 0;
    const rows = data.results ?? [data];
    entry.versions = new Map(rows.map((row) => [row.id, row.version ?? 0]));
    this.#answered();
    tell(entry, "snapshot", data);
  }

  // A snapshot taken while changes do not arrive is true now and soon old.
  #answered() {
    this.#become(this.#isFlowing ? "live" : "stalled");
  }

  #flow(isFlowing) {
    this.#isFlowing = isFlowing;
    if (!isFlowing) this.#become("stalled");
  }

  // Messages may overtake each other: a row never goes back to an older version.
  #delta(entry, { type, version, data }) {
    if (version < (entry.versions.get(data.id) ?? 0)) return;
    entry.versions.set(data.id, version);
    tell(entry, type, data, version);
  }
}

// One subscriber's mistake must not keep the change from the others.
function tell(entry, type, ...args) {
  for (const handlers of entry.handlers) {
    try {
      handlers[type]?.(...args);
    } catch (error) {
      console.error(error);
    }
  }
}

export const live = new Live();
