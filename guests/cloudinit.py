"""What a new guest reads at its first boot (cloud-init's NoCloud data source), and checks of what people write for it.

Pure: text in, text or bytes out. Secrets pass through; nothing here logs or stores.
"""

from __future__ import annotations

import crypt
import io
import re
from collections.abc import Sequence

import pycdlib
import yaml

from guests.requests import CloudInitRequest

LONGEST_USER_DATA_BYTES = 64 * 1024
SEED_LABEL = "cidata"
USER_PATTERN = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
HOSTNAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
SSH_KEY_PATTERN = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
    r" [A-Za-z0-9+/]{40,8000}={0,3}( [\x20-\x7e]{0,200})?"
)
MOST_SSH_KEYS = 20
RESERVED_USERS = frozenset({"root", "daemon", "bin", "sys", "nobody", "systemd-network", "messagebus", "sshd"})
DEFAULT_USERS = {"debian": "debian", "ubuntu": "ubuntu", "fedora": "fedora", "almalinux": "almalinux", "rocky": "rocky"}


def problems_of(request: CloudInitRequest) -> dict[str, str]:
    """Every wrong field, with what is allowed."""
    wrong: dict[str, str] = {}
    if request.hostname and not HOSTNAME_PATTERN.fullmatch(request.hostname):
        wrong["cloud_init.hostname"] = "Letters, digits and hyphens, at most 63, with a letter or digit at both ends."
    if request.user and (not USER_PATTERN.fullmatch(request.user) or request.user in RESERVED_USERS):
        wrong["cloud_init.user"] = "A lower-case Linux user name of at most 32 characters, not root or another system account."
    if len(request.ssh_keys) > MOST_SSH_KEYS:
        wrong["cloud_init.ssh_keys"] = f"At most {MOST_SSH_KEYS} keys."
    elif any(not SSH_KEY_PATTERN.fullmatch(key.strip()) for key in request.ssh_keys):
        wrong["cloud_init.ssh_keys"] = "Paste public keys, one each, such as: ssh-ed25519 AAAA... name. Options in front are not accepted."
    if request.password and not (6 <= len(request.password) <= 128 and request.password.isprintable()):
        wrong["cloud_init.password"] = "6 to 128 printable characters."
    if request.user_data:
        problem = why_not_user_data(request.user_data)
        if not problem and (request.user or request.ssh_keys or request.password):
            problem = "Give either whole user-data, or a user with keys and password."
        if problem:
            wrong["cloud_init.user_data"] = problem
    return wrong


def why_not_user_data(text: str) -> str:
    """Empty when cloud-init will understand it: a script, or a #cloud-config that is a YAML mapping."""
    if len(text.encode()) > LONGEST_USER_DATA_BYTES:
        return "At most 64 KiB."
    if "\0" in text:
        return "Text without zero bytes."
    if text.startswith("#!"):
        return ""
    if not text.startswith("#cloud-config"):
        return "Begin with #cloud-config, or with #! for a script."
    try:
        # Aliases first, by events only: a few lines of nested aliases expand to gigabytes ("billion laughs").
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                return "YAML aliases (*name) are not accepted. Write the value out."
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return f"This is not valid YAML: {_where(error)}"
    return "" if isinstance(content, dict) else "A #cloud-config has to be a mapping: lines such as key: value."


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", "") or "it cannot be read"
    return f"{problem}, line {mark.line + 1}." if mark is not None else f"{problem}."


def user_data(request: CloudInitRequest, *, hostname: str, os: str) -> str:
    """The #cloud-config to put on the seed. The password is in it as a salted SHA-512 hash only."""
    if request.user_data:
        return request.user_data
    config: dict[str, object] = {"hostname": hostname, "preserve_hostname": False, "ssh_pwauth": bool(request.password)}
    if request.user or request.ssh_keys or request.password:
        account: dict[str, object] = {
            "name": request.user or default_user(os),
            "shell": "/bin/bash",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "groups": ["adm", "sudo"],
            "lock_passwd": not request.password,
        }
        if request.ssh_keys:
            account["ssh_authorized_keys"] = [key.strip() for key in request.ssh_keys]
        if request.password:
            account["passwd"] = hash_password(request.password)
        config["users"] = [account]
    return "#cloud-config\n" + yaml.safe_dump(config, sort_keys=False, width=1000)


def default_user(os: str) -> str:
    return next((user for prefix, user in DEFAULT_USERS.items() if os.startswith(prefix)), "admin")


def hash_password(password: str) -> str:
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_SHA512))


def network_config(macs: Sequence[str]) -> str:
    """DHCP on every interface, found by its MAC: names of interfaces differ between machine types."""
    ethernets = {f"nic{number}": {"match": {"macaddress": mac}, "dhcp4": True} for number, mac in enumerate(macs)}
    return yaml.safe_dump({"version": 2, "ethernets": ethernets}, sort_keys=False)


def meta_data(*, instance_id: str, hostname: str) -> str:
    return yaml.safe_dump({"instance-id": instance_id, "local-hostname": hostname}, sort_keys=False)


def seed_image(*, meta: str, user: str, network: str) -> bytes:
    """An ISO 9660 image with the three files, with Rock Ridge and Joliet names: what NoCloud looks for by its label."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, rock_ridge="1.09", joliet=3, vol_ident=SEED_LABEL)
    for short, name, text in (("META", "meta-data", meta), ("USER", "user-data", user), ("NET", "network-config", network)):
        content = text.encode()
        iso.add_fp(io.BytesIO(content), len(content), f"/{short}.;1", rr_name=name, joliet_path=f"/{name}")
    out = io.BytesIO()
    iso.write_fp(out)
    iso.close()
    return out.getvalue()
