// The guest's screen: noVNC on a socket it is given.
import RFB from "../../vendor/novnc/core/rfb.js";

export class Screen extends EventTarget {
  rfb = null;
  #display;
  #isViewOnly;
  #isFitted = true;

  constructor(display, { isViewOnly }) {
    super();
    this.#display = display;
    this.#isViewOnly = isViewOnly;
  }

  open(socket, ready) {
    this.#display.replaceChildren();
    const rfb = new RFB(this.#display, socket, { shared: true });
    this.rfb = rfb;
    rfb.background = "transparent";
    rfb.viewOnly = this.#isViewOnly;
    rfb.focusOnClick = true;
    this.fit(this.#isFitted);
    rfb.addEventListener("connect", () => {
      ready();
      rfb.focus();
    });
    rfb.addEventListener("disconnect", () => {
      if (this.rfb === rfb) this.rfb = null;
    });
  }

  fit(isFitted) {
    this.#isFitted = isFitted;
    if (!this.rfb) return;
    this.rfb.scaleViewport = isFitted;
    this.rfb.clipViewport = false;
  }

  focus() {
    this.rfb?.focus();
  }

  picture() {
    return new Promise((resolve) => (this.rfb ? this.rfb.toBlob(resolve, "image/png") : resolve(null)));
  }
}
