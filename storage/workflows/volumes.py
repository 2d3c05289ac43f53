"""volume.delete: the file, then its row."""

from __future__ import annotations

from jobs.workflow import FOR_EVER, JobContext, Step, Workflow
from live import publish
from storage.models import Volume


def _delete_file(context: JobContext) -> None:
    volume = Volume.objects.select_related("pool__host").filter(pk=context.args["volume_id"]).first()
    if volume is not None:
        context.host(volume.pool.host.hypervisor_address).delete_volume(volume.pool.name, volume.name, while_busy=context.check)


def _forget(context: JobContext) -> None:
    volume = Volume.objects.filter(pk=context.args["volume_id"]).first()
    if volume is not None:
        publish.removed("volume", volume.pk, tenant_id=volume.tenant_id, version=1)
        volume.delete()


def _keep(context: JobContext) -> None:
    Volume.objects.filter(pk=context.args["volume_id"]).update(state=Volume.State.READY)


DELETE_VOLUME = Workflow(
    "volume.delete",
    (Step("delete_file", "Delete the file", _delete_file),),
    on_success=_forget,
    on_failure=_keep,
    max_wait_s=FOR_EVER,
)
