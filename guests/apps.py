from django.apps import AppConfig


class GuestsConfig(AppConfig):
    name = "guests"

    def ready(self) -> None:
        from guests.usage import guest_usage, recount_guests
        from jobs.workflow import register_workflow
        from live.topics import register_topic
        from tenants.quota import register_usage
        from tenants.quota.checking import register_recount

        check_again = "guests.services.retry.check_again"
        for verb in ("start", "shutdown", "reboot", "reset", "force_off", "suspend", "resume"):
            register_workflow(f"guest.{verb}", f"guests.workflows.power.{verb.upper()}_GUEST", before_retry=check_again)
        register_workflow("guest.create", "guests.workflows.create.CREATE_GUEST", can_retry=False)
        register_workflow("guest.create_many", "guests.workflows.create.CREATE_GUESTS", can_retry=False, is_counted=False)
        register_workflow("guest.bulk", "guests.workflows.bulk.BULK_POWER", can_retry=False, has_items=True, is_counted=False)
        register_workflow("guest.change", "guests.workflows.change.CHANGE_GUEST", can_retry=False)
        register_workflow(
            "guest.delete",
            "guests.workflows.delete.DELETE_GUEST",
            can_cancel=False,
            can_cancel_queued=True,
            before_retry=check_again,
        )
        register_workflow("guest.adopt", "guests.workflows.adopt.ADOPT_GUEST", can_retry=False)
        register_workflow("guest.forget_seed", "guests.workflows.seed.FORGET_SEED", before_retry=check_again)
        register_usage(guest_usage, "guests", "vcpus", "memory_mib", "disk_gib")
        register_recount(recount_guests)
        register_topic("guests", snapshot="guests.live.list_snapshot", shape="guests.payload.for_actor")
        register_topic("guest", snapshot="guests.live.row_snapshot", shape="guests.payload.for_actor")
