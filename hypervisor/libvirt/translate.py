"""libvirtError into our own errors. Error numbers: https://libvirt.org/html/libvirt-virterror.html"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import libvirt

from hypervisor.errors import (
    AlreadyExists,
    HostUnreachable,
    HypervisorError,
    NoSpace,
    NotFoundOnHost,
    Refused,
    TimedOut,
    Unsupported,
)

P = ParamSpec("P")
R = TypeVar("R")

_BY_CODE: dict[int, type[HypervisorError]] = {
    libvirt.VIR_ERR_NO_DOMAIN: NotFoundOnHost,
    libvirt.VIR_ERR_NO_STORAGE_POOL: NotFoundOnHost,
    libvirt.VIR_ERR_NO_STORAGE_VOL: NotFoundOnHost,
    libvirt.VIR_ERR_NO_NETWORK: NotFoundOnHost,
    libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT: NotFoundOnHost,
    libvirt.VIR_ERR_DOM_EXIST: AlreadyExists,
    libvirt.VIR_ERR_NETWORK_EXIST: AlreadyExists,
    libvirt.VIR_ERR_STORAGE_VOL_EXIST: AlreadyExists,
    libvirt.VIR_ERR_NO_SUPPORT: Unsupported,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: Unsupported,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: Unsupported,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED: Unsupported,
    libvirt.VIR_ERR_OPERATION_TIMEOUT: TimedOut,
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE: TimedOut,
    libvirt.VIR_ERR_NO_CONNECT: HostUnreachable,
    libvirt.VIR_ERR_INVALID_CONN: HostUnreachable,
    libvirt.VIR_ERR_AUTH_FAILED: HostUnreachable,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE: HostUnreachable,
    libvirt.VIR_ERR_AUTH_CANCELLED: HostUnreachable,
    libvirt.VIR_ERR_RPC: HostUnreachable,
    libvirt.VIR_ERR_UNKNOWN_HOST: HostUnreachable,
}

_BY_TEXT: tuple[tuple[str, type[HypervisorError]], ...] = (
    ("No space left on device", NoSpace),
    ("guest agent is not connected", Unsupported),
    # libvirt 9.0 says VIR_ERR_OPERATION_FAILED for a name that another guest, pool or network has.
    ("already exists", AlreadyExists),
    ("storage volume name", AlreadyExists),  # "... 'x' already in use", from a copy
    ("File exists", AlreadyExists),
    ("is already defined", AlreadyExists),
    # A connection lost in the middle of a call is VIR_ERR_INTERNAL_ERROR or VIR_ERR_SYSTEM_ERROR.
    ("client socket is closed", HostUnreachable),
    ("connection closed due to keepalive timeout", HostUnreachable),
    ("End of file while reading data", HostUnreachable),
    ("Broken pipe", HostUnreachable),
    ("Connection reset by peer", HostUnreachable),
    ("Failed to connect socket", HostUnreachable),
)


def translated_error(error: libvirt.libvirtError) -> HypervisorError:
    text = (error.get_error_message() or str(error)).strip()
    kind = next((kind for part, kind in _BY_TEXT if part in text), None) or _BY_CODE.get(error.get_error_code() or 0, Refused)
    return kind(text)


@contextmanager
def translating() -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as error:
        raise translated_error(error) from error


def translated(method: Callable[P, R]) -> Callable[P, R]:
    """Wrap a call of the port. Generators do their work later: use `translating` inside them."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with translating():
            return method(*args, **kwargs)

    return call


def is_code(error: libvirt.libvirtError, *codes: int) -> bool:
    return error.get_error_code() in codes
