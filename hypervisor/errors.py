"""What can go wrong on a host, in our own classes. `hypervisor.libvirt.translate` maps libvirtError onto them.

`str(error)` is a sentence that may name hosts and paths: it is for operators. Tenants get the sentence of the caller.
"""


class HypervisorError(Exception):
    """Any refusal or failure of a host. `__cause__` keeps the original."""


class HostUnreachable(HypervisorError):
    """The host, or its libvirt, does not answer. Nothing is known about what it did with the last call."""


class NotFoundOnHost(HypervisorError):
    """The named guest, volume, pool or network does not exist there."""


class AlreadyExists(HypervisorError):
    """The name, uuid or address is taken there."""


class Refused(HypervisorError):
    """The host understood and said no: wrong state, bad definition, no resources, no permission."""


class Conflict(Refused):
    """What is there is no longer what the caller thought: look again and decide anew."""


class NoSpace(Refused):
    """The pool or its file system is full."""


class TimedOut(HypervisorError):
    """The host answered, but what was waited for did not happen in time."""


class Unsupported(HypervisorError):
    """This host's libvirt, driver or emulator cannot do that."""
