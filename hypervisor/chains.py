"""Files of disks and what hangs on them: which overlay belongs to which disk, and what may be merged or dropped. Pure.

An external snapshot freezes the file a disk was on and lets the guest write to a new overlay. So the files of a disk form a tree, and a
snapshot, or the guest itself, *pins* the file that holds its state. A file that nothing pins is superfluous: with nothing on top of it
it can go, with one overlay on top that overlay can be merged into it. `next_step` finds one such step at a time from what is really
there, so that it may be asked again after any crash.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass

MARK = "~"
"""Between a disk's name and an overlay's tag. Names of volumes that people or we choose never have it."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Write what is in `overlay` into `base`, which it lies upon; whatever lay on the overlay then lies on the base."""

    base: str
    overlay: str


@dataclass(frozen=True, slots=True)
class Drop:
    path: str


def overlay_path(path: str, tag: str) -> str:
    """Where an overlay of the disk that is on `path`, base or overlay, belongs: beside it."""
    return posixpath.join(posixpath.dirname(path), f"{stem_of(path)}{MARK}{tag}.qcow2")


def is_overlay(path: str) -> bool:
    return MARK in posixpath.basename(path)


def stem_of(path: str) -> str:
    """The same for a disk's first file and all overlays that were ever made of it."""
    name = posixpath.basename(path)
    return name.split(MARK)[0] if MARK in name else posixpath.splitext(name)[0]


def family_of(path: str, backing: Mapping[str, str]) -> set[str]:
    """The files of one disk: this one, what it lies upon as far as that is of the same name, and every overlay so named."""
    folder, stem, below = posixpath.dirname(path), stem_of(path), chain_of(path, backing)

    def belongs(file: str) -> bool:
        return posixpath.dirname(file) == folder and stem_of(file) == stem and (is_overlay(file) or file in below)

    return {file for file in backing if file == path or belongs(file)}


def next_step(
    backing: Mapping[str, str],
    *,
    ours: Collection[str],
    pinned: Collection[str],
    whole: Collection[str] = (),
    abandoned: Collection[str] = (),
) -> Merge | Drop | None:
    """`backing`: every file of the pools -> what it lies upon. `ours`: the families of the guest's disks. `whole`: files that must not
    be merged away although their content could be, as those with internal snapshots. `abandoned`: the only files that may be dropped; a
    disk that somebody detached is on a file that nothing pins too."""
    for path in sorted(ours):
        if path in pinned or path not in backing:
            continue
        above = _above(path, backing)
        if not above and path in abandoned and is_overlay(path):
            return Drop(path)
        if len(above) != 1:
            continue  # two branches need it: it stays, unseen, until one of them is gone
        overlay = above[0]
        upper = _above(overlay, backing)
        if overlay in ours and is_overlay(overlay) and overlay not in whole and len(upper) <= 1 and set(upper) <= set(ours):
            return Merge(path, overlay)
    return None


def leaf_above(path: str, backing: Mapping[str, str]) -> str:
    """The topmost file of a chain through `path`."""
    while above := _above(path, backing):
        path = above[0]
    return path


def chain_of(path: str, backing: Mapping[str, str]) -> list[str]:
    """The file and what it lies upon, topmost first."""
    chain: list[str] = []
    while path and path not in chain:
        chain.append(path)
        path = backing.get(path, "")
    return chain


def _above(path: str, backing: Mapping[str, str]) -> list[str]:
    return sorted(file for file, base in backing.items() if base == path)
