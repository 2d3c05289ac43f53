"""`E.tag(*children, **attributes)` makes an element: lxml's own maker, with a type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lxml import etree
from lxml.builder import E as UNTYPED


class ElementMaker(Protocol):
    def __getattr__(self, tag: str) -> Callable[..., etree._Element]: ...
    def __call__(self, tag: str, *children: object, **attributes: str) -> etree._Element:
        """For a tag that is no Python name."""


E: ElementMaker = UNTYPED
