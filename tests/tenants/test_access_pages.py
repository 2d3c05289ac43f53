"""Who may ask what somebody may do, the tenant chosen in the header, and the auditor, who sees all and changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guests.models import Guest
from hosts.models import Host
from jobs.models import Job
from tenants.models import Membership, Tenant, User
from tenants.sessions import CHOSEN

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]
Api = Callable[..., APIClient]


# -- effective access ---------------------------------------------------------------------------------------------------------------
def test_everybody_sees_their_own(viewer: User, tenant: Tenant, client_for: ClientFor, api_for: Api) -> None:
    page = client_for(viewer).get("/tenants/access/").content.decode()
    assert "What I may do in acme" in page
    assert "vera is viewer of acme." in page
    body = api_for(viewer).get(f"/api/v1/tenants/{tenant.pk}/access/").json()
    allowed = {line["operation"]: line["allowed"] for line in body["operations"]}
    assert (body["role"], allowed["console.view"], allowed["guest.start"]) == ("viewer", True, False)


@pytest.mark.parametrize(("person", "status"), [("owner", 200), ("auditor", 200), ("operator", 200), ("member", 404), ("stranger", 404)])
def test_who_may_ask_about_a_member(
    person: str, status: int, viewer: User, tenant: Tenant, api_for: Api, client_for: ClientFor, request: pytest.FixtureRequest
) -> None:
    user = request.getfixturevalue(person)
    answer = api_for(user).get(f"/api/v1/tenants/{tenant.pk}/access/?user={viewer.pk}")
    assert answer.status_code == status
    assert client_for(user).get(f"/tenants/access/?tenant={tenant.pk}&user={viewer.pk}").status_code == status


def test_an_owner_learns_nothing_about_people_of_others(
    owner: User, stranger: User, tenant: Tenant, api_for: Api, client_for: ClientFor
) -> None:
    foreign = api_for(owner).get(f"/api/v1/tenants/{tenant.pk}/access/?user={stranger.pk}")
    missing = api_for(owner).get(f"/api/v1/tenants/{tenant.pk}/access/?user=11111111-1111-1111-1111-111111111111")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["error"]["message"] == missing.json()["error"]["message"]
    assert client_for(owner).get("/tenants/access/?user=nonsense").status_code == 404


def test_the_page_of_a_member_does_not_name_their_other_tenants(
    owner: User, member: User, tenant: Tenant, other_tenant: Tenant, client_for: ClientFor
) -> None:
    Membership.objects.create(tenant=other_tenant, user=member, role="owner")
    page = client_for(owner).get(f"/tenants/access/?tenant={tenant.pk}&user={member.pk}").content.decode()
    assert "mia" in page
    assert "globex" not in page


def test_the_table_is_a_page(viewer: User, client_for: ClientFor) -> None:
    page = client_for(viewer).get("/tenants/permissions/").content.decode()
    assert "Force a guest off" in page
    assert "tenant.view_as" in page


# -- the chosen tenant ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def two(owner: User, other_tenant: Tenant, make_guest: Callable[..., Guest]) -> tuple[Guest, Guest]:
    Membership.objects.create(tenant=other_tenant, user=owner, role="member")
    mine, other = make_guest("web-1"), make_guest("other-1", tenant=other_tenant)
    for guest in (mine, other):
        Job.objects.create(kind="guest.start", title=f"Start guest {guest.name}", actor_label="x", tenant=guest.tenant, target_id=guest.pk)
    return mine, other


def choose(client: Client, tenant: Tenant | None, next_url: str = "/guests/") -> str:
    answer = client.post("/tenants/choose/", {"tenant": str(tenant.pk) if tenant else "", "next": next_url})
    assert answer.status_code == 302
    return answer["Location"]


def test_lists_follow_the_choice_and_the_url_says_so(owner: User, tenant: Tenant, two: tuple[Guest, Guest], client_for: ClientFor) -> None:
    client = client_for(owner)
    choose(client, tenant)
    for path, own, foreign in (
        ("/guests/", "web-1", "other-1"),
        ("/jobs/", "Start guest web-1", "Start guest other-1"),
        ("/", "web-1", "other-1"),
    ):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer["Location"] == f"{path}?tenant={tenant.pk}"
        page = client.get(answer["Location"]).content.decode()
        assert own in page or path == "/"
        assert foreign not in page
    choose(client, None)
    every = client.get("/guests/")
    assert every.status_code == 200
    assert "other-1" in every.content.decode()


def test_a_shared_url_shows_the_same_to_both(
    owner: User, operator: User, tenant: Tenant, other_tenant: Tenant, two: tuple[Guest, Guest], client_for: ClientFor
) -> None:
    url = f"/guests/?tenant={tenant.pk}&search=web"
    for user in (owner, operator):
        client = client_for(user)
        choose(client, other_tenant)
        page = client.get(url)
        assert page.status_code == 200
        assert [row["name"] for row in page.context["rows"]] == ["web-1"]
    # Empty is all of them, also for whoever chose one.
    assert {row["name"] for row in client.get("/guests/?tenant=").context["rows"]} == {"web-1", "other-1"}


def test_the_counts_follow_too(owner: User, tenant: Tenant, two: tuple[Guest, Guest], client_for: ClientFor) -> None:
    client = client_for(owner)
    assert client.get("/guests/").context["summary"]["total"] == 2
    assert client.get(f"/guests/?tenant={tenant.pk}").context["summary"]["total"] == 1


def test_forms_begin_with_it(owner: User, other_tenant: Tenant, two: tuple[Guest, Guest], client_for: ClientFor) -> None:
    client = client_for(owner)
    choose(client, other_tenant)
    form = client.get("/guests/new/").context["form"]
    assert str(form["tenant"].value()) == str(other_tenant.pk)


def test_a_foreign_tenant_cannot_be_chosen_and_looking_changes_nothing(viewer: User, other_tenant: Tenant, client_for: ClientFor) -> None:
    client = client_for(viewer)
    for wanted in (str(other_tenant.pk), "11111111-1111-1111-1111-111111111111", "nonsense"):
        assert client.post("/tenants/choose/", {"tenant": wanted}).status_code == 404
    assert client.get("/tenants/choose/").status_code == 405
    assert CHOSEN not in client.session


def test_the_choice_ends_with_the_membership(owner: User, other_tenant: Tenant, two: tuple[Guest, Guest], client_for: ClientFor) -> None:
    client = client_for(owner)
    choose(client, other_tenant)
    Membership.objects.filter(tenant=other_tenant).delete()
    page = client.get("/guests/")
    assert page.status_code == 200
    assert [row["name"] for row in page.context["rows"]] == ["web-1"]


@pytest.mark.parametrize(
    ("given", "leads_to"),
    [
        ("/guests/?search=x&tenant=1&page=2", "/guests/?search=x"),
        ("https://example.com/", "/"),
        ("//example.com/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\\example.com", "/"),
    ],
)
def test_next_stays_on_the_site(given: str, leads_to: str, owner: User, tenant: Tenant, client_for: ClientFor) -> None:
    assert choose(client_for(owner), tenant, given) == leads_to


# -- the auditor ------------------------------------------------------------------------------------------------------------------
def test_an_auditor_reads_everything(
    auditor: User, host: Host, tenant: Tenant, make_guest: Callable[..., Guest], client_for: ClientFor
) -> None:
    guest = make_guest()
    job = Job.objects.create(kind="guest.start", title="Start guest web-1", actor_label="x", tenant=tenant, target_id=guest.pk)
    client = client_for(auditor)
    paths = ["/", "/hosts/", f"/hosts/{host.pk}/", f"/hosts/{host.pk}/?tab=storage", "/guests/", f"/guests/{guest.pk}/", "/jobs/"]
    paths += [f"/jobs/{job.pk}/", "/images/", "/tenants/", f"/tenants/{tenant.pk}/", f"/tenants/{tenant.pk}/?tab=members", "/audit/"]
    assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)
    rest = [f"/api/v1/{name}/" for name in ("hosts", "pools", "guests", "jobs", "audit", "tenants", "networks", "volumes")]
    assert all(client.get(path).json()["results"] is not None for path in rest)
    assert client.get("/api/v1/hosts/").json()["results"][0]["name"] == "h1"


def test_an_auditor_is_told_why_each_button_is_off(
    auditor: User, make_guest: Callable[..., Guest], host: Host, client_for: ClientFor
) -> None:
    guest = make_guest()
    client = client_for(auditor)
    actions = client.get(f"/api/v1/guests/{guest.pk}/").json()["allowed_actions"]
    assert [verb for verb, answer in actions.items() if answer["allowed"]] == []
    assert all("role" in answer["reason"] for verb, answer in actions.items() if verb != "view-console")
    for path in ("/guests/", "/hosts/", "/images/", "/tenants/"):
        assert "This needs the role" in client.get(path).content.decode(), path


def test_an_auditor_changes_nothing_on_pages(
    auditor: User, owner: User, tenant: Tenant, make_guest: Callable[..., Guest], host: Host, client_for: ClientFor
) -> None:
    guest = make_guest()
    client = client_for(auditor)
    forms = {
        f"/guests/{guest.pk}/edit/": {"name": "x"},
        f"/guests/{guest.pk}/delete/": {"confirm_name": "web-1"},
        f"/guests/{guest.pk}/transfer/": {"tenant": str(tenant.pk)},
        "/hosts/new/": {"name": "h2", "kind": "unix", "socket_path": "/x"},
        "/images/build/micro/": {},
        f"/tenants/{tenant.pk}/change/": {"name": "x"},
        f"/tenants/{tenant.pk}/members/add/": {"username": "owen", "role": "viewer"},
        f"/tenants/{tenant.pk}/members/{owner.pk}/remove/": {},
    }
    assert {path: client.post(path, body).status_code for path, body in forms.items()} == dict.fromkeys(forms, 403)
