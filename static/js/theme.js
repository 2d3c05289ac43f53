// Dark and light: the system's choice until the switch is used; then a cookie that the server writes into <html>.
import { on } from "./dom.js";

const YEAR_S = 365 * 86400;

export function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=${YEAR_S}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

on("click", "[data-theme-switch]", switchTheme);
