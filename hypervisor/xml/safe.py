"""The only way XML text becomes elements and back. Entities, DTDs and the network are off; what is not XML is refused as such."""

from __future__ import annotations

from lxml import etree

from hypervisor.errors import Refused

MAX_CHARACTERS = 4 * 1024 * 1024


def parse_xml(text: str) -> etree._Element:
    """The root element. Comments and processing instructions are dropped: they carry no meaning for libvirt."""
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"The XML has {len(text)} characters; more than {MAX_CHARACTERS} are not read.")
    # A parser is made per call: lxml's are not shared safely between threads.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_blank_text=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused(f"This is not well-formed XML: {error}") from error
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise Refused("XML with a document type declaration is not accepted. Remove the <!DOCTYPE ...> part.")
    return root


def to_text(root: etree._Element) -> str:
    return etree.tostring(root, encoding="unicode", pretty_print=True)


def text_at(root: etree._Element, path: str, default: str = "") -> str:
    """The stripped text of the first element at `path`."""
    return (root.findtext(path) or default).strip()


def attribute_at(root: etree._Element, path: str, name: str, default: str = "") -> str:
    """The attribute of the first element at `path`."""
    found = root.find(path)
    return default if found is None else str(found.get(name, default))


def int_at(root: etree._Element, path: str, default: int = 0) -> int:
    text = text_at(root, path)
    return int(text) if text else default


_UNIT_BYTES = {
    "b": 1,
    "bytes": 1,
    "k": 1024,
    "kib": 1024,
    "kb": 1000,
    "m": 1024**2,
    "mib": 1024**2,
    "mb": 1000**2,
    "g": 1024**3,
    "gib": 1024**3,
    "gb": 1000**3,
    "t": 1024**4,
    "tib": 1024**4,
    "tb": 1000**4,
}


def size_at(root: etree._Element, path: str, *, default_unit: str) -> int:
    """A scaled integer of libvirt in bytes; 0 when the element is missing. Units: https://libvirt.org/formatdomain.html#memory-allocation"""
    found = root.find(path)
    if found is None or not (found.text or "").strip():
        return 0
    return int((found.text or "").strip()) * _UNIT_BYTES[str(found.get("unit", default_unit)).lower()]
