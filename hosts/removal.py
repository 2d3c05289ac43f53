"""Taking a host off the list: one that answers, after its cached copies of images are deleted there; one that is gone for good, at once.

The machine and what runs on it stay as they are in both cases. What the rooms above keep of a host is reached by reverse relations only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from hosts.inventory import publish_host
from hosts.models import Host, HostState
from jobs import transitions
from jobs.models import ACTIVE_STATES, Job
from jobs.services import submit
from kvmweb.errors import Conflict, InvalidInput
from live import publish
from tenants.actor import Actor
from tenants.gate import operation

MOST_NAMED = 200


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What a forgotten host still holds, for whoever finds the machine again: names of guests, and "pool/volume"."""

    guests: list[str]
    volumes: list[str]


@operation("host.delete")
def remove_host(actor: Actor, host: Host) -> Job | None:
    """None: it is off the list. A job: it is when cached copies of images have been deleted there. Raises Conflict."""
    host = Host.objects.select_for_update().get(pk=host.pk)
    guests = host.guests.count()
    if guests:
        raise Conflict(f"Host {host.name} has {_some(guests, 'guest')}.", hint="Delete its guests first.", details={"guests": guests})
    if Job.objects.filter(host_id=host.pk, state__in=ACTIVE_STATES).exists():
        raise Conflict(f"Jobs work on host {host.name}.", hint="Wait for them to finish, or cancel them.")
    volumes = _volumes_of(host)
    ours = volumes.exclude(purpose="base").count()
    if ours:
        raise Conflict(f"Host {host.name} holds {_some(ours, 'volume')} of ours.", hint="Delete these volumes first.")
    if not volumes.exists():
        take_off_list(host)
        return None
    if host.state != HostState.UP:
        raise Conflict(
            f"Host {host.name} holds copies of images, and does not answer.",
            hint="Remove it when it answers again. If it will not come back, forget it: the copies then stay there.",
        )
    return _submit(actor, host)


def _submit(actor: Actor, host: Host) -> Job:
    job = submit(
        actor,
        kind="host.remove",
        title=f"Remove host {host.name}",
        target=host,
        host_id=host.pk,
        exclusive_key=f"host:{host.pk}",
        args={"host": str(host.pk)},
    )
    # Disabled, so that nothing new is put there meanwhile. It stays so when the job fails: an operator can enable it again.
    host.is_enabled, host.state, host.state_since, host.state_reason = False, HostState.DISABLED, timezone.now(), "It is being removed."
    host.version += 1
    host.save(update_fields=["is_enabled", "state", "state_since", "state_reason", "version"])
    publish_host(host.pk)
    return job


@operation("host.forget")
def forget_host(actor: Actor, host: Host, *, confirm_name: str, with_guests: bool = False) -> LeftBehind:
    """For a host that does not come back: nothing is asked of it. `with_guests`: its guests' rows go too. Raises Conflict."""
    host = Host.objects.select_for_update().get(pk=host.pk)
    if confirm_name != host.name:
        raise InvalidInput(fields={"confirm_name": f"Type the name of the host: {host.name}."})
    if host.state == HostState.UP:
        raise Conflict(f"Host {host.name} answers.", hint="Delete its guests and volumes, then remove it.")
    names = list(host.guests.order_by("name").values_list("name", flat=True)[:MOST_NAMED])
    if names and not with_guests:
        raise Conflict(
            f"Host {host.name} has {_some(host.guests.count(), 'guest')}: {', '.join(names[:10])}.",
            hint="Say that these guests are to be forgotten, too. Their disks stay on the host.",
            details={"guests": names},
        )
    if not transitions.abandon_jobs_of(host.pk, "Its host was taken off the list."):
        raise Conflict(f"A worker is busy with host {host.name}.", hint="Try again in a minute, when it has given up.")
    volumes = [f"{pool}/{name}" for pool, name in _volumes_of(host).order_by("pool__name", "name").values_list("pool__name", "name")]
    _forget_guests(host)
    _forget_volumes(host)
    take_off_list(host)
    return LeftBehind(names, volumes[:MOST_NAMED])


def _forget_guests(host: Host) -> None:
    for guest in host.guests.all():
        publish.removed("guest", guest.pk, tenant_id=guest.tenant_id, version=guest.version + 1)
        guest.delete()


def _forget_volumes(host: Host) -> None:
    """Overlays before what they stand on."""
    while _volumes_of(host).filter(overlays__isnull=True).delete()[0]:
        pass


def take_off_list(host: Host) -> None:
    pk, version = host.pk, host.version + 1
    host.delete()
    publish.removed("host", pk, tenant_id=None, version=version)


def _volumes_of(host: Host) -> Any:
    volume = host.pools.model._meta.get_field("volumes").related_model
    return volume._default_manager.filter(pool__host=host)


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
