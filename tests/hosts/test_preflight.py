"""The preflight job says in sentences what works on a host and what to fix."""

from __future__ import annotations

import pytest

from hosts.services import preflight_host
from hypervisor import fake
from hypervisor.specs import NetworkSpec, PoolSpec
from jobs.models import JobLogLine
from jobs.testing import run_inline
from kvmweb.errors import Busy, NotAllowed

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(host):
    yield fake.connect(host.hypervisor_address)
    fake.reset()


def test_a_complete_host_passes_but_emulation_is_mentioned(operator_actor, host, connection):
    connection.ensure_pool(PoolSpec("default", "/p"))
    connection.ensure_network(NetworkSpec("default", "virbr0", "192.168.9.1", 24, "192.168.9.2", "192.168.9.99"))
    job = run_inline(preflight_host(operator_actor, host))
    assert job.state == "succeeded"
    assert job.outcome.startswith("4 of 5 checks passed.")


def test_a_host_without_pool_and_network_is_told_what_to_do(operator_actor, host, connection):
    job = run_inline(preflight_host(operator_actor, host))
    errors = JobLogLine.objects.filter(job=job, level="error").values_list("text", flat=True)
    assert sorted(errors)[0].startswith("It has no active storage pool. On the host: virsh pool-define-as")
    assert "virsh net-define" in sorted(errors)[1]
    assert job.outcome.startswith("2 of 5 checks passed. It has no active storage pool.")


def test_a_second_check_at_once_is_refused(operator_actor, host):
    preflight_host(operator_actor, host)
    with pytest.raises(Busy):
        preflight_host(operator_actor, host)


def test_owners_cannot_check_hosts(owner_actor, host):
    with pytest.raises(NotAllowed):
        preflight_host(owner_actor, host)
