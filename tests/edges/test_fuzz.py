"""What a machine makes up from the OpenAPI document, asked by a viewer and by another tenant's owner: no 500, nothing foreign or changed.

Schemathesis makes the requests; `schemathesis run docs/openapi.yaml` against a running instance does more of the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.conf import settings
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient
from schemathesis.core import NotSet

from guests.models import Guest
from jobs.models import Job
from tenants.models import Tenant, User

DOCUMENT = schemathesis.openapi.from_path(Path(settings.BASE_DIR) / "docs" / "openapi.yaml")
OPERATIONS = [found.ok() for found in DOCUMENT.get_all_operations()]


@pytest.mark.django_db
@pytest.mark.parametrize("person", ["viewer", "stranger"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_made_up_requests(
    operation: Any,
    person: str,
    tenant: Tenant,
    make_guest: Callable[..., Guest],
    api_for: Callable[..., APIClient],
    request: pytest.FixtureRequest,
) -> None:
    user: User = request.getfixturevalue(person)
    guest = make_guest("web-1")
    job = Job.objects.create(kind="guest.start", title="Start guest web-1", actor_label="mia", tenant=tenant)
    acmes = {"guest_id": guest.pk, "host_id": guest.host_id, "job_id": job.pk, "tenant_id": tenant.pk}
    api, before = api_for(user), state_of(tenant)

    @hypothesis_settings(
        max_examples=4,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        path = operation.path
        for name, value in (case.path_parameters or {}).items():
            path = path.replace(f"{{{name}}}", str(acmes.get(name, value)))
        query = urlencode(case.query or {}, doseq=True)
        body = "" if isinstance(case.body, NotSet) else json.dumps(case.body)
        answer = api.generic(case.method, f"{path}?{query}", body, content_type="application/json")
        assert answer.status_code < 500, answer.content
        assert answer["Content-Type"] == "application/json" or answer.status_code == 204
        if person == "stranger":
            assert str(guest.pk) not in answer.content.decode()

    ask()
    assert state_of(tenant) == before


def state_of(tenant: Tenant) -> list[Any]:
    return [
        list(Guest.objects.filter(tenant=tenant).values()),
        list(Job.objects.filter(tenant=tenant).values()),
        list(tenant.memberships.values()),
        Tenant.objects.filter(pk=tenant.pk).values().get(),
    ]
