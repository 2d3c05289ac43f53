"""Reading a guest's screen: the pixels noVNC painted, enlarged and given to tesseract."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path

from playwright.sync_api import Page

ENLARGED = """() => {
  const screen = document.querySelector("#display canvas");
  const large = document.createElement("canvas");
  large.width = screen.width * 2; large.height = screen.height * 2;
  const context = large.getContext("2d");
  context.filter = "invert(1)"; context.imageSmoothingEnabled = false;
  context.drawImage(screen, 0, 0, large.width, large.height);
  return large.toDataURL("image/png").split(",")[1];
}"""


def screen_text(page: Page) -> str:
    """What the guest's framebuffer says; tesseract confuses some letters, so look for long plain words."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "screen.png"
        picture.write_bytes(base64.b64decode(page.evaluate(ENLARGED)))
        result = subprocess.run(["tesseract", str(picture), "-", "--psm", "3"], capture_output=True, text=True, timeout=30)
    return result.stdout
