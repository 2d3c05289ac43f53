"""By which names browsers may reach this installation when nobody configured any: what DNS rebinding cannot point at us.

A page of a stranger can make its own name resolve to our address, and would then share our origin. It cannot do so for an IP address, for
a name without dots, or for a name below a domain that nobody can register. All others must be in KVMWEB_ALLOWED_HOSTS.
"""

from __future__ import annotations

import ipaddress
import socket

NOT_REGISTRABLE = (".localhost", ".local", ".lan", ".home", ".internal", ".intranet", ".private", ".corp", ".home.arpa", ".test")
"""RFC 6761, 6762, 8375, and names that ICANN keeps out of the root zone."""


class _Pattern(str):
    """An entry of ALLOWED_HOSTS that is not one name: Django compares entries with `pattern == host`."""

    __slots__ = ()

    def lower(self) -> _Pattern:
        return self

    __hash__ = str.__hash__


class AnyAddress(_Pattern):
    __slots__ = ()

    def __eq__(self, host: object) -> bool:
        try:
            ipaddress.ip_address(str(host).strip("[]"))
        except ValueError:
            return False
        return True

    __hash__ = str.__hash__


class AnyShortName(_Pattern):
    """Such as "kvm1": resolved by the network's own search domain or /etc/hosts only."""

    __slots__ = ()

    def __eq__(self, host: object) -> bool:
        name = str(host)
        return "." not in name and name not in ("", "*") and ":" not in name

    __hash__ = str.__hash__


def default_hosts() -> list[str]:
    return [AnyAddress("<any address>"), AnyShortName("<any name without dots>"), *NOT_REGISTRABLE, socket.gethostname().lower()]
