"""Setting limits, of one tenant and by default. Each change leaves a QuotaChange, whoever made it: REST, admin, or an approved request.

Counting against limits is `tenants.quota`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kvmweb.errors import InvalidInput
from tenants import gate
from tenants.actor import Actor
from tenants.gate import operation
from tenants.models import Quota, QuotaChange, QuotaDefault, QuotaRequest, Tenant
from tenants.quota import hold

DEFAULT: Literal["default"] = "default"
Limit = int | Literal["default"] | None
"""A number, None for no limit, or "default": whatever the installation's default is."""

LARGEST = 2**31 - 1
LONGEST_REASON = 1000


@operation("tenant.set_quota")
def set_quota(actor: Actor, tenant: Tenant, limits: Mapping[str, Limit], *, reason: str = "", request: QuotaRequest | None = None) -> Quota:
    """Limits that are not named stay as they are. A limit below what is used stops new use and takes nothing away."""
    _check(limits, reason)
    hold(tenant)  # two changes at once: the second one's "before" is the first one's "after"
    quota = Quota.objects.filter(tenant=tenant).first() or Quota(tenant=tenant, follows_default=list(Quota.RESOURCES))
    before = own_limits(quota)
    follows = set(quota.follows_default)
    for name, limit in limits.items():
        follows = follows | {name} if limit == DEFAULT else follows - {name}
        setattr(quota, name, None if limit == DEFAULT else limit)
    quota.follows_default = [name for name in Quota.RESOURCES if name in follows]
    quota.save()
    _remember(actor, tenant, before, own_limits(quota), reason=reason, request=request)
    return quota


@operation("quota_default.change")
def set_default_quota(actor: Actor, target: None, limits: Mapping[str, int | None], *, reason: str = "") -> QuotaDefault:
    """For all tenants that follow the default, those made later too. Limits that are not named stay."""
    _check(limits, reason)
    QuotaDefault.objects.get_or_create(pk=1)
    default = QuotaDefault.objects.select_for_update().get(pk=1)
    before = {name: getattr(default, name) for name in Quota.RESOURCES}
    for name, limit in limits.items():
        setattr(default, name, limit)
    default.save()
    _remember(actor, None, before, {name: getattr(default, name) for name in Quota.RESOURCES}, reason=reason)
    return default


def own_limits(quota: Quota | None) -> dict[str, Limit]:
    """A tenant's limits as they were set: a resource that follows the default says "default"."""
    follows = Quota.RESOURCES if quota is None else quota.follows_default
    return {name: DEFAULT if name in follows else getattr(quota, name) for name in Quota.RESOURCES}


def _remember(
    actor: Actor,
    tenant: Tenant | None,
    before: Mapping[str, Limit],
    after: Mapping[str, Limit],
    *,
    reason: str,
    request: QuotaRequest | None = None,
) -> None:
    changed = [name for name in Quota.RESOURCES if before[name] != after[name]]
    if not changed:
        return
    gate.note(reason, changes={name: [before[name], after[name]] for name in changed})
    QuotaChange.objects.create(
        tenant=tenant,
        actor_label=actor.label[:200],
        actor_user_id=actor.user_id,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
        reason=reason,
        request=request,
    )


def _check(limits: Mapping[str, Limit], reason: str) -> None:
    problems = dict.fromkeys(set(limits) - set(Quota.RESOURCES), "A quota does not count this.")
    for name, limit in limits.items():
        is_number = isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit <= LARGEST
        if limit is not None and limit != DEFAULT and not is_number:
            problems[name] = f"A whole number from 0 to {LARGEST}."
    if len(reason) > LONGEST_REASON:
        problems["reason"] = f"At most {LONGEST_REASON} characters."
    if problems:
        raise InvalidInput(fields=problems)
