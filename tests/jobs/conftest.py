"""Small workflows on a list of "things" instead of a host, and helpers to run them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from hypervisor.errors import HostUnreachable
from jobs import workflow as registry
from jobs.models import Job
from jobs.services import submit
from jobs.workflow import JobContext, Step, Workflow
from tenants.actor import Actor, system_actor


@dataclass
class World:
    """What steps did, and what they are told to do."""

    things: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    raising: dict[str, Exception] = field(default_factory=dict)
    raising_in_undo: dict[str, Exception] = field(default_factory=dict)
    during: dict[str, Callable[[JobContext], None]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    host_is_down: bool = False

    def make(self, name: str) -> Step:
        def do(context: JobContext) -> dict[str, Any]:
            if self.host_is_down:
                raise HostUnreachable("Host h1 at /run/secret did not answer.")
            if name in self.raising:
                raise self.raising[name]
            self.done.append(name)
            self.things.add(name)
            if name in self.during:
                self.during[name](context)
            return {"made": name}

        def undo(context: JobContext) -> None:
            if self.host_is_down:
                raise HostUnreachable("Host h1 at /run/secret did not answer.")
            if name in self.raising_in_undo:
                raise self.raising_in_undo[name]
            self.undone.append(name)
            self.things.discard(name)

        return Step(name, f"Make {name}", do, undo, is_done=lambda context: name in self.things)

    def workflow(self, *names: str, **fields: Any) -> Workflow:
        return Workflow(
            "test.make",
            tuple(self.make(name) for name in names),
            on_success=lambda context: self.ended.append("success"),
            on_failure=lambda context: self.ended.append("failure"),
            **fields,
        )


WORLD_WORKFLOW: Workflow | None = None


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The kind test.make makes a, b and c."""
    world = World()
    monkeypatch.setitem(registry._registered, "test.make", registry.Registration(f"{__name__}.WORLD_WORKFLOW"))
    monkeypatch.setitem(globals(), "WORLD_WORKFLOW", world.workflow("a", "b", "c"))
    return world


@pytest.fixture
def submit_job(db: None) -> Callable[..., Job]:
    def make(actor: Actor | None = None, **fields: Any) -> Job:
        return submit(actor or system_actor("test"), **{"kind": "test.make", "title": "Make a, b and c", **fields})

    return make
