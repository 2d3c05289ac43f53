"""Operating systems: what each supports and which hardware suits it. From osinfo-db where it is installed, plus `overlay` for newer ones.

    catalog().find("win11")          a System, by short id, id or the start of either
    advise(system, kvm=True)         an Advice: firmware, disk bus, NIC model ... for a new guest
    dress(spec, advice)              the GuestSpec with it

Plain values; nothing here knows libvirt or a host.
"""

from __future__ import annotations

from hypervisor.systems.advice import Advice, advise, dress
from hypervisor.systems.catalog import Catalog, System, catalog

__all__ = ["Advice", "Catalog", "System", "advise", "catalog", "dress"]
