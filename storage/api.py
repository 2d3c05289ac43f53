"""REST: images, pools and volumes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint
from storage import serializers
from storage.models import Image, Pool, Volume
from storage.payload import image_payload, pool_payload, volume_payload
from storage.selectors import image_for, image_list, pool_list, volume_for, volume_list


class ImagesView(ApiView):
    @endpoint("list_images", query=serializers.ImageQuery, answer=page_of(serializers.ImageShape))
    def get(self) -> Any:
        """Images one can make guests from, and those being made."""
        wanted = {name: self.query[name] for name in ("search", "kind", "state", "tenant") if name in self.query}
        rows = image_list(self.actor, **wanted).order_by(*serializers.IMAGE_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([image_payload(row, self.actor) for row in page.rows])


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
        return Pool.objects.select_related("host").get_visible(self.actor, pool_id)  # type: ignore[attr-defined]

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
