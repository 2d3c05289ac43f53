"""This worker process's open connections to hosts, made on first use by the connector that the settings name."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from hypervisor.pool import HostPool
from hypervisor.port import Connector, Host
from hypervisor.specs import HostAddress

CONNECT_TIMEOUT_S = 10.0


def _connect(address: HostAddress, *, timeout_s: float = CONNECT_TIMEOUT_S) -> Host:
    connect: Connector = import_string(settings.HYPERVISOR_CONNECTOR)
    return connect(address, timeout_s=timeout_s)


_pool = HostPool(_connect)


def host_at(address: HostAddress) -> Host:
    """Raises HostUnreachable within CONNECT_TIMEOUT_S. Do not close what you get."""
    return _pool.host(address, timeout_s=CONNECT_TIMEOUT_S)


def drop(address: HostAddress) -> None:
    _pool.drop(address)


def close_all() -> None:
    _pool.close_all()
