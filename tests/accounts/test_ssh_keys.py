"""SSH keys: only real public keys, one's own only, through REST and the page, offered when a guest is created."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import SshKey
from accounts.ssh import parse_public_key
from guests.models import CloudInit
from hosts.models import Host
from kvmweb.errors import InvalidInput
from networks.models import Network
from storage.models import Image, Pool
from tenants.models import AuditEntry, Tenant, User

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC4ogL9DMi2uQnnfoZoHrVTgpp5ru6oxdCT7vltHVnkk you@laptop"
PATH = "/api/v1/ssh-keys/"


def make_key(folder: Path, *options: str) -> tuple[str, str]:
    """(public key, fingerprint) by ssh-keygen."""
    file = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "a comment", "-f", str(file), *options], check=True, capture_output=True)
    listed = subprocess.run(["ssh-keygen", "-lf", str(file)], check=True, capture_output=True, text=True).stdout
    return file.with_suffix(".pub").read_text().strip(), listed.split()[1]


@pytest.mark.parametrize(
    "options", [("-t", "ed25519"), ("-t", "rsa", "-b", "2048"), ("-t", "ecdsa", "-b", "256"), ("-t", "ecdsa", "-b", "521")]
)
def test_real_keys_are_taken_with_the_fingerprint_of_ssh_keygen(tmp_path: Path, options: tuple[str, ...]) -> None:
    text, fingerprint = make_key(tmp_path, *options)
    parsed = parse_public_key(f"  {text}\n")
    assert (parsed.text, parsed.fingerprint) == (text, fingerprint)


BLOB = ED25519.split()[1]
BAD = {
    "empty": "",
    "private": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "two lines": f"{ED25519}\n{ED25519}",
    "options in front": f'command="rm -rf /" {ED25519}',
    "dss": ED25519.replace("ssh-ed25519", "ssh-dss"),
    "another type than it says": ED25519.replace("ssh-ed25519", "ssh-rsa"),
    "no base64": "ssh-ed25519 ????",
    "cut off": f"ssh-ed25519 {BLOB[:40]}",
    "too long": f"{ED25519} {'x' * 5000}",
    "control character": f"{ED25519}\x1b[2J",
    "line separator": f"{ED25519}\u2028ssh-rsa",
    "type only": "ssh-ed25519",
    "trailing bytes": f"ssh-ed25519 {BLOB}AAAA",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_what_is_no_key_is_refused_by_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_public_key(text)
    assert set(refused.value.fields) == {"public_key"}


def test_small_rsa_keys_are_refused(tmp_path: Path) -> None:
    text, _ = make_key(tmp_path, "-t", "rsa", "-b", "1024")
    with pytest.raises(InvalidInput, match="2048"):
        parse_public_key(text)


def test_rest_keeps_lists_shows_and_deletes(member: User, api_for: Callable[..., APIClient]) -> None:
    api = api_for(member)
    made = api.post(PATH, {"name": "laptop", "public_key": ED25519})
    assert made.status_code == 201, made.content
    key = made.json()
    assert key["fingerprint"].startswith("SHA256:")
    assert [row["name"] for row in api.get(PATH).json()["results"]] == ["laptop"]
    assert api.get(f"{PATH}{key['id']}/").json() == key
    assert api.delete(f"{PATH}{key['id']}/").status_code == 204
    assert api.get(PATH).json()["results"] == []
    operations = AuditEntry.objects.filter(operation__startswith="ssh_key").order_by("pk").values_list("operation", flat=True)
    assert list(operations) == ["ssh_key.create", "ssh_key.delete"]


def test_others_keys_are_not_there_whatever_the_role(
    member: User, admin: User, operator: User, stranger: User, api_for: Callable[..., APIClient]
) -> None:
    key = SshKey.objects.create(user=member, name="laptop", public_key=ED25519, fingerprint="SHA256:x")
    for user in (admin, operator, stranger):
        api = api_for(user)
        assert api.get(PATH).json()["results"] == []
        assert api.get(f"{PATH}{key.pk}/").status_code == 404
        assert api.delete(f"{PATH}{key.pk}/").status_code == 404
    assert SshKey.objects.count() == 1


def test_a_name_and_a_key_are_there_once(member: User, api_for: Callable[..., APIClient], tmp_path: Path) -> None:
    api = api_for(member)
    api.post(PATH, {"name": "laptop", "public_key": ED25519})
    other, _ = make_key(tmp_path, "-t", "ed25519")
    for name, text, code in (("laptop", other, "name_taken"), ("desk", ED25519, "already_there"), ("desk", f"{BLOB}", "invalid")):
        answer = api.post(PATH, {"name": name, "public_key": text})
        assert answer.json()["error"]["code"] == code
    assert SshKey.objects.count() == 1


def test_tokens_that_only_read_or_are_for_one_tenant_change_none(member: User, tenant: Tenant, api_for: Callable[..., APIClient]) -> None:
    for api in (api_for(member, "read"), api_for(member, "operate", tenant=tenant)):
        assert api.post(PATH, {"name": "laptop", "public_key": ED25519}).status_code == 403
    assert not SshKey.objects.exists()


def test_there_are_at_most_fifty(member: User, api_for: Callable[..., APIClient]) -> None:
    SshKey.objects.bulk_create(SshKey(user=member, name=f"k{n}", public_key="x", fingerprint=f"f{n}") for n in range(50))
    assert api_for(member).post(PATH, {"name": "one more", "public_key": ED25519}).status_code == 409


def test_the_page_adds_and_deletes(member: User, client_for: Callable[[User], Client]) -> None:
    client = client_for(member)
    assert client.post("/account/ssh-keys/", {"name": "laptop", "public_key": "nonsense"}).status_code == 422
    assert client.post("/account/ssh-keys/", {"name": "laptop", "public_key": ED25519}).status_code == 302
    key = SshKey.objects.get()
    assert key.fingerprint in client.get("/account/ssh-keys/").content.decode()
    assert client.post(f"/account/ssh-keys/{key.pk}/delete/").status_code == 302
    assert not SshKey.objects.exists()


def test_the_create_page_offers_ones_own_and_puts_them_into_the_guest(
    member: User, stranger: User, image: Image, host: Host, pool: Pool, network: Network, client_for: Callable[[User], Client]
) -> None:
    Image.objects.filter(pk=image.pk).update(has_cloud_init=True)
    mine = SshKey.objects.create(user=member, name="my laptop", public_key=ED25519, fingerprint="SHA256:x")
    foreign = SshKey.objects.create(user=stranger, name="not mine", public_key=ED25519, fingerprint="SHA256:x")
    client = client_for(member)
    page = client.get("/guests/new/").content.decode()
    assert "my laptop" in page
    assert "not mine" not in page
    sent = {"name": "web-9", "tenant": str(member.memberships.get().tenant_id), "image": str(image.pk), "vcpus": 1, "memory_mib": 256}
    refused = client.post("/guests/new/", {**sent, "own_keys": [str(foreign.pk)]})
    assert refused.status_code == 422
    made = client.post("/guests/new/", {**sent, "own_keys": [str(mine.pk)], "ssh_keys": ED25519})
    assert made.status_code == 302, made.content.decode()
    assert CloudInit.objects.get().user_data.count(BLOB) == 1
