"""REST: one's own SSH keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.response import Response

from accounts import payload, serializers, services
from accounts.models import SshKey
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint


class SshKeysView(ApiView):
    @endpoint("list_ssh_keys", query=serializers.SshKeyQuery, answer=page_of(serializers.SshKeyShape))
    def get(self) -> Any:
        """One's own SSH keys."""
        rows = SshKey.objects.visible_to(self.actor).order_by(*serializers.SSH_KEY_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([payload.ssh_key_payload(row) for row in page.rows])

    @endpoint("create_ssh_key", body=serializers.CreateSshKey, answer={201: serializers.SshKeyShape}, operation="ssh_key.create")
    def post(self) -> Any:
        """Keep a public key, to put it into guests later."""
        return Response(payload.ssh_key_payload(services.create_ssh_key(self.actor, None, **self.body)), status=201)


class SshKeyView(ApiView):
    row: SshKey

    def find(self, *, ssh_key_id: UUID) -> SshKey:
        return SshKey.objects.get_visible(self.actor, ssh_key_id)

    @endpoint("get_ssh_key", answer=serializers.SshKeyShape)
    def get(self) -> Any:
        """One of one's SSH keys."""
        return payload.ssh_key_payload(self.row)

    @endpoint("delete_ssh_key", answer={204: None})
    def delete(self) -> Any:
        """Forget a key. Guests that were made with it keep it."""
        services.delete_ssh_key(self.actor, None, self.row)
        return Response(status=204)
