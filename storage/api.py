"""REST: images, pools and volumes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobs.api import accepted
from jobs.models import Job
from jobs.serializers import JobAnswer
from kvmweb.rest.errors import fields_renamed
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.rows import named_tenant
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint
from storage import serializers
from storage.models import Image, Pool, Volume
from storage.payload import image_payload, pool_payload, volume_payload
from storage.selectors import image_for, image_list, pool_list, volume_for, volume_list
from storage.services.images import RECIPES, build_image, change_image, delete_image, import_image, importable_files
from storage.services.volumes import delete_volume


class ImagesView(ApiView):
    @endpoint("list_images", query=serializers.ImageQuery, answer=page_of(serializers.ImageShape))
    def get(self) -> Any:
        """Images one can make guests from, and those being made."""
        wanted = {name: self.query[name] for name in ("search", "kind", "state", "tenant") if name in self.query}
        rows = image_list(self.actor, **wanted).order_by(*serializers.IMAGE_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([image_payload(row, self.actor) for row in page.rows])

    @endpoint("create_image", body=serializers.CreateImage, answer={202: serializers.ImageAndJob})
    def post(self) -> Any:
        """Import a file that is on the server already, or build an image from a recipe."""
        if "recipe" in self.body:
            image, job = build_image(self.actor, self.body["recipe"])
        else:
            with fields_renamed({"file_name": "source_file"}):
                image, job = self._import()
        return accepted(self.actor, job, image=image_payload(image, self.actor))

    def _import(self) -> tuple[Image, Job]:
        wanted = dict(self.body)
        tenant_id, file_name = wanted.pop("tenant", None), wanted.pop("source_file")
        self.tenant = named_tenant(self.actor, tenant_id, "image.create") if tenant_id else None
        return import_image(self.actor, self.tenant, file_name=file_name, **wanted)


class ImageView(ApiView):
    row: Image

    def find(self, *, image_id: UUID) -> Image:
        return image_for(self.actor, image_id)

    def show(self, row: Image) -> Any:
        return image_payload(row, self.actor)

    @endpoint("get_image", answer=serializers.ImageShape)
    def get(self) -> Any:
        """One image."""
        return self.show(self.row)

    @endpoint("change_image", body=serializers.ChangeImage, answer=serializers.ImageShape, operation="image.change")
    def patch(self) -> Any:
        """Change what is said about an image; its content never changes."""
        return self.show(change_image(self.actor, self.row, self.body))

    @endpoint("delete_image", answer={202: JobAnswer}, operation="image.delete")
    def delete(self) -> Any:
        """Delete an image that no guest's disk stands on."""
        return accepted(self.actor, delete_image(self.actor, self.row))


class RecipesView(ApiView):
    @endpoint("list_recipes", answer=serializers.RecipesShape)
    def get(self) -> Any:
        """Images this server can build by itself."""
        names = ("name", "image_name", "kind", "os", "description", "min_memory_mib", "has_cloud_init")
        return {"results": [{name: getattr(recipe, name) for name in names} for recipe in RECIPES.values()]}


class ImportableView(ApiView):
    @endpoint("list_importable", answer=serializers.ImportableShape)
    def get(self) -> Any:
        """Files in the import folder of the server; empty for those who may not import them."""
        return {"results": [{"name": file.name, "size_bytes": file.size_bytes} for file in importable_files(self.actor)]}


class PoolsView(ApiView):
    @endpoint("list_pools", query=serializers.PoolQuery, answer=page_of(serializers.PoolShape))
    def get(self) -> Any:
        """Storage pools of hosts; empty for those who see no hosts."""
        rows = pool_list(self.actor, host=self.query.get("host")).order_by(*serializers.POOL_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([pool_payload(row) for row in page.rows])


class PoolView(ApiView):
    row: Pool

    def find(self, *, pool_id: UUID) -> Pool:
        return Pool.objects.select_related("host").get_visible(self.actor, pool_id)

    @endpoint("get_pool", answer=serializers.PoolShape)
    def get(self) -> Any:
        """One storage pool."""
        return pool_payload(self.row)


class VolumesView(ApiView):
    @endpoint("list_volumes", query=serializers.VolumeQuery, answer=page_of(serializers.VolumeShape))
    def get(self) -> Any:
        """Volumes and the guests that use them."""
        wanted = {name: self.query[name] for name in ("pool", "purpose", "detached") if name in self.query}
        rows = volume_list(self.actor, **wanted).order_by(*serializers.VOLUME_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([volume_payload(row, self.actor) for row in page.rows])


class VolumeView(ApiView):
    row: Volume

    def find(self, *, volume_id: UUID) -> Volume:
        return volume_for(self.actor, volume_id)

    @endpoint("get_volume", answer=serializers.VolumeShape)
    def get(self) -> Any:
        """One volume."""
        return volume_payload(self.row, self.actor)

    @endpoint("delete_volume", answer={202: JobAnswer}, operation="volume.delete")
    def delete(self) -> Any:
        """Delete a disk that belongs to no guest."""
        return accepted(self.actor, delete_volume(self.actor, self.row))
