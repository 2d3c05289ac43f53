// The guest's serial line: xterm.js on a socket it is given. The size is ours alone: a serial line has none to tell the guest.
const { Terminal, FitAddon, SearchAddon, WebLinksAddon } = globalThis;

const FONT_SIZES = [9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 24];
const FONT_KEY = "kvmweb.serial.font";
const SCROLLBACK_LINES = 20_000;
const THEME = {
  background: "#0d0f14", foreground: "#e4e7ee", cursor: "#8fb4ff", selectionBackground: "#3457a588",
  black: "#1b1f29", red: "#ff7b72", green: "#5fd38d", yellow: "#e3b341", blue: "#79a9ff", magenta: "#d2a8ff", cyan: "#56d4dd", white: "#d5d9e2",
  brightBlack: "#7a8294", brightRed: "#ffa198", brightGreen: "#86e5ab", brightYellow: "#f2cc60", brightBlue: "#a5c6ff", brightMagenta: "#e2c5ff", brightCyan: "#8be9f0", brightWhite: "#ffffff",
};

const SILENT_AFTER_MS = 1200;

// Events: silent (connected, but the guest said nothing), heard (then it did).
export class SerialTerminal extends EventTarget {
  #fit = new FitAddon.FitAddon();
  #silence = 0;
  #search = new SearchAddon.SearchAddon({ highlightLimit: 500 });

  // `type(bytes)` sends what is typed.
  constructor(display, { isViewOnly, nonce, type }) {
    super();
    allowOwnStyles(nonce);
    const term = new Terminal({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
      fontSize: Number(localStorage.getItem(FONT_KEY)) || 13,
      scrollback: SCROLLBACK_LINES,
      theme: THEME,
      disableStdin: isViewOnly,
      cursorBlink: false,
      allowProposedApi: true,
      screenReaderMode: false,
    });
    this.term = term;
    term.loadAddon(this.#fit);
    term.loadAddon(this.#search);
    term.loadAddon(new WebLinksAddon.WebLinksAddon());
    term.open(display);
    const encoder = new TextEncoder();
    if (!isViewOnly) {
      term.onData((text) => type(encoder.encode(text)));
      term.onBinary((text) => type(Uint8Array.from(text, (character) => character.charCodeAt(0))));
    }
    new ResizeObserver(() => this.#fit.fit()).observe(display);
    document.fonts.ready.then(() => this.#fit.fit());
  }

  open(socket, ready) {
    // The scrollback comes again with every connection.
    this.term.reset();
    socket.addEventListener("open", () => {
      if (socket.readyState !== WebSocket.OPEN) return;
      ready();
      this.term.focus();
      this.#silence = setTimeout(() => this.dispatchEvent(new Event("silent")), SILENT_AFTER_MS);
    });
    socket.addEventListener("message", ({ data }) => {
      if (this.#silence) this.#heard();
      this.term.write(new Uint8Array(data));
    });
    socket.addEventListener("close", () => clearTimeout(this.#silence));
  }

  #heard() {
    clearTimeout(this.#silence);
    this.#silence = 0;
    this.dispatchEvent(new Event("heard"));
  }

  focus() {
    this.term.focus();
  }

  changeFont(step) {
    const size = this.term.options.fontSize;
    const at = FONT_SIZES.findIndex((each) => each >= size) + step;
    this.term.options.fontSize = FONT_SIZES[Math.max(0, Math.min(at, FONT_SIZES.length - 1))];
    localStorage.setItem(FONT_KEY, this.term.options.fontSize);
    this.#fit.fit();
  }

  // The selection, or everything in the scrollback.
  text() {
    if (this.term.hasSelection()) return this.term.getSelection();
    const buffer = this.term.buffer.active;
    const lines = [];
    for (let row = 0; row < buffer.length; row += 1) {
      const line = buffer.getLine(row);
      const text = line.translateToString(true);
      if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join("\n").trimEnd() + "\n";
  }

  // step: 1 next, -1 previous. `told(index, count)` as the matches are counted; index -1: none.
  find(text, step, told) {
    this.#counting?.dispose();
    this.#counting = this.#search.onDidChangeResults(({ resultIndex, resultCount }) => told(resultIndex, resultCount));
    const options = { decorations: { matchBackground: "#5c4a12", activeMatchBackground: "#c98a10", matchOverviewRuler: "#e3b341", activeMatchColorOverviewRuler: "#ffb224" } };
    return step > 0 ? this.#search.findNext(text, options) : this.#search.findPrevious(text, options);
  }
  #counting = null;

  endSearch() {
    this.#search.clearDecorations();
    this.term.clearSelection();
  }
}

// xterm.js (6.0) writes <style> elements without a nonce and style attributes, which the page's CSP refuses. The elements get the
// page's nonce; the attributes go through the style object, which CSP allows.
function allowOwnStyles(nonce) {
  const create = document.createElement.bind(document);
  document.createElement = (name, ...rest) => {
    const element = create(name, ...rest);
    if (String(name).toLowerCase() === "style") element.nonce = nonce;
    return element;
  };
  const setAttribute = HTMLElement.prototype.setAttribute;
  HTMLElement.prototype.setAttribute = function set(name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
}
