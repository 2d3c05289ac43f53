"""Before a failed job of a guest is tried again: the job is as old as its failure, and the guest may have moved on since."""

from __future__ import annotations

from guests.models import Guest
from jobs.models import Job
from kvmweb.errors import Conflict
from tenants.actor import Actor


def check_again(actor: Actor, job: Job) -> None:
    """The guest is there, still belongs to the job's tenant, and was not protected meanwhile. Raises Conflict.

    Whoever may retry the job has a right in the job's tenant only, and jobs stay behind when their guest is given away. The guest stays
    locked until the retry is written, so that it is not given away at the same moment.
    """
    row = Guest.objects.select_for_update().filter(pk=job.args["guest_id"]).first()
    if row is None:
        raise Conflict(f'Guest "{job.target_name}" is gone.', hint="There is nothing left to do.")
    if row.tenant_id != job.tenant_id:
        raise Conflict(f'Guest "{job.target_name}" was given to another tenant.', hint="Its new owner decides what is done with it.")
    if job.kind == "guest.delete" and row.is_protected:
        raise Conflict(f'Guest "{row.name}" is protected.', hint="Switch the protection off first.")
