"""What one request costs: queries per endpoint, the same for 10 rows and for 200, and no hypervisor in the web process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from guests.models import Guest
from hosts.models import Host
from jobs.models import Job
from networks.models import Network
from storage.models import Image, Pool, Volume
from tenants.actor import system_actor
from tenants.audit import record
from tenants.models import Membership, Tenant, User

# Of which 2 are the token with its user, and the memberships.
QUERIES = {
    "me/": 3,
    "guests/": 9,
    "guests/summary/": 6,
    "hosts/": 5,
    "images/": 3,
    "pools/": 3,
    "volumes/": 5,
    "networks/": 3,
    "jobs/": 3,
    "tenants/": 3,
    "tokens/": 3,
    "audit/": 3,
}
"""At most so many for a page. A new query raises a number here, and somebody has to say why."""


def many(count: int, tenant: Tenant, host: Host, make_guest: Callable[..., Guest]) -> None:
    for number in range(count):
        guest = make_guest(f"g{number}", state="running")
        Job.objects.create(kind="guest.start", title="x", actor_label="x", tenant=tenant, target_id=guest.pk)
    Host.objects.bulk_create(Host(name=f"more-{n}", kind="unix", socket_path=f"/fake/{n}") for n in range(count))
    Image.objects.bulk_create(Image(name=f"i{n}", kind="disk", tenant=tenant) for n in range(count))
    Pool.objects.bulk_create(Pool(host=host, name=f"p{n}") for n in range(count))
    Network.objects.bulk_create(Network(host=host, name=f"n{n}", tenant=tenant) for n in range(count))
    Tenant.objects.bulk_create(Tenant(name=f"t{n}") for n in range(count))
    for _ in range(count):
        record(system_actor("x"), "guest.start", "done")


@pytest.mark.django_db
def test_queries_do_not_grow_with_rows(
    operator: User, tenant: Tenant, host: Host, pool: Pool, make_guest: Callable[..., Guest], api_for: Callable[..., APIClient]
) -> None:
    Membership.objects.create(tenant=tenant, user=operator, role="member")
    api = api_for(operator)
    api.get("/api/v1/me/")
    counted: list[dict[str, int]] = []
    for rows in (10, 200):
        for model in (Job, Image):
            model.objects.all().delete()
        Guest.objects.all().delete()
        Volume.objects.all().delete()
        Host.objects.exclude(pk=host.pk).delete()
        Pool.objects.exclude(pk=pool.pk).delete()
        Network.objects.filter(name__regex="^n").delete()
        Tenant.objects.exclude(pk=tenant.pk).delete()
        many(rows, tenant, host, make_guest)
        counted.append({path: queries_of(api, f"/api/v1/{path}") for path in QUERIES})
    assert counted[0] == counted[1]
    over = {path: (count, QUERIES[path]) for path, count in counted[1].items() if count > QUERIES[path]}
    assert over == {}
    assert counted[1]["guests/"] <= 12


def queries_of(api: APIClient, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer = api.get(path if path.endswith(("me/", "summary/")) else f"{path}?page_size=200")
    assert answer.status_code == 200, answer.content
    return len([query for query in captured if query["sql"].startswith("SELECT")])


def test_the_web_process_never_imports_libvirt() -> None:
    program = """
import sys
import kvmweb.asgi
from django.urls import get_resolver
def walk(patterns):
    for pattern in patterns:
        walk(pattern.url_patterns) if hasattr(pattern, "url_patterns") else pattern.callback
walk(get_resolver().url_patterns)
found = sorted(name for name in sys.modules if name == "libvirt" or name.startswith(("libvirtmod", "hypervisor.libvirt")))
print(found)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stdout + done.stderr
