"""What makes two elements "the same" device, and carrying a change over to a definition that holds more than we know.

`merge(theirs, before=..., after=...)` does to `theirs` what turns `before` into `after` and touches nothing else, so that what an
administrator added with virsh edit survives. Both ends of the change are built by us; `theirs` came from libvirt.
"""

from __future__ import annotations

import copy

from lxml import etree

from hypervisor.xml.host_device import parse_host_device
from hypervisor.xml.safe import attribute_at

Key = tuple[str, str]

_NAMED_BY: dict[str, tuple[str, str]] = {
    "disk": ("target", "dev"),
    "interface": ("mac", "address"),
    "channel": ("target", "name"),
    "feature": (".", "name"),
    "timer": (".", "name"),
    "parameter": (".", "value"),
    "vcpupin": (".", "vcpu"),
    "memnode": (".", "cellid"),
    "cell": (".", "id"),
    "boot": (".", "dev"),
    "input": (".", "type"),
    "graphics": (".", "type"),
}
"""Tag -> where its identity is. Others are told apart by their order among their like."""

_LIBVIRTS_OWN = {"address", "alias"}


def keys_of(parent: etree._Element) -> dict[Key, etree._Element]:
    """The children by what identifies them; libvirt's addresses and aliases are left out."""
    found: dict[Key, etree._Element] = {}
    for child in parent:
        if child.tag in _LIBVIRTS_OWN and parent.getparent() is not None and parent.tag != "source":
            continue
        name = _name_of(child)
        count = sum(1 for tag, known in found if tag == child.tag and (known == name or known.startswith(f"{name}#")))
        found[str(child.tag), name if not count else f"{name}#{count + 1}"] = child
    return found


def _name_of(element: etree._Element) -> str:
    tag = str(element.tag)
    if tag == "controller":
        model = str(element.get("model", ""))
        return f"{element.get('type')}:{'root-port' if 'root-port' in model else model}"
    if tag == "hostdev":
        return str(parse_host_device(element) or element.get("type"))
    if tag not in _NAMED_BY:
        return ""
    path, attribute = _NAMED_BY[tag]
    return (str(element.get(attribute, "")) if path == "." else attribute_at(element, path, attribute)).lower()


def merge(theirs: etree._Element, *, before: etree._Element, after: etree._Element) -> None:
    for name in {*before.attrib, *after.attrib}:
        if before.get(name) != after.get(name):
            _set(theirs, str(name), after.get(name))
    if (before.text or "").strip() != (after.text or "").strip():
        theirs.text = after.text
    olds, news, there = keys_of(before), keys_of(after), keys_of(theirs)
    for key, old in olds.items():
        if key not in news and key in there:
            theirs.remove(there[key])
        elif key in news and key in there:
            _merge_child(there[key], old, news[key])
        elif key in news and not _same(old, news[key]):
            theirs.append(copy.deepcopy(news[key]))
    for key, new in news.items():
        if key not in olds and key not in there:
            theirs.append(copy.deepcopy(new))
        elif key not in olds:
            _merge_child(there[key], etree.Element(new.tag), new)


def _merge_child(theirs: etree._Element, before: etree._Element, after: etree._Element) -> None:
    if before.tag == "model" and before.get("type") != after.get("type"):
        theirs.attrib.clear()  # the memory sizes that libvirt gave the old model mean nothing to the new one
        theirs.attrib.update(after.attrib)
    moved = attribute_at(before, "target", "bus") != attribute_at(after, "target", "bus")
    merge(theirs, before=before, after=after)
    if moved:
        # An address on the old bus would be refused on the new one; libvirt finds another.
        for address in theirs.findall("address"):
            theirs.remove(address)


def _set(element: etree._Element, name: str, value: str | None) -> None:
    if value is None:
        element.attrib.pop(name, "")
    else:
        element.set(name, value)


def _same(one: etree._Element, other: etree._Element) -> bool:
    return bool(etree.tostring(one, method="c14n") == etree.tostring(other, method="c14n"))
