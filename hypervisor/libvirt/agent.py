"""What a guest's agent is asked and told. It runs inside the guest and may lie, hang or flood: 5 s, 64 KiB, text, nothing else waits."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import libvirt
import libvirt_qemu

from hypervisor.errors import Refused, TimedOut, Unsupported
from hypervisor.libvirt.base import Connected
from hypervisor.libvirt.translate import translated, translated_error
from hypervisor.observed import AgentFilesystem, AgentInfo

AGENT_LIMIT_S = 5
MAX_BYTES = 64 * 1024
MAX_ITEMS = 64
MAX_TEXT = 256

_WANTED = (
    libvirt.VIR_DOMAIN_GUEST_INFO_OS
    | libvirt.VIR_DOMAIN_GUEST_INFO_HOSTNAME
    | libvirt.VIR_DOMAIN_GUEST_INFO_TIMEZONE
    | libvirt.VIR_DOMAIN_GUEST_INFO_USERS
    | libvirt.VIR_DOMAIN_GUEST_INFO_FILESYSTEM
)


class AgentCalls(Connected):
    def agent_is_ready(self, uuid: UUID) -> bool:
        try:
            self._command(self._agent(uuid), {"execute": "guest-ping"})
        except (Refused, TimedOut, Unsupported):
            return False
        return True

    @translated
    def agent_info(self, uuid: UUID) -> AgentInfo:
        domain = self._agent(uuid)
        return info_from(domain.guestInfo(_WANTED, 0))

    @translated
    def agent_set_password(self, uuid: UUID, user: str, password: str) -> None:
        self._agent(uuid).setUserPassword(user, password, 0)

    @translated
    def agent_add_ssh_keys(self, uuid: UUID, user: str, keys: tuple[str, ...]) -> None:
        # With what is there already left in place; the agent itself leaves out a key that it has.
        self._agent(uuid).authorizedSSHKeysSet(user, list(keys), libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND)

    @translated
    def agent_freeze(self, uuid: UUID) -> int:
        return int(self._agent(uuid).fsFreeze())

    @translated
    def agent_thaw(self, uuid: UUID) -> int:
        return int(self._agent(uuid).fsThaw())

    def agent_read_text(self, uuid: UUID, path: str) -> str:
        domain = self._agent(uuid)
        handle = self._command(domain, {"execute": "guest-file-open", "arguments": {"path": path, "mode": "r"}})
        if not isinstance(handle, int):
            raise Refused("The guest's agent gave an answer that makes no sense.")
        try:
            read = self._command(domain, {"execute": "guest-file-read", "arguments": {"handle": handle, "count": MAX_BYTES}})
        finally:
            with suppress(Refused, TimedOut, Unsupported):
                self._command(domain, {"execute": "guest-file-close", "arguments": {"handle": handle}})
        return text_from(read)

    @translated
    def _agent(self, uuid: UUID) -> Any:
        if self.is_test_driver:
            raise Unsupported("libvirt's test driver has no guest agents.")
        domain = self._guest(uuid)
        if not domain.isActive():
            raise Refused("The guest is not running, so its agent cannot be asked. Start it first.")
        with suppress(libvirt.libvirtError):
            domain.agentSetResponseTimeout(AGENT_LIMIT_S, 0)
        return domain

    def _command(self, domain: Any, command: dict[str, Any]) -> Any:
        """One command of QEMU's agent protocol that libvirt has no call for."""
        try:
            answer = libvirt_qemu.qemuAgentCommand(domain, json.dumps(command), AGENT_LIMIT_S, 0)
        except libvirt.libvirtError as error:
            raise translated_error(error) from error
        if len(answer) > 2 * MAX_BYTES:
            raise Refused("The guest's agent answered with more than is read.")
        try:
            return json.loads(answer).get("return")
        except (ValueError, AttributeError) as error:
            raise Refused("The guest's agent gave an answer that makes no sense.") from error


def info_from(answers: dict[str, Any]) -> AgentInfo:
    """libvirt's flat dictionary of what the agent said, cut to size."""
    filesystems = [
        AgentFilesystem(
            mount_point=_text(answers.get(f"fs.{index}.mountpoint")),
            type=_text(answers.get(f"fs.{index}.fstype")),
            total_bytes=_number(answers.get(f"fs.{index}.total-bytes")),
            used_bytes=_number(answers.get(f"fs.{index}.used-bytes")),
        )
        for index in range(min(MAX_ITEMS, _number(answers.get("fs.count"))))
    ]
    users = [_text(answers.get(f"user.{index}.name")) for index in range(min(MAX_ITEMS, _number(answers.get("user.count"))))]
    return AgentInfo(
        os_name=_text(answers.get("os.pretty-name") or answers.get("os.name")),
        os_version=_text(answers.get("os.version-id") or answers.get("os.version")),
        kernel=_text(answers.get("os.kernel-release")),
        hostname=_text(answers.get("hostname")),
        timezone=_text(answers.get("timezone.name")),
        users=tuple(user for user in dict.fromkeys(users) if user),
        filesystems=tuple(one for one in filesystems if one.mount_point),
    )


def text_from(read: object) -> str:
    """The agent's answer to guest-file-read as text: what is not UTF-8 is replaced, control characters but line ends are dropped."""
    encoded = read.get("buf-b64", "") if isinstance(read, dict) else None
    if not isinstance(encoded, str):
        raise Refused("The guest's agent gave an answer that makes no sense.")
    try:
        content = base64.b64decode(encoded, validate=True)[:MAX_BYTES]
    except ValueError as error:
        raise Refused("The guest's agent gave an answer that makes no sense.") from error
    return "".join(letter for letter in content.decode(errors="replace") if letter in "\n\t" or letter.isprintable())


def _text(value: object) -> str:
    return "".join(letter for letter in str(value)[:MAX_TEXT] if letter.isprintable()) if isinstance(value, str) else ""


def _number(value: object) -> int:
    return max(0, min(value, 2**63 - 1)) if isinstance(value, int) else 0
