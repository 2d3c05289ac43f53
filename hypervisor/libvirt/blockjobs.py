"""Waiting for a block job of libvirt: a merge or a copy of a disk, in a running guest."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import libvirt

from hypervisor.errors import Refused
from hypervisor.xml.disk import find_disk
from hypervisor.xml.safe import attribute_at, parse_xml

LOOK_EVERY_S = 0.1


def wait_for_block_job(domain: Any, target: str, on_progress: Callable[[int, int], None], *, pivots: bool) -> None:
    """`pivots`: the job ends when the guest is moved over to the new file, which is done here as soon as the two are alike.

    What `on_progress` raises aborts the job, and the guest goes on with the file it was on.
    """
    while True:
        job = domain.blockJobInfo(target, 0)
        if not job:
            on_progress(1, 1)  # it may have been over before the first look
            return
        try:
            on_progress(job["cur"], job["end"])
        except BaseException:
            with suppress(libvirt.libvirtError):
                domain.blockJobAbort(target, 0)
            raise
        if pivots and job["cur"] == job["end"] and _is_ready(domain, target):
            domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
            on_progress(job["end"], job["end"])
            return
        if not domain.isActive():
            raise Refused("The guest stopped while its disk was worked on. Nothing is lost; do it again.")
        time.sleep(LOOK_EVERY_S)


def _is_ready(domain: Any, target: str) -> bool:
    """cur == end is true of a job that has just begun, too; the definition tells when the two files are alike."""
    disk = find_disk(parse_xml(domain.XMLDesc(0)), target)
    return disk is not None and attribute_at(disk, "mirror", "ready") == "yes"
