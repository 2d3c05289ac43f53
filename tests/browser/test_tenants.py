"""People of a tenant, seen in a browser: an invitation used by somebody without an account, the switch, viewing as a tenant."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow, Window

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PASSWORD = "a-long-enough-phrase-7"


@pytest.fixture
def tenant(admin: Window) -> str:
    """Made by hand; the admin's window shows its page."""
    page, name = admin.page, f"t-{uuid4().hex[:6]}"
    page.goto(admin.site.url + "/tenants/")
    page.get_by_role("button", name="New tenant").click()
    page.locator("#dialog").get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create tenant").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    return name


def invite(page: Page, role: str) -> str:
    page.get_by_role("link", name="Members", exact=True).click()
    page.get_by_role("button", name="Invite by link").click()
    page.locator("#dialog").get_by_label("For whom").fill("Ida")
    page.locator("#dialog").get_by_label("Role").select_option(role)
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("heading", name="Send this link")).to_be_visible()
    link = page.locator(".secret [data-copy]").get_attribute("data-copy")
    assert link is not None
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("row").filter(has_text="Ida")).to_contain_text("open")
    return link


def test_somebody_without_an_account_joins_by_a_link_once(admin: Window, tenant: str, open_window: OpenWindow) -> None:
    link = invite(admin.page, "owner")
    guest, name = open_window(), f"ida-{uuid4().hex[:6]}"
    page = guest.page
    page.goto(link)
    expect(page.get_by_role("heading", name=f"Join {tenant}")).to_be_visible()
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make my account and join").click()
    page.wait_for_url(guest.site.url + "/")
    expect(page.locator("#toast-list")).to_contain_text(f"Welcome to {tenant}")
    page.get_by_role("link", name="My tenant").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(tenant)
    page.get_by_role("link", name="Members", exact=True).click()
    expect(page.get_by_role("region", name="Members").get_by_role("row").filter(has_text=name)).to_contain_text("owner")

    late = open_window()
    late.page.goto(link)
    expect(late.page.get_by_text("This invitation cannot be used")).to_be_visible()
    late.complaints.clear()  # the browser itself notes the 404 of the page


def test_the_switch_narrows_lists_and_stays_in_the_url(admin: Window, tenant: str) -> None:
    page = admin.page
    page.get_by_role("button", name="Work here").click()
    page.wait_for_url("**/guests/?tenant=*")
    expect(page.get_by_role("heading", name="No virtual machines yet")).to_be_visible()
    switch = page.locator("[popovertarget=tenant-menu]")
    expect(switch).to_contain_text(tenant)
    page.locator("#side").get_by_role("link", name="Jobs").click()
    page.wait_for_url("**/jobs/?tenant=*")
    page.go_back()
    switch.click()
    page.locator("#tenant-menu").get_by_role("button", name="All tenants").click()
    page.wait_for_url(admin.site.url + "/guests/")
    expect(switch).to_contain_text("All tenants")


def test_viewing_as_a_tenant_shows_its_product_and_changes_nothing(admin: Window, tenant: str) -> None:
    page = admin.page
    page.get_by_role("button", name="View as").click()
    page.wait_for_url(admin.site.url + "/")
    banner = page.get_by_role("status").filter(has_text="You are viewing as tenant")
    expect(banner).to_contain_text(tenant)
    expect(page.locator("#side").get_by_role("link", name="Hosts")).to_have_count(0)
    new = page.get_by_role("link", name="New VM")
    expect(new).to_have_attribute("aria-disabled", "true")
    new.hover()
    expect(page.locator("#tip")).to_contain_text(f"You are viewing as tenant {tenant}")
    new.click(force=True)
    expect(page).to_have_url(admin.site.url + "/")
    page.get_by_role("link", name="My tenant").click()
    page.get_by_role("link", name="Members", exact=True).click()
    expect(page.get_by_role("button", name="Invite by link")).to_have_attribute("aria-disabled", "true")
    banner.get_by_role("button", name="Stop viewing").click()
    expect(banner).to_have_count(0)
    expect(page.locator("#side").get_by_role("link", name="Hosts")).to_be_visible()
