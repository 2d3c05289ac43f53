"""What people type into the XML tab is answered with lines."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hypervisor.xml.schema import SCHEMA, XmlProblem, xml_problems

GOOD = (Path(__file__).parent / "golden" / "guest-everything.xml").read_text()

pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="libvirt's schemas are not installed: apt-get install libvirt0")


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_good_xml_has_no_problems() -> None:
    assert xml_problems(GOOD) == ()


@pytest.mark.parametrize(
    ("old", "new", "at", "word"),
    [
        ('bus="virtio"', 'bus="virtjo"', "virtjo", "virtjo"),
        ('<interface type="network">', '<interface type="netwerk">', "netwerk", "netwerk"),
        ("<on_poweroff>destroy", "<on_poweroff>explode", "explode", "on_poweroff"),
        ("<devices>", "<devices>\n<teapot/>", "<teapot/>", "teapot"),
        ('unit="MiB"', 'unit="Mib!"', 'unit="Mib!"', "Mib!"),
        ("<iotune>", "<iotune><speed>1</speed>", "<iotune>", "speed"),
    ],
)
def test_a_problem_is_named_at_its_line(old: str, new: str, at: str, word: str) -> None:
    text = GOOD.replace(old, new, 1)
    problem = xml_problems(text)[0]
    assert (problem.line, word in problem.sentence) == (line_of(text, at), True), problem


def test_two_wrong_devices_are_two_problems() -> None:
    text = GOOD.replace('bus="virtio"', 'bus="virtjo"', 1).replace('type="e1000"', 'typo="e1000"')
    assert len(xml_problems(text)) == 2


@pytest.mark.parametrize("text", ["", "<domain>", "not xml", "<!DOCTYPE x><domain/>", "<a>\x00</a>", GOOD.replace("</devices>", "")])
def test_what_is_not_xml_is_one_problem(text: str) -> None:
    problems = xml_problems(text)
    assert len(problems) == 1
    assert problems[0].line >= 1
    assert isinstance(problems[0], XmlProblem)


def test_something_missing_is_a_problem_too() -> None:
    assert xml_problems(GOOD.replace("<name>everything-11111111</name>", ""))


def test_it_is_quick() -> None:
    text = GOOD.replace('bus="virtio"', 'bus="virtjo"', 1)
    xml_problems(text)
    started = time.perf_counter()
    xml_problems(text)
    assert time.perf_counter() - started < 0.5
