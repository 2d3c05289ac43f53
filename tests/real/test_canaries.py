"""Secrets stay where they belong: each is a text of its own, and none is in the database, redis, logs, processes, XML or answers."""

from __future__ import annotations

import re
import secrets
import sqlite3
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from tests.real.product import PASSWORD, Product

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

MAKE_PERSON = """
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from tenants.models import Membership, Tenant, User
user = User.objects.create_user("canary", password="{password}")
Membership.objects.create(user=user, tenant=Tenant.objects.get(name="default"), role="owner")
other = User.objects.create_user("canary-2")
Authenticator.objects.create(user=other, type="totp", data={{"secret": get_adapter().encrypt("{totp}")}})
"""
SESSIONS_ARE_ROWS = ("session",)
"""Django keeps the keys of sessions in its table as they are: whoever reads the database may act as somebody logged in."""


class Browser:
    """Logs in as a person does, by the form."""

    def __init__(self, product: Product) -> None:
        self.product, self.jar = product, CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def get(self, path: str) -> str:
        with self.opener.open(self.product.url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def log_in(self, username: str, password: str) -> str:
        """The session's key."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get("/login/"))
        assert found
        form = {"csrfmiddlewaretoken": found[1], "login": username, "username": username, "password": password}
        request = urllib.request.Request(
            self.product.url + "/login/", urllib.parse.urlencode(form).encode(), headers={"Referer": self.product.url + "/login/"}
        )
        with self.opener.open(request, timeout=30):
            pass
        return next(cookie.value or "" for cookie in self.jar if "session" in cookie.name)


@pytest.fixture
def monitored(product: Product, tmp_path: Path) -> Iterator[Path]:
    """Every command that redis gets meanwhile: messages to workers and to browsers too."""
    out = tmp_path / "redis-monitor"
    with out.open("wb") as file:
        monitor = subprocess.Popen(["redis-cli", "-s", str(product.data_dir / "redis.sock"), "monitor"], stdout=file)
        yield out
        monitor.kill()
        monitor.wait()


def test_no_secret_is_where_it_must_not_be(product: Product, monitored: Path) -> None:
    planted = {name: f"canary{secrets.token_hex(12)}" for name in ("password", "totp", "cloud-init password", "user-data")}
    product.manage("shell", "-c", MAKE_PERSON.format(password=planted["password"], totp=planted["totp"]))
    browser = Browser(product)
    planted["session"] = browser.log_in("canary", planted["password"])
    assert "/logout/" in browser.get("/")
    login = {"user": "person", "password": planted["cloud-init password"]}
    script = {"user_data": f"#cloud-config\nruncmd: [['echo', '{planted['user-data']}']]\n"}
    guest = product.create_micro("canaries", cloud_init=login, start=True)
    other = product.create_micro("canaries-2", cloud_init=script, start=False)
    try:
        planted["ticket"] = made(product, f"guests/{guest['id']}/console/", {"mode": "view"})["ticket"]
        planted["token"] = made(product, "tokens/", {"name": "canary"})["token"]
        tenant = product.api("GET", "tenants/")[1]["results"][0]["id"]
        planted["invitation"] = made(product, f"tenants/{tenant}/invitations/", {"role": "viewer"})["url"].rstrip("/").rpartition("/")[2]
        planted["the admin's password"] = PASSWORD
        # What was kept for a repeated request must not hold it either.
        product.api("POST", "tokens/", {"name": "again"})
        found = [
            f"{name} in {place}"
            for place, content in places(product, guest, other, monitored, browser)
            for name in names_in(content, planted, place)
        ]
    finally:
        product.delete_guest(guest)
        product.delete_guest(other)
    assert sorted(found) == []


def made(product: Product, path: str, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = product.api("POST", path, body)
    assert status == 201, answer
    return dict(answer)


def names_in(content: bytes, planted: dict[str, str], place: str) -> list[str]:
    kept = SESSIONS_ARE_ROWS if place.startswith("the database") else ()
    return [name for name, value in planted.items() if value.encode() in content and name not in kept]


def places(
    product: Product, guest: dict[str, Any], other: dict[str, Any], monitored: Path, browser: Browser
) -> Iterator[tuple[str, bytes]]:
    data = product.data_dir
    for file in data.glob("db.sqlite3*"):
        yield f"the database's file {file.name}", file.read_bytes()
    with sqlite3.connect(f"file:{data}/db.sqlite3?mode=ro", uri=True) as database:
        yield "the database's dump", "\n".join(database.iterdump()).encode(errors="replace")
    yield "redis, as it went by", monitored.read_bytes()
    yield "redis", dump_of_redis(data / "redis.sock")
    for file in [*data.glob("logs/*"), *data.glob("run/*"), *data.glob("redis/*"), data / "server.out"]:
        if file.is_file():
            yield f"the file {file.relative_to(data)}", file.read_bytes()
    yield from processes(product)
    for uuid in (guest["uuid"], other["uuid"]):
        for options in ([], ["--inactive"], ["--security-info"]):
            xml = subprocess.run(["virsh", "-c", "qemu:///system", "dumpxml", *options, uuid], capture_output=True, check=True)
            yield f"libvirt's XML {options}", xml.stdout

    for path in ("me/", "guests/", f"guests/{guest['id']}/", f"guests/{guest['id']}/timeline/", "jobs/", "tokens/", "audit/", "tenants/"):
        yield f"GET {path}", str(product.api("GET", path)[1]).encode()
    for job in product.api("GET", f"jobs/?target={guest['id']}")[1]["results"]:
        yield "a job", str(product.api("GET", f"jobs/{job['id']}/")[1]).encode()
    for path in ("/", "/guests/", f"/guests/{guest['id']}/", "/jobs/", "/account/", "/account/sessions/", "/tokens/", "/audit/"):
        yield f"the page {path}", browser.get(path).encode()


def dump_of_redis(socket: Path) -> bytes:
    def ask(*words: str) -> bytes:
        return subprocess.run(["redis-cli", "-s", str(socket), *words], capture_output=True, check=True, timeout=20).stdout

    readers = {b"string": ("get", ()), b"list": ("lrange", ("0", "-1")), b"hash": ("hgetall", ()), b"set": ("smembers", ())}
    found = [ask("pubsub", "channels")]
    for key in ask("--scan").split():
        command, rest = readers.get(ask("type", key.decode()).strip(), ("zrange", ("0", "-1")))
        found += [key, ask(command, key.decode(), *rest)]
    return b"\n".join(found)


def processes(product: Product) -> Iterator[tuple[str, bytes]]:
    """Command lines of all processes, and the environments of the product's own but the first: its starter gave it the password."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, parent = (folder / "cmdline").read_bytes(), re.search(r"\nPPid:\s+(\d+)", (folder / "status").read_text())
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        yield f"the command line of {command[:60]!r}", command
        is_ours = f"KVMWEB_DATA_DIR={product.data_dir}".encode() in environment
        if is_ours and int(folder.name) != product.process.pid and parent and int(parent[1]) > 1:
            yield f"the environment of {command[:60]!r}", environment
