// Small helpers for the document. Text only ever goes in as text.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

const SPRITE = document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0] ?? "/static/vendor/icons.svg";
const SVG = "http://www.w3.org/2000/svg";

// el("a", { href: "/", class: "btn" }, "text", child)
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

// on("click", "[data-copy]", (event, button) => ...): one listener for elements that come and go
export function on(type, selector, handle, options) {
  document.addEventListener(
    type,
    (event) => {
      const target = event.target instanceof Element ? event.target.closest(selector) : null;
      if (target) handle(event, target);
    },
    options,
  );
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

// A button that cannot work stays focusable and says why: aria-disabled and a tooltip, not disabled.
export function setReason(button, reason) {
  if (!button) return;
  if (reason) {
    button.setAttribute("aria-disabled", "true");
    button.dataset.tip = reason;
    button.setAttribute("aria-description", reason);
  } else {
    button.removeAttribute("aria-disabled");
    button.removeAttribute("aria-description");
    delete button.dataset.tip;
  }
}
