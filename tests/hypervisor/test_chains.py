"""Which file of a disk may be merged or dropped, by what pins what."""

from __future__ import annotations

from hypervisor.chains import Drop, Merge, family_of, leaf_above, next_step, overlay_path

ROOT, ONE, TWO, BACK = "/pool/web-vda.qcow2", "/pool/web-vda~s1.qcow2", "/pool/web-vda~s2.qcow2", "/pool/web-vda~s1-77.qcow2"
CLONE, IMAGE = "/pool/other-vda.qcow2", "/pool/base.qcow2"
OURS = {ROOT, ONE, TWO, BACK}
LINE = {IMAGE: "", ROOT: IMAGE, ONE: ROOT, TWO: ONE}


def test_overlays_are_named_after_their_disk() -> None:
    assert overlay_path(ROOT, "s1") == ONE
    assert overlay_path(ONE, "s2") == TWO
    assert overlay_path("/pool/raw.raw", "s1") == "/pool/raw~s1.qcow2"
    others = {CLONE: ROOT, "/other/web-vda~s9.qcow2": "", "/pool/web-vda2~s1.qcow2": ""}
    assert family_of(ONE, LINE | others) == family_of(ROOT, LINE | others) == {ROOT, ONE, TWO}


def test_nothing_is_done_while_everything_is_pinned() -> None:
    assert next_step(LINE, ours=OURS, pinned={ROOT, ONE, TWO}) is None


def test_the_file_of_a_deleted_snapshot_takes_the_overlay_above_it_in() -> None:
    assert next_step(LINE, ours=OURS, pinned={ONE, TWO}) == Merge(ROOT, ONE)
    assert next_step(LINE, ours=OURS, pinned={ROOT, TWO}) == Merge(ONE, TWO)


def test_a_file_with_two_branches_stays_until_one_is_gone() -> None:
    tree = {**LINE, BACK: ROOT}
    assert next_step(tree, ours=OURS, pinned={ONE, TWO, BACK}) is None
    assert next_step({IMAGE: "", ROOT: IMAGE, BACK: ROOT}, ours=OURS, pinned={BACK}) == Merge(ROOT, BACK)


def test_only_abandoned_leaves_are_dropped() -> None:
    tree = {**LINE, BACK: ROOT}
    assert next_step(tree, ours=OURS, pinned={ROOT, ONE, BACK}) is None, "it may be a disk that was detached"
    assert next_step(tree, ours=OURS, pinned={ROOT, ONE, BACK}, abandoned=[TWO]) == Drop(TWO)
    assert next_step({ROOT: ""}, ours=OURS, pinned=(), abandoned=[ROOT]) is None, "a disk's first file is never dropped"


def test_a_linked_clone_protects_what_it_lies_on() -> None:
    assert next_step({**LINE, CLONE: ROOT}, ours=OURS, pinned={ONE, TWO}) is None
    assert next_step({**LINE, CLONE: ONE}, ours=OURS, pinned={ONE, TWO}) is None
    assert next_step({IMAGE: "", ROOT: IMAGE, CLONE: ROOT}, ours=OURS, pinned=()) is None


def test_files_with_snapshots_inside_are_not_merged_away() -> None:
    assert next_step(LINE, ours=OURS, pinned={ONE, TWO}, whole={ONE}) is None


def test_a_chain_has_a_top() -> None:
    assert leaf_above(ROOT, LINE) == TWO
