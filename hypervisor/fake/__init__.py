"""An in-memory host for service and workflow tests, kept honest by the contract tests that the real ones also pass.

    machine = fake.machine(HostAddress("unix", "/a"))     the host itself: its state, faults and call counts
    host = fake.connect(HostAddress("unix", "/a"))        one connection to it, as `port.Host`
    before = machine.snapshot(); ...; assert machine.snapshot() == before

Connections to one address share one machine until `fake.reset()`. Use it as HYPERVISOR_CONNECTOR = "hypervisor.fake.connect".
"""

from __future__ import annotations

from hypervisor.errors import HostUnreachable
from hypervisor.fake.host import FakeHost
from hypervisor.fake.machine import FakeMachine, HostSnapshot
from hypervisor.specs import HostAddress

__all__ = ["FakeHost", "FakeMachine", "HostSnapshot", "connect", "machine", "reset"]

_machines: dict[HostAddress, FakeMachine] = {}


def machine(address: HostAddress) -> FakeMachine:
    """The machine at `address`, made on first use."""
    return _machines.setdefault(address, FakeMachine(label=f"{address.kind}:{address.socket_path}"))


def connect(address: HostAddress, *, timeout_s: float = 10.0) -> FakeHost:
    """A `port.Connector`."""
    target = machine(address)
    target.faults.connects += 1
    if target.faults.is_frozen:
        target.faults.wait_until_thawed(timeout_s)
    if target.faults.is_unreachable or target.faults.is_frozen:
        raise HostUnreachable(f"Host {target.label} did not answer within {timeout_s:g} s.")
    return FakeHost(target)


def reset() -> None:
    """Forget every machine; call it between tests."""
    _machines.clear()
