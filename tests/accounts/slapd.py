"""A private slapd on a loopback port with a small company in it; the test's own process, gone with the test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

BASE = "dc=example,dc=org"
ADMIN_DN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "directory admin"
PASSWORD = "kept in the directory"
SLAPD = shutil.which("slapd") or "/usr/sbin/slapd"

CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
{tls}
# The default of many directories: a bind without a password succeeds, as nobody.
allow bind_anon_cred bind_anon_dn
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""

PEOPLE = {
    "lena": ("Lena", "Lind", "lena@example.org"),
    "admin": ("Not", "Yours", "notyours@example.org"),
    "otto": ("Otto", "Off", "otto@example.org"),
}
GROUPS = {"kvm-ops": ["lena"], "web": ["lena", "otto"], "kvm-admins": ["otto"]}


@dataclass
class Directory:
    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    tls: bool = False

    @property
    def uri(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @classmethod
    def start(cls, folder: Path, *, certificate: tuple[Path, Path] | None = None) -> Directory:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        tls = f"TLSCertificateFile {certificate[0]}\nTLSCertificateKeyFile {certificate[1]}" if certificate else ""
        text = CONFIG.format(folder=folder, base=BASE, admin=ADMIN_DN, password=ADMIN_PASSWORD, tls=tls)
        (folder / "slapd.conf").write_text(text)
        with (folder / "log").open("ab") as log:
            command = [SLAPD, "-f", str(folder / "slapd.conf"), "-h", f"ldap://127.0.0.1:{port}", "-d", "none"]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        directory = cls(folder, port, process)
        directory._wait()
        directory.add(company())
        return directory

    def _wait(self) -> None:
        for _ in range(100):
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("slapd does not listen")

    def add(self, ldif: str) -> None:
        self._run("ldapadd", ldif)

    def modify(self, ldif: str) -> None:
        self._run("ldapmodify", ldif)

    def _run(self, program: str, ldif: str) -> None:
        command = [program, "-x", "-H", self.uri, "-D", ADMIN_DN, "-w", ADMIN_PASSWORD]
        done = subprocess.run(command, input=ldif, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


def dn_of(uid: str) -> str:
    return f"uid={uid},ou=people,{BASE}"


def company() -> str:
    entries = [f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n"]
    entries += [f"dn: ou={name},{BASE}\nobjectClass: organizationalUnit\nou: {name}\n" for name in ("people", "groups")]
    for uid, (first, last, mail) in PEOPLE.items():
        names = f"uid: {uid}\ncn: {first} {last}\ngivenName: {first}\nsn: {last}\nmail: {mail}\n"
        entries.append(f"dn: {dn_of(uid)}\nobjectClass: inetOrgPerson\n{names}userPassword: {PASSWORD}\n")
    for name, members in GROUPS.items():
        lines = "".join(f"member: {dn_of(uid)}\n" for uid in members)
        entries.append(f"dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{lines}")
    return "\n".join(entries)
