"""One installation for the whole run; every test once for each front end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.blackbox.stage import FrontEnd, Scene, Stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(Path(tmp_path_factory.mktemp("console")))
    yield stage
    stage.close()


@pytest.fixture(scope="session")
def fronts(stage: Stage) -> dict[str, FrontEnd]:
    return {"web": stage.start_web(), "gateway": stage.start_gateway()}


@pytest.fixture(params=["web", "gateway"])
def front(request: pytest.FixtureRequest, fronts: dict[str, FrontEnd]) -> FrontEnd:
    return fronts[request.param]


@pytest.fixture
def scene(stage: Stage, front: FrontEnd) -> Callable[..., Scene]:
    def make(guest: Any = None, **options: Any) -> Scene:
        return Scene(stage, front, guest, **options)

    return make
