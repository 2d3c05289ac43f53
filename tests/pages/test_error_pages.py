"""What goes wrong has a page of ours, and JSON below /api/."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from hosts.models import Host
from tenants.models import User

ClientFor = Callable[[User], Client]


def test_an_unknown_page_is_a_404_of_ours(client: Client, db: None) -> None:
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_an_unknown_api_path_is_json(client: Client, db: None) -> None:
    answer = client.get("/api/v1/nowhere/")
    assert answer.status_code in (401, 404)
    assert "error" in answer.json()


def test_a_form_without_its_token_says_what_to_do(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    answer = client.post("/logout/")
    assert answer.status_code == 403
    assert "reload the page and send it again" in answer.content.decode()


def test_htmx_gets_the_sentence_as_a_toast(admin: User, client_for: ClientFor) -> None:
    answer = client_for(admin).get("/guests/00000000-0000-0000-0000-000000000000/menu/", headers={"HX-Request": "true"})
    assert answer.status_code == 404
    assert "There is no such thing" in answer.headers["HX-Trigger"]


def test_hosts_are_for_those_who_may_see_them(owner: User, auditor: User, host: Host, client_for: ClientFor) -> None:
    for path in ("/hosts/", "/hosts/new/", f"/hosts/{host.pk}/", f"/hosts/{host.pk}/change/", f"/hosts/{host.pk}/remove/"):
        assert client_for(owner).get(path).status_code == 404, path
    for verb in ("disable", "preflight", "remove"):
        assert client_for(owner).post(f"/hosts/{host.pk}/{verb}/").status_code == 404, verb
        assert client_for(auditor).post(f"/hosts/{host.pk}/{verb}/").status_code == 403, verb
    host.refresh_from_db()
    assert host.is_enabled


def test_no_page_carries_a_style_or_script_of_its_own(admin: User, host: Host, client_for: ClientFor) -> None:
    for path in ("/", "/guests/", "/guests/new/", "/hosts/", f"/hosts/{host.pk}/", "/jobs/", "/images/", "/admin/", "/login/"):
        text = client_for(admin).get(path, follow=True).content.decode()
        found = [word for word in (" style=", "<style", "onclick=", "<script>") if word in text]
        assert found == [], path


def test_admin_is_for_admins_only(owner: User, operator: User, admin: User, client_for: ClientFor) -> None:
    for user, status in ((owner, 302), (operator, 302), (admin, 200)):
        assert client_for(user).get("/admin/tenants/tenant/").status_code == status, user
