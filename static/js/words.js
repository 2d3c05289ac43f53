// How numbers, times and states read. kvmweb/words.py says the same on the server.

const TONES = {
  running: "ok", up: "ok", ready: "ok", succeeded: "ok", active: "ok", done: "ok",
  paused: "warn", suspended: "warn",
  unreachable: "bad", crashed: "bad", failed: "bad", missing: "bad", needs_attention: "bad",
  creating: "busy", building: "busy", connecting: "busy", cancelling: "busy", shutting_down: "busy", deleting: "busy",
};

export const toneOf = (state) => TONES[state] ?? "off";

export function sizeOfMib(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1024) return `${Math.round(value)} MiB`;
  return value < 1024 * 1024 ? short(value / 1024, "GiB") : short(value / 1024 / 1024, "TiB");
}

export function sizeOfBytes(value) {
  if (value === null || value === undefined) return "–";
  return value < 1024 * 1024 ? `${Math.round(value / 1024)} KiB` : sizeOfMib(value / 1024 / 1024);
}

function short(value, unit) {
  return `${value < 100 ? value.toFixed(1).replace(/\.0$/, "") : Math.round(value)} ${unit}`;
}

export function ago(date, now = Date.now()) {
  const seconds = Math.round((now - date) / 1000);
  if (seconds < 0) return `in ${span(-seconds)}`;
  return seconds < 5 ? "just now" : `${span(seconds)} ago`;
}

export function span(seconds) {
  for (const [length, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${seconds} s`;
}
