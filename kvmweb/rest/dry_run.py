"""?dry_run=true: the change is made in a transaction that is rolled back, and the answer tells what it would have done.

Services only write rows and submit jobs (sent after commit), so a rolled-back transaction touches nothing, and plan and change can
never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework.response import Response

from tenants.quota import limits_of, usage_of

REFUSALS = (409, 412)
"""Refusals by state are part of a plan; bad input, missing rights and missing rows are errors of the question."""


def is_refusal(response: Response) -> bool:
    return response.status_code in REFUSALS


def plan_of(response: Response, before: Any) -> dict[str, Any]:
    """Call inside the transaction. `before`: the row's payload before the change, if there was a row."""
    refusals = [{key: response.data["error"][key] for key in ("code", "message", "hint", "details")}] if is_refusal(response) else []
    result = None if refusals else response.data
    return {
        "dry_run": True,
        "is_possible": not refusals,
        "status": response.status_code,
        "refusals": refusals,
        "plan": [] if refusals else lines_of(result, before),
        "quota": {},
        "result": result,
    }


def lines_of(result: Any, before: Any) -> list[dict[str, str]]:
    """One line for the job that would run, or one for each field that would change."""
    if isinstance(result, Mapping) and isinstance(result.get("job"), Mapping):
        job = result["job"]
        return [{"when": "now", "text": job["title"]}]
    if isinstance(result, Mapping) and isinstance(before, Mapping):
        changed = [
            name for name in result if name in before and result[name] != before[name] and name not in ("version", "allowed_actions")
        ]
        return [{"when": "now", "text": f"{name}: {before[name]} becomes {result[name]}"} for name in changed]
    return []


def refused_effect(plan: Mapping[str, Any]) -> dict[str, dict[str, int | None]]:
    """What the quota refused: resource -> limit, used now, and what would have been used."""
    lines = [line for refusal in plan["refusals"] if refusal["code"] == "quota_exceeded" for line in refusal["details"]["exceeded"]]
    return {line["resource"]: {"limit": line["limit"], "used": line["used"], "after": line["used"] + line["asked"]} for line in lines}


def quota_effect(tenant_id: UUID | None, after: Mapping[str, int] | None) -> dict[str, dict[str, int | None]]:
    """Call after the rollback. resource -> limit, used now, used then; only what would change."""
    if tenant_id is None or after is None:
        return {}
    used, limits = usage_of(tenant_id), limits_of(tenant_id)
    return {name: {"limit": limits[name], "used": used[name], "after": after[name]} for name in after if after[name] != used[name]}
