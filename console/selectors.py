"""Reading the consoles that are open now. Everything starts from the actor."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, OuterRef

from console.models import ConsoleSession, ConsoleSessionQuerySet
from tenants.actor import Actor
from tenants.models import Membership


def open_consoles(actor: Actor) -> ConsoleSessionQuerySet:
    """With what `payload.session_payload` needs."""
    return with_people(ConsoleSession.objects.visible_to(actor).open())


def console_for(actor: Actor, session_id: UUID | str) -> ConsoleSession:
    """An open one, or NotFound."""
    return with_people(ConsoleSession.objects.open()).get_visible(actor, session_id)


def with_people(rows: ConsoleSessionQuerySet) -> ConsoleSessionQuerySet:
    """`is_outsider`: no member of the guest's tenant, so somebody who runs the installation."""
    is_member = Membership.objects.filter(user_id=OuterRef("user_id"), tenant_id=OuterRef("guest__tenant_id"))
    return rows.select_related("user", "guest__tenant").annotate(is_outsider=~Exists(is_member))
