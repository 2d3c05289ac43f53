"""What a browser may subscribe to: lists such as `guests`, and single rows such as `guest:<id>`. Apps register theirs in AppConfig.ready().

    register_topic("guests", snapshot="guests.live.list_snapshot", shape="guests.payload.for_actor")
    register_topic("guest", snapshot="guests.live.row_snapshot", shape="guests.payload.for_actor")

A list's `snapshot(actor)` and a row's `snapshot(actor, row_id)` return what the reader may see, or raise NotFound or NotAllowed: the topic
is then refused, the same for both. `shape(actor, data)` makes one receiver's view of a published delta: pure, no database; None hides it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.module_loading import import_string

from kvmweb.errors import KvmwebError, NotFound
from tenants.actor import Actor

KINDS = ("guest", "host", "job", "image", "volume", "pool", "network", "unmanaged", "console")
"""What may be published. The list topic of a kind is its name with an s."""

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Topic:
    """`is_shared`: rows without a tenant go to everybody (public images), not only to those who see everything.

    `is_personal`: what one sees depends on who one is, not only on one's roles, so it is not made once for all of the same roles.
    """

    name: str
    snapshot_path: str
    shape_path: str
    is_shared: bool
    is_personal: bool = False

    def shape(self, actor: Actor, data: Data) -> Data | None:
        if not self.shape_path:
            return data
        shape: Callable[[Actor, Data], Data | None] = import_string(self.shape_path)
        return shape(actor, data)


_topics: dict[str, Topic] = {}


def register_topic(name: str, *, snapshot: str, shape: str = "", is_shared: bool = False, is_personal: bool = False) -> None:
    _topics[name] = Topic(name, snapshot, shape, is_shared, is_personal)


def topic_for(topic: str) -> Topic | None:
    """The registration behind `guests` or `guest:<id>`; None for anything else."""
    name, separator, row_id = topic.partition(":")
    if bool(separator) != bool(row_id):
        return None
    found = _topics.get(name)
    return found if found is not None and bool(separator) == (name in KINDS or name == "metrics") else None


def take_snapshot(actor: Actor, topic: str) -> Data | None:
    """What `actor` sees of `topic` now, from the database; None when it is refused."""
    registered = topic_for(topic)
    if registered is None:
        return None
    snapshot: Callable[..., Data] = import_string(registered.snapshot_path)
    row_id = topic.partition(":")[2]
    try:
        return snapshot(actor, row_id) if row_id else snapshot(actor)
    except KvmwebError as error:
        if isinstance(error, NotFound) or error.status == 403:
            return None
        raise


def topics_of(kind: str, row_id: str) -> tuple[str, str]:
    """Where a change of a row is told: its list, and the row itself."""
    return f"{kind}s", f"{kind}:{row_id}"


def may_receive(actor: Actor, topic: Topic, tenant_id: str | None) -> bool:
    """Asked again for every delta, because a row may have moved to another tenant since the topic was granted."""
    if actor.sees_everything:
        return True
    if tenant_id is None:
        return topic.is_shared and actor.user_id is not None
    return any(str(mine) == tenant_id for mine in actor.tenant_ids)
