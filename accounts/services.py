"""Changes of one's SSH keys. Passwords, factors and sessions are allauth's business and are recorded in `accounts.receivers`."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts.models import SshKey
from accounts.ssh import parse_public_key
from kvmweb.errors import Conflict, NotAllowed
from tenants.actor import Actor
from tenants.gate import operation

MOST_KEYS = 50


@operation("ssh_key.create")
def create_ssh_key(actor: Actor, target: None, *, name: str, public_key: str) -> SshKey:
    _refuse_tokens_of_one_tenant(actor)
    parsed = parse_public_key(public_key)
    own = SshKey.objects.visible_to(actor)
    if own.count() >= MOST_KEYS:
        raise Conflict(f"You have {MOST_KEYS} SSH keys, which is the most.", hint="Delete one first.", code="too_many")
    if own.filter(name=name).exists():
        raise Conflict(f'You already have an SSH key "{name}".', hint="Choose another name.", code="name_taken")
    if there := own.filter(fingerprint=parsed.fingerprint).first():
        raise Conflict(f'You already have this key: "{there.name}".', code="already_there")
    try:
        with transaction.atomic():
            return SshKey.objects.create(user_id=str(actor.user_id), name=name, public_key=parsed.text, fingerprint=parsed.fingerprint)
    except IntegrityError as error:
        raise Conflict("You already have an SSH key of this name, or this key.", hint="Reload the list.", code="already_there") from error


@operation("ssh_key.delete")
def delete_ssh_key(actor: Actor, target: None, key: SshKey) -> None:
    """The caller found the key with `visible_to`. Guests made with it keep it."""
    _refuse_tokens_of_one_tenant(actor)
    key.delete()


def _refuse_tokens_of_one_tenant(actor: Actor) -> None:
    if actor.only_tenant:
        raise NotAllowed("This token is for one tenant; SSH keys belong to the whole account.", hint="Use a token without a tenant.")
