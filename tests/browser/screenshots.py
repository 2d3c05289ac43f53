"""Pictures of every page, in both themes and two widths: `python -m tests.browser.screenshots URL PASSWORD [FOLDER]`.

For a running product with the demo's guests; what it writes to docs/screenshots/ is looked at before it is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, SIZES, Site, Window
from tests.browser.places import places

LEFT_OUT = (
    "host-add",
    "image-import",
    "password",
    "guest-edit",
    "guest-delete",
    "admin-user-add",
    "admin-tokens",
    "admin-images",
    "admin-host",
    "admin-quota-default",
    "admin-quota-changes",
    "passkey-add",
    "two-factor-app",
    "token-add",
    "quota-ask",
    "tenant-add",
    "tenant-change",
    "tenant-delete",
    "member-add",
    "invitation-add",
    "guest-transfer",
    "guests-of-tenant",
)
SETTLES_MS = 900


def main(url: str, password: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for size, (width, height) in SIZES.items():
            context = browser.new_context(viewport={"width": width, "height": height})
            window = Window(context, context.new_page(), Site(url, password))
            picture_login(window, folder, size)
            window.log_in("admin", password)
            for theme in ("dark", "light"):
                window.theme(theme)
                picture_pages(window, folder, f"{theme}-{size}")
            context.close()
        browser.close()


def picture_login(window: Window, folder: Path, size: str) -> None:
    for theme in ("dark", "light"):
        take(window.theme(theme).go("/login/"), folder / f"login-{theme}-{size}.png")


def picture_pages(window: Window, folder: Path, suffix: str) -> None:
    window.go("/")
    for name, path in places(window.page).items():
        if name in LEFT_OUT or (suffix.endswith("narrow") and name.startswith(("admin", "api"))):
            continue
        take(window.go(path), folder / f"{name}-{suffix}.png")
    take(with_palette(window.go("/guests/")), folder / f"palette-{suffix}.png")
    take(with_delete_dialog(window), folder / f"guest-delete-{suffix}.png")


def with_palette(page: Page) -> Page:
    page.keyboard.press("Control+k")
    page.keyboard.type("web")
    return page


def with_delete_dialog(window: Window) -> Page:
    page = window.go(places(window.page)["guest"])
    page.locator("[data-row-menu]").click()
    page.locator("#row-menu [data-dialog*=delete]").click()
    return page


def take(page: Page, path: Path) -> None:
    page.wait_for_timeout(SETTLES_MS * (4 if path.name.startswith("console") else 1))
    page.screenshot(path=path)
    print(path.name)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2], Path(sys.argv[3]) if len(sys.argv) > 3 else Path("docs/screenshots"))
