// Tooltips for [data-tip], on hover and on keyboard focus. One popover, in the top layer. What is aria-disabled does nothing but say why.
import { $, on } from "./dom.js";

const WAIT_MS = 300;
const GAP = 6;
const tip = $("#tip");
let timer = 0;

function show(target) {
  if (!target.isConnected || !target.dataset.tip) return;
  tip.textContent = target.dataset.tip;
  if (!tip.matches(":popover-open")) tip.showPopover();
  const at = target.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = `${Math.max(8, Math.min(at.left + at.width / 2 - width / 2, innerWidth - width - 8))}px`;
  tip.style.top = `${at.bottom + GAP + height <= innerHeight ? at.bottom + GAP : at.top - GAP - height}px`;
}

function hide() {
  clearTimeout(timer);
  if (tip.matches(":popover-open")) tip.hidePopover();
}

document.addEventListener(
  "click",
  (event) => {
    const blocked = event.target instanceof Element && event.target.closest('[aria-disabled="true"]');
    if (!blocked) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    show(blocked);
  },
  true,
);
on("mouseover", "[data-tip]", (event, target) => {
  clearTimeout(timer);
  timer = setTimeout(() => show(target), WAIT_MS);
});
on("mouseout", "[data-tip]", hide);
on("focusin", "[data-tip]", (event, target) => target.matches(":focus-visible") && show(target));
on("focusout", "[data-tip]", hide);
document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
document.addEventListener("click", hide);
document.addEventListener("scroll", hide, { capture: true, passive: true });
