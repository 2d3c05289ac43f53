"""Does the chain hold? Names the first broken entry and how: changed, removed, inserted, reordered, or cut off at the end.

Reads only. The end of the chain can be cut without leaving a hole; that shows against an anchor, a head that was kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tenants.audit import canonical, triggers
from tenants.audit.chain import Head
from tenants.models import AuditEntry, AuditLink

BATCH = 2000
NEARBY = 1000
"""So far around a broken link is looked for whose place its entry has taken."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head as it was at a time, from a place the database's administrator cannot reach."""

    seq: int
    hash: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """`how`: changed, removed, inserted, reordered, truncated or unprotected."""

    seq: int
    how: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    count: int
    head: Head
    broken: Broken | None = None

    @property
    def is_intact(self) -> bool:
        return self.broken is None


def verify(*, first: int | None = None, last: int | None = None, anchors: Sequence[Anchor] = ()) -> Verdict:
    """All of the chain, or from link `first` to link `last`."""
    count, head = 0, _before(first)
    anchored = {anchor.seq: anchor for anchor in anchors}
    for link, entry in _links(first or 1, last):
        broken = _broken(link, entry, head, is_first=count == 0 and first is None)
        anchor = anchored.get(link.seq)
        if broken is None and anchor is not None and anchor.hash != link.hash:
            broken = Broken(
                link.seq, "changed", f"{_name(link.seq)} is not the one the anchor of {anchor.at} knows: history was rewritten."
            )
        if broken:
            return Verdict(count, head, broken)
        count, head = count + 1, Head(link.seq, link.hash)
    return Verdict(count, head, _loose_ends(head, anchors, is_partial=last is not None))


def _before(first: int | None) -> Head:
    """What comes before the part that is looked at is taken as it is."""
    if first is None or first <= 1:
        return Head()
    link = AuditLink.objects.filter(seq__lt=first).order_by("-seq").first()
    return Head(link.seq, link.hash) if link else Head()


def _links(first: int, last: int | None) -> Iterator[tuple[AuditLink, AuditEntry | None]]:
    after = first - 1
    while True:
        links = AuditLink.objects.filter(seq__gt=after).order_by("seq")
        batch = list((links.filter(seq__lte=last) if last is not None else links)[:BATCH])
        if not batch:
            return
        entries = AuditEntry.objects.in_bulk([link.entry_id for link in batch])
        for link in batch:
            yield link, entries.get(link.entry_id)
        after = batch[-1].seq


def _broken(link: AuditLink, entry: AuditEntry | None, head: Head, *, is_first: bool) -> Broken | None:
    name = _name(link.seq)
    if is_first and link.seq > 1:
        if _is_checkpoint(link):
            head = Head(link.seq - 1, link.previous)
        else:
            return Broken(1, "removed", f"Entries 1 to {link.seq - 1} were removed, and no archive accounts for them.")
    if link.seq != head.seq + 1:
        return Broken(head.seq + 1, "removed", f"{_name(head.seq + 1)} was removed: the next one is {link.seq}.")
    if entry is None:
        return Broken(link.seq, "removed", f"{name} (row {link.entry_id}) was removed.")
    said = f'{name} (row {entry.pk}, {entry.at:%Y-%m-%d %H:%M:%S} UTC, {entry.operation} by "{entry.actor_label}")'
    if canonical.digest_of(entry) != entry.digest:
        return Broken(link.seq, "changed", f"{said} was changed: it is not what its digest says.")
    if link.hash == canonical.link_hash(head.hash, link.seq, entry.pk, entry.digest) and link.previous == head.hash:
        return None
    place = _place_of(link, entry)
    if place is not None:
        return Broken(link.seq, "reordered", f"{said} is not where it was: it was number {place}.")
    if link.previous != head.hash:
        return Broken(link.seq, "inserted", f"{said} does not follow the one before: it was inserted, or what came before was replaced.")
    return Broken(link.seq, "changed", f"{said} was changed together with its digest: the chain knows another one.")


def _place_of(link: AuditLink, entry: AuditEntry) -> int | None:
    """The place in the chain this entry (or what it says) had before somebody moved it."""
    for other in AuditLink.objects.filter(seq__range=(link.seq - NEARBY, link.seq + NEARBY)).exclude(seq=link.seq):
        moved_link = link.hash == canonical.link_hash(link.previous, other.seq, entry.pk, entry.digest)
        moved_text = other.hash == canonical.link_hash(other.previous, other.seq, other.entry_id, entry.digest)
        if moved_link or moved_text:
            return int(other.seq)
    return None


def _is_checkpoint(first: AuditLink) -> bool:
    """An archived part is accounted for by an entry further on, which names its last link and hash."""
    archives = AuditEntry.objects.filter(operation="audit.archive", outcome=AuditEntry.Outcome.DONE).order_by("-at", "-id")
    return any(entry.details.get("seq") == first.seq - 1 and entry.details.get("hash") == first.previous for entry in archives[:100])


def _loose_ends(head: Head, anchors: Sequence[Anchor], *, is_partial: bool) -> Broken | None:
    if is_partial:
        return None
    cut = [anchor for anchor in anchors if anchor.seq > head.seq]
    if cut:
        kept = max(cut, key=lambda anchor: anchor.seq)
        sentence = f"The end was cut off: the chain ends at {head.seq}, and the anchor of {kept.at or 'an earlier time'} knows {kept.seq}."
        return Broken(head.seq + 1, "truncated", sentence)
    loose = AuditEntry.objects.filter(link__isnull=True).order_by("pk").first()
    if loose is not None:
        return Broken(
            head.seq + 1, "inserted", f'Row {loose.pk} ({loose.operation} by "{loose.actor_label}") was inserted beside the chain.'
        )
    if gone := sorted(triggers.missing()):
        sentence = f"The chain holds, but the database no longer protects it: {', '.join(gone)} is missing. Run manage.py migrate."
        return Broken(head.seq, "unprotected", sentence)
    return None


def _name(seq: int) -> str:
    return f"Entry {seq}"
