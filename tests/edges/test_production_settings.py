"""The settings of an installation behind TLS: `check --deploy` finds nothing, cookies and redirects are as they must be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "kvmweb.settings",
    "KVMWEB_BEHIND_TLS": "1",
    "KVMWEB_ALLOWED_HOSTS": "kvm.example.org",
    "KVMWEB_TRUSTED_ORIGINS": "https://kvm.example.org",
    "KVMWEB_PUBLIC_URL": "https://kvm.example.org",
}
ASK = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
def seen(answer):
    wanted = ("secure", "httponly", "samesite", "path", "domain")
    flags = {name: {flag: morsel[flag] for flag in wanted} for name, morsel in answer.cookies.items()}
    return {"status": answer.status_code, "headers": dict(answer.items()), "cookies": flags}
plain, tls = Client(HTTP_HOST="kvm.example.org"), Client(HTTP_HOST="kvm.example.org", HTTP_X_FORWARDED_PROTO="https")
print(json.dumps({
    "plain": seen(plain.get("/login/")),
    "health": seen(plain.get("/healthz")),
    "login": seen(tls.get("/login/")),
    "other name": seen(Client(HTTP_HOST="evil.example").get("/login/", secure=True)),
    "session cookie": settings.SESSION_COOKIE_NAME,
    "flags": {name: getattr(settings, name) for name in ("SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE")},
}))
"""


def run(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KVMWEB_", "DATABASE_URL", "DJANGO_"))}
    env = {**kept, **PRODUCTION, "KVMWEB_DATA_DIR": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, *command], cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, check=False, timeout=100
    )


def test_check_deploy_finds_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "INFO")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("environment", "warning"),
    [({"KVMWEB_ALLOWED_HOSTS": ""}, "kvmweb.W001"), ({"KVMWEB_TRUSTED_PROXIES": "*"}, "kvmweb.W002"), ({"KVMWEB_BEHIND_TLS": "0"}, "W012")],
)
def test_check_deploy_says_what_is_open(tmp_path: Path, environment: dict[str, str], warning: str) -> None:
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "INFO", **environment)
    assert done.returncode != 0
    assert warning in done.stdout + done.stderr


def test_cookies_redirects_and_names_behind_tls(tmp_path: Path) -> None:
    assert run(tmp_path, "manage.py", "migrate", "-v0").returncode == 0
    done = run(tmp_path, "-c", ASK)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["plain"]["status"] == 301
    assert found["plain"]["headers"]["Location"] == "https://kvm.example.org/login/"
    assert found["health"]["status"] == 200
    assert found["other name"]["status"] == 400
    headers = found["login"]["headers"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert found["session cookie"].startswith("__Host-kvmweb_session_")
    assert found["flags"] == {"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Lax"}
    [(name, flags)] = found["login"]["cookies"].items()
    assert name.startswith("__Host-kvmweb_csrf_")
    assert (flags["secure"], flags["path"], flags["domain"]) == (True, "/", "")
    assert flags["samesite"] in ("Lax", "Strict")
