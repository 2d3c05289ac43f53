"""Deleting a guest: forced off when it runs, undefined, its files removed, and at the end its row."""

from __future__ import annotations

from guests.live import hand_over
from guests.models import Guest
from jobs.models import Job
from jobs.services import submit
from kvmweb.errors import Conflict, InvalidInput
from tenants.actor import Actor
from tenants.gate import operation


@operation("guest.delete")
def delete_guest(actor: Actor, guest: Guest, *, delete_disks: bool = True, confirm_name: str | None = None) -> Job:
    """`delete_disks` False: its disks stay as the tenant's volumes. `confirm_name`, when given, has to be the guest's name.

    A guest that its host no longer has can be deleted too. Raises Conflict when it is protected, Busy while a job works on it.
    """
    row = Guest.objects.select_for_update(of=("self",)).select_related("host", "tenant").get(pk=guest.pk)
    if confirm_name is not None and confirm_name != row.name:
        raise InvalidInput(fields={"confirm_name": f"Type the name of the guest: {row.name}."})
    if row.is_protected:
        raise Conflict(f'Guest "{row.name}" is protected.', hint="Switch the protection off first.")
    job = submit(
        actor,
        kind="guest.delete",
        title=f"Delete guest {row.name}",
        target=row,
        tenant=row.tenant,
        host_id=row.host_id,
        exclusive_key=f"guest:{row.pk}",
        args={"guest_id": str(row.pk), "delete_disks": delete_disks},
    )
    hand_over(row, job)
    return job
