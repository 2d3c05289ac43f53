"""host.preflight: each check is a step; what it found is in the step's result, the log and the outcome.

host.remove: the cached copies of images on the host, file by file, then the host's row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from hosts import preflight
from hosts.models import Host as HostRow
from hosts.removal import take_off_list
from hypervisor.port import Host
from jobs.workflow import JobContext, Step, StepResult, Workflow
from kvmweb.errors import Conflict

LEVELS = {"ok": "info", "warning": "warning", "problem": "error"}
Check = Callable[[Host], preflight.Finding]


def _checking(check: Check) -> Callable[[JobContext], StepResult]:
    def do(context: JobContext) -> StepResult:
        row = HostRow.objects.get(pk=context.args["host"])
        finding = check(context.host(row.hypervisor_address))
        context.log(f"{finding.sentence} {finding.fix}".strip(), level=LEVELS[finding.outcome])
        return asdict(finding)

    return do


def _conclude(context: JobContext) -> None:
    found = [result for result in context.results.values() if result and "outcome" in result]
    bad = [result for result in found if result["outcome"] != "ok"]
    if bad:
        worst = next((result for result in bad if result["outcome"] == "problem"), bad[0])
        context.finish_with(f"{len(found) - len(bad)} of {len(found)} checks passed. {worst['sentence']} {worst['fix']}"[:300])
    else:
        context.finish_with(f"All {len(found)} checks passed.")


PREFLIGHT_HOST = Workflow(
    kind="host.preflight",
    steps=(
        Step("reach", "Reach its libvirt", _checking(preflight.check_reach)),
        Step("versions", "Read its versions", _checking(preflight.check_versions)),
        Step("acceleration", "Look for hardware virtualisation", _checking(preflight.check_acceleration)),
        Step("pool", "Look for storage", _checking(preflight.check_pool)),
        Step("network", "Look for a network", _checking(preflight.check_network)),
        Step("conclude", "Sum up", _conclude),
    ),
    # A person waits for the answer: one who asks whether a host answers is not helped by waiting until it does.
    max_wait_s=10.0,
)


def _delete_copies(context: JobContext) -> None:
    row = HostRow.objects.filter(pk=context.args["host"]).first()
    if row is None:
        return
    _refuse_in_use(row)
    host = context.host(row.hypervisor_address)
    copies = [(pool, copy) for pool in row.pools.all() for copy in pool.volumes.filter(purpose="base")]
    for number, (pool, copy) in enumerate(copies):
        context.progress(number / len(copies))
        host.delete_volume(pool.name, copy.name, while_busy=context.check)
        copy.delete()


def _take_off_list(context: JobContext) -> None:
    row = HostRow.objects.select_for_update().filter(pk=context.args["host"]).first()
    if row is None:
        return
    if any(pool.volumes.exists() for pool in row.pools.all()):
        raise _put_there(row)
    _refuse_in_use(row)
    take_off_list(row)


def _refuse_in_use(row: HostRow) -> None:
    """Before its copies go, too: guests made since, before a retry, stand on them."""
    if row.is_enabled or row.guests.exists() or any(pool.volumes.exclude(purpose="base").exists() for pool in row.pools.all()):
        raise _put_there(row)


def _put_there(row: HostRow) -> Conflict:
    return Conflict(
        f"Host {row.name} is in use again: something was put there meanwhile, or it was enabled.", hint="Remove it from its page."
    )


REMOVE_HOST = Workflow(
    "host.remove", (Step("delete_copies", "Delete the copies of images there", _delete_copies),), on_success=_take_off_list
)
