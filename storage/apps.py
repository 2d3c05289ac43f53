from django.apps import AppConfig


class StorageConfig(AppConfig):
    name = "storage"

    def ready(self) -> None:
        from jobs.workflow import register_workflow
        from live.topics import register_topic
        from storage.usage import detached_usage, image_usage, recount_storage
        from tenants.quota import register_usage
        from tenants.quota.checking import register_recount

        images, volumes = "storage.services.images", "storage.services.volumes"
        register_workflow("image.import", "storage.workflows.images.IMPORT_IMAGE", before_retry=f"{images}.reserve_again")
        register_workflow("image.build", "storage.workflows.images.BUILD_IMAGE", before_retry=f"{images}.reserve_again")
        register_workflow("image.delete", "storage.workflows.images.DELETE_IMAGE", can_cancel=False, before_retry=f"{images}.delete_again")
        register_workflow(
            "volume.delete",
            "storage.workflows.volumes.DELETE_VOLUME",
            can_cancel=False,
            can_cancel_queued=True,
            before_retry=f"{volumes}.delete_again",
        )
        register_usage(image_usage, "image_gib")
        register_usage(detached_usage, "disk_gib")
        register_recount(recount_storage)
        register_topic("images", snapshot="storage.live.list_snapshot", shape="storage.payload.for_actor", is_shared=True)
        register_topic("image", snapshot="storage.live.row_snapshot", shape="storage.payload.for_actor", is_shared=True)
