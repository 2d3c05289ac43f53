"""REST: networks, read only for now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint
from networks.models import Network
from networks.payload import for_actor, network_payload
from networks.selectors import network_for, network_list
from networks.serializers import NETWORK_ORDERINGS, NetworkQuery, NetworkShape


class NetworksView(ApiView):
    @endpoint("list_networks", query=NetworkQuery, answer=page_of(NetworkShape))
    def get(self) -> Any:
        """Networks one may plug guests into."""
        wanted = self.query
        rows = network_list(self.actor, search=wanted.get("search", ""), host=wanted.get("host"), tenant=wanted.get("tenant"))
        page = keyset_page(rows.order_by(*NETWORK_ORDERINGS[wanted["ordering"]]), self.request, wanted)
        return page.answer([for_actor(self.actor, network_payload(row)) for row in page.rows])


class NetworkView(ApiView):
    row: Network

    def find(self, *, network_id: UUID) -> Network:
        return network_for(self.actor, network_id)

    @endpoint("get_network", answer=NetworkShape)
    def get(self) -> Any:
        """One network."""
        return for_actor(self.actor, network_payload(self.row))
