"""Write docs/permissions.md from the policy table: `manage.py permissions_reference`. A test compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from tenants.access import ROLES, by_noun, least_role, role_may
from tenants.policy import ABOUT_PEOPLE, words_for

HEAD = """# Permissions

Made by `manage.py permissions_reference` from `tenants/policy.py`, the one table that services, REST, sockets, consoles and buttons
read. The same is in the product at `/tenants/permissions/`, and what one person may do, and why, at `/tenants/access/`.

*viewer*, *member* and *owner* are roles in one tenant. *auditor*, *operator* and *admin* are roles over the whole installation: operators
and admins may in every tenant what owners may; auditors see everything and change nothing. Whoever may not see a thing is told it does not
exist (404); whoever sees it and may not change it is told which role may (403).

An API token does at most what its user may. Scope `read` changes nothing. Scope `operate` does what viewers, members and owners do, except
with {people}. Scope `admin` does all its user may. A token for one tenant sees nothing else and has no system role.

While an operator, auditor or admin *views as* a tenant, every change is refused.
"""


def reference() -> str:
    parts = [HEAD.format(people=" and ".join(f"{noun}s" for noun in ABOUT_PEOPLE))]
    for name, operations in by_noun():
        lines = [f"## {name}", "", f"| What | Operation | {' | '.join(ROLES)} |", f"|---|---|{'---|' * len(ROLES)}"]
        for operation in operations:
            marks = " | ".join("yes" if role_may(role, operation) else "–" for role in ROLES)
            lines.append(f"| {words_for(operation)} | `{operation}` | {marks} |")
        everybody = [operation for operation in operations if least_role(operation).startswith("anybody")]
        if everybody:
            lines += ["", f"Anybody who is logged in: {', '.join(f'`{operation}`' for operation in everybody)}."]
        parts.append("\n".join(lines))
    return "\n".join(parts[:1]) + "\n" + "\n\n".join(parts[1:]) + "\n"


class Command(BaseCommand):
    help = "Write docs/permissions.md from the policy table."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "permissions.md"
        path.write_text(reference(), encoding="utf-8")
        self.stdout.write(f"{path} written.")
