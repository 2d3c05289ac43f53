"""Storage pools."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lxml import etree

from hypervisor.specs import PoolSpec
from hypervisor.xml.element import E
from hypervisor.xml.safe import parse_xml, text_at


@dataclass(frozen=True, slots=True)
class PoolDefinition:
    """What a pool's XML tells that its cheap calls do not."""

    name: str
    uuid: UUID
    type: str
    path: str


def build_pool(spec: PoolSpec) -> etree._Element:
    return E.pool(E.name(spec.name), E.target(E.path(spec.path)), type="dir")


def parse_pool(text: str) -> PoolDefinition:
    root = parse_xml(text)
    return PoolDefinition(
        name=text_at(root, "name"), uuid=UUID(text_at(root, "uuid")), type=str(root.get("type", "")), path=text_at(root, "target/path")
    )
