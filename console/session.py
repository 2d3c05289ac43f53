"""One console from ticket to close, the same for every front end: `open_console_line`, then, once the socket is accepted, `carry`."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from contextlib import suppress
from dataclasses import dataclass

from console import admission, closing, database, lines, rights
from console.admission import Admission, Doings, Request
from console.closing import Closing, Refused
from console.relay import Viewer, relay
from console.rfb import filter_for
from console.watch import Watched, watch
from hypervisor.broker_client import Asked

log = logging.getLogger(__name__)

SETTLE_S = 0.3
"""A guest that stops closes its display before libvirt and the watcher say that it stopped."""
FIRST_PICTURE_S = 0.05


@dataclass(frozen=True, slots=True)
class OpenLine:
    admission: Admission
    line: socket.socket


async def open_line(request: Request) -> OpenLine:
    """Raises Refused."""
    admitted, asked = await database.in_thread(_admit_and_ask, request)
    try:
        return OpenLine(admitted, await lines.take(admitted, asked))
    except Refused as refused:
        await database.record(admission.refuse_failed, admitted, refused.closing)
        raise


def _admit_and_ask(request: Request) -> tuple[Admission, Asked]:
    """The right is checked while the broker works; nothing is read from the line before."""
    claim = admission.claim(request)
    try:
        asked = lines.ask(claim.admission)
    except Refused as refused:
        admission.refuse_failed(claim.admission, refused.closing)
        raise
    try:
        return admission.check(claim), asked
    except BaseException:
        asked.close()
        raise


async def carry(viewer: Viewer, opened: OpenLine) -> Closing:
    """Relay until it ends, and keep the record. Returns what to close the viewer's socket with."""
    admitted = opened.admission
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Closing] = loop.create_future()

    def end(why: Closing) -> None:
        with suppress(RuntimeError):  # the gateway's loop of this console is closed already
            loop.call_soon_threadsafe(_set, ended, why)

    watched = Watched(grant=admitted.grant, end=end)
    noting = asyncio.ensure_future(_note_opening(admitted))
    try:
        with opened.line:
            watch.add(watched)
            why = await relay(viewer, opened.line, inputs=filter_for(admitted.kind, admitted.mode), watched=watched, ended=ended)
    except Refused as refused:
        why = refused.closing
    finally:
        watch.remove(watched)
        await noting
    if why is closing.LINE_ENDED:
        why = await _why_line_ended(admitted)
    done = Doings(time.monotonic() - watched.opened_s, watched.to_viewer_bytes, watched.to_guest_bytes)
    await database.record(admission.end, admitted, why, done=done)
    return why


async def _note_opening(admitted: Admission) -> None:
    """After the first picture, which another insert would hold up: the ticket's issue is in the audit trail already."""
    await asyncio.sleep(FIRST_PICTURE_S)
    await database.record(admission.note_opening, admitted)


async def _why_line_ended(admitted: Admission) -> Closing:
    """Ask who knows: first whether the guest is still theirs to see, then its host."""
    await asyncio.sleep(SETTLE_S)
    lost = await database.in_thread(rights.lost_rights, [admitted.grant])
    if lost:
        return lost[admitted.grant.session_id]
    try:
        (await lines.take(admitted, lines.ask(admitted))).close()
    except Refused as refused:
        return refused.closing
    return closing.LINE_ENDED


def _set(ended: asyncio.Future[Closing], why: Closing) -> None:
    if not ended.done():
        ended.set_result(why)
