"""libvirt's own grammar for what people type: what is wrong with a definition, at which line. The schema files come with libvirt0."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from hypervisor.errors import Refused
from hypervisor.xml.safe import MAX_CHARACTERS, parse_xml

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class XmlProblem:
    """`line` and `column` count from 1; column 0: the line as a whole."""

    line: int
    column: int
    sentence: str


def xml_problems(text: str) -> tuple[XmlProblem, ...]:
    """Empty: well formed and true to the schema; that says nothing about the allow-list. Needs no host and no libvirt in the process."""
    if len(text) > MAX_CHARACTERS:
        return (XmlProblem(1, 0, f"The XML has {len(text)} characters; more than {MAX_CHARACTERS} are not read."),)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        document = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        return (XmlProblem(error.lineno or 1, error.offset or 0, f"This is not well-formed XML: {error.msg}."),)
    except ValueError as error:
        return (XmlProblem(1, 0, f"This is not XML: {error}."),)
    try:
        parse_xml(text)
    except Refused as error:
        return (XmlProblem(1, 0, str(error)),)
    schema = _schema()
    if schema is None or schema.validate(document):
        return ()
    found = [*_culprits(document, schema)] or [
        XmlProblem(entry.line, 0, entry.message.strip().rstrip(".") + ".") for entry in schema.error_log if entry.line > 0
    ]
    return tuple(sorted(found, key=lambda problem: problem.line))[:MAX_PROBLEMS]


def _culprits(document: etree._Element, schema: etree.RelaxNG) -> Iterator[XmlProblem]:
    """libxml2 blames the whole of <devices> for one wrong word in it, so each part is tried by itself (0.1 ms a try)."""
    devices = document.find("devices")
    parts = [] if devices is None else list(devices)
    for part in parts:
        devices.remove(part)  # type: ignore[union-attr]
    while not schema.validate(document):
        bad = next((child for child in document if child is not devices and _is_valid_without(child, document, schema)), None)
        inside = None if bad is not None else next(filter(None, (_inside(child, document, schema) for child in document)), None)
        if bad is None and inside is None:
            return  # something is missing: the schema's own words say what
        if bad is None:
            yield inside  # type: ignore[misc]
            return
        yield _inside(bad, document, schema) or _as_a_whole(bad)
        document.remove(bad)
    for part in parts:
        devices.append(part)  # type: ignore[union-attr]
        if not schema.validate(document):
            yield _inside(part, document, schema) or _as_a_whole(part)
            devices.remove(part)  # type: ignore[union-attr]


def _line(element: etree._Element) -> int:
    return int(str(element.sourceline or 1))


def _as_a_whole(part: etree._Element) -> XmlProblem:
    words = " ".join([str(part.tag), *(f'{name!s}="{value!s}"' for name, value in part.attrib.items())])
    return XmlProblem(_line(part), 0, f"libvirt does not know this here, or something in it is missing: <{words}>.")


def _inside(part: etree._Element, document: etree._Element, schema: etree.RelaxNG) -> XmlProblem | None:
    """The attribute or element of `part` without which all would be well."""
    for element in reversed(list(part.iter(etree.Element))):  # the innermost first
        for name, value in list(element.attrib.items()):
            del element.attrib[name]
            is_it = schema.validate(document)
            element.set(name, value)
            if is_it:
                sentence = f'{name!s}="{value!s}" is not what libvirt expects of <{element.tag}>.'
                return XmlProblem(_line(element), 0, sentence)
        if element is not part and element.getparent() is not None and _is_valid_without(element, document, schema):
            return XmlProblem(_line(element), 0, f"<{element.tag}> is not expected inside <{part.tag}>.")
    return None


def _is_valid_without(element: etree._Element, document: etree._Element, schema: etree.RelaxNG) -> bool:
    parent = element.getparent()
    assert parent is not None
    place = parent.index(element)
    parent.remove(element)
    is_valid = schema.validate(document)
    parent.insert(place, element)
    return is_valid


@functools.cache
def _schema() -> etree.RelaxNG | None:
    """None where libvirt's files are not installed: the host then has the last word, without line numbers."""
    return etree.RelaxNG(etree.parse(str(SCHEMA))) if SCHEMA.exists() else None
