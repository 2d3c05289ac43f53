"""Quota: what a tenant may use and does use. The apps above import the counting from here; pages, REST and admin have own files."""

from tenants.quota.counting import (
    UNITS,
    hold,
    limit_of,
    limits_of,
    limits_of_all,
    register_usage,
    reserve,
    unreadable_is_503,
    usage_of,
    usage_of_all,
)

__all__ = [
    "UNITS",
    "hold",
    "limit_of",
    "limits_of",
    "limits_of_all",
    "register_usage",
    "reserve",
    "unreadable_is_503",
    "usage_of",
    "usage_of_all",
]
