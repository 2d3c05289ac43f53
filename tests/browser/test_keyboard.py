"""The main job without a mouse: create a guest, open its console, delete it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Window

FOCUSED = """() => {
  const element = document.activeElement;
  return (element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? element.innerText ?? "").trim();
}"""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def tab_to(page: Page, *, name: str, most: int = 120) -> None:
    """Press Tab until the focused element has that accessible name."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"Tab never came to {name!r}.")


def test_create_open_the_console_and_delete_without_a_mouse(admin: Window) -> None:
    page, name = admin.page, f"keys-{uuid4().hex[:6]}"
    page.keyboard.press("c")
    page.wait_for_url("**/guests/new/")
    tab_to(page, name="Name")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator("h1 [data-field=state]")).to_have_text("running", timeout=60_000)

    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type(name)
    expect(page.get_by_role("option").first).to_contain_text(name)
    with page.context.expect_page() as opened:
        choose(page, f"Open the console of {name}")
    assert "/console/" in opened.value.url
    opened.value.close()

    page.bring_to_front()
    tab_to(page, name="More actions")
    page.keyboard.press("Enter")
    expect(page.locator("#row-menu")).to_be_visible()
    expect(page.locator("#row-menu a").first).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Delete {name}?")).to_be_visible()
    expect(page.locator("#id_confirm_name")).to_be_focused()
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    page.wait_for_url("**/guests/")
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0, timeout=60_000)


def choose(page: Page, text: str) -> None:
    """Arrow down to an option of the palette and take it."""
    for _ in range(40):
        if text in page.locator("[role=option][aria-selected=true]").inner_text():
            page.keyboard.press("Enter")
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"The palette has no {text!r}.")


def test_question_mark_lists_the_shortcuts(admin: Window) -> None:
    admin.page.keyboard.press("?")
    expect(admin.page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    admin.page.keyboard.press("Escape")
    expect(admin.page.get_by_role("heading", name="Keyboard shortcuts")).to_be_hidden()
