// Keys a browser keeps for itself, and text typed key by key.
//
// Both the keysym and the place on a US keyboard (KeyboardEvent.code) are sent: QEMU takes the place, so the guest's own layout decides.

const SHIFT = [0xffe1, "ShiftLeft"];
const CTRL = [0xffe3, "ControlLeft"];
const ALT = [0xffe9, "AltLeft"];
const SUPER = [0xffeb, "MetaLeft"];
const RETURN = [0xff0d, "Enter"];
const BETWEEN_KEYS_MS = 15;

export const CHORDS = [
  { words: "Ctrl-Alt-Backspace", keys: [CTRL, ALT, [0xff08, "Backspace"]] },
  { words: "Alt-Tab", keys: [ALT, [0xff09, "Tab"]] },
  { words: "Alt-F4", keys: [ALT, [0xffc1, "F4"]] },
  { words: "Print Screen", keys: [[0xff61, "PrintScreen"]] },
  { words: "Escape", keys: [[0xff1b, "Escape"]] },
  { words: "Super (Windows key)", keys: [SUPER] },
  { words: "Ctrl-W", keys: [CTRL, [0x77, "KeyW"]] },
];
export const CTRL_ALT_DEL = [CTRL, ALT, [0xffff, "Delete"]];
export const ctrlAltF = (number) => [CTRL, ALT, [0xffbd + number, `F${number}`]];

export function sendChord(rfb, keys) {
  for (const [keysym, code] of keys) rfb.sendKey(keysym, code, true);
  for (const [keysym, code] of keys.toReversed()) rfb.sendKey(keysym, code, false);
}

// Types `text`; tells `progress(done, total)` after each character and stops when `signal` aborts. Returns how many were typed.
export async function typeText(rfb, text, { signal, progress }) {
  const characters = [...text.replaceAll("\r\n", "\n")];
  for (const [index, character] of characters.entries()) {
    if (signal.aborted) return index;
    const { keys, isShifted } = strokeOf(character);
    sendChord(rfb, isShifted ? [SHIFT, keys] : [keys]);
    progress(index + 1, characters.length);
    // A guest's keyboard buffer holds few keys, and an emulated guest empties it slowly.
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_KEYS_MS));
  }
  return characters.length;
}

// Rows of a US keyboard: plain, then shifted, each with the codes of its keys.
const ROWS = [
  ["`1234567890-=", "~!@#$%^&*()_+", "Backquote Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal"],
  ["qwertyuiop[]\\", "QWERTYUIOP{}|", "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Backslash"],
  ["asdfghjkl;'", 'ASDFGHJKL:"', "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote"],
  ["zxcvbnm,./", "ZXCVBNM<>?", "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash"],
];
const STROKES = new Map([
  [" ", { code: "Space", isShifted: false }],
  ...ROWS.flatMap(([plain, shifted, codes]) =>
    codes.split(" ").flatMap((code, at) => [
      [plain[at], { code, isShifted: false }],
      [shifted[at], { code, isShifted: true }],
    ]),
  ),
]);

function strokeOf(character) {
  if (character === "\n") return { keys: RETURN, isShifted: false };
  if (character === "\t") return { keys: [0xff09, "Tab"], isShifted: false };
  const point = character.codePointAt(0);
  const stroke = STROKES.get(character);
  // Latin-1 is its own keysym, the rest of Unicode is offset; without a place on the keyboard QEMU looks the keysym up.
  const keysym = point < 0x100 ? point : 0x01000000 + point;
  return { keys: [keysym, stroke?.code ?? null], isShifted: stroke?.isShifted ?? false };
}
