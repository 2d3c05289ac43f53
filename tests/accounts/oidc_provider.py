"""A small real OIDC provider on loopback: discovery, authorize, token (PKCE checked), keys, userinfo."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT_ID, CLIENT_SECRET = "kvmweb-tests", "s3cret of the tests"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """`faults`: names of what goes wrong, see `id_token`."""

    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "u-1", "preferred_username": "nina", "email": "nina@example.org"})
    faults: set[str] = field(default_factory=set)
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)
    issuer: str = ""

    def start(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    # -- endpoints ---------------------------------------------------------------------------------------------------------------------
    def get(self, ask: BaseHTTPRequestHandler) -> None:
        url = urlsplit(ask.path)
        if url.path == "/.well-known/openid-configuration":
            ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
            config = {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in ends.items()}
            return answer(ask, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **config})
        if url.path == "/keys":
            jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return answer(ask, {"keys": [{**jwk, "kid": "k1", "use": "sig", "alg": "RS256"}]})
        if url.path == "/userinfo":
            return answer(ask, {**self.claims, **({"sub": "somebody-else"} if "other userinfo" in self.faults else {})})
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.seen.append(asked)
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        ask.send_response(302)
        ask.send_header("Location", asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"]}))
        ask.end_headers()

    def post(self, ask: BaseHTTPRequestHandler) -> None:
        body = ask.rfile.read(int(ask.headers["Content-Length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.codes.pop(sent.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        is_right = asked is not None and asked.get("code_challenge") == challenge and CLIENT_SECRET in json.dumps({**sent, **basic(ask)})
        if not is_right or asked is None:
            return answer(ask, {"error": "invalid_grant"}, status=400)
        answer(ask, {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": self.id_token(asked["nonce"])})

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce, **self.claims}
        changes: dict[str, dict[str, Any]] = {
            "other issuer": {"iss": "https://elsewhere.example.org"},
            "other audience": {"aud": "another-client"},
            "expired": {"iat": now - 7200, "exp": now - 3600},
            "other nonce": {"nonce": "of another login"},
            "other azp": {"azp": "another-client"},
        }
        for fault in self.faults & set(changes):
            claims |= changes[fault]
        headers = {"kid": "k1"}
        if "wrong key" in self.faults:
            return jwt.encode(claims, new_key(), algorithm="RS256", headers=headers)
        if "no signature" in self.faults:
            return jwt.encode(claims, None, algorithm="none", headers=headers)
        if "signed with the public key" in self.faults:
            return hmac_with_public_key(self.key, claims)
        return jwt.encode(claims, self.key, algorithm="RS256", headers=headers)


def hmac_with_public_key(key: rsa.RSAPrivateKey, claims: dict[str, Any]) -> str:
    """The old attack: HS256 with the bytes of the public key as the secret. PyJWT refuses to make one, so by hand."""
    import hmac

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    text = part(json.dumps({"alg": "HS256", "kid": "k1"}).encode()) + "." + part(json.dumps(claims).encode())
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text + "." + part(hmac.new(pem, text.encode(), hashlib.sha256).digest())


def basic(ask: BaseHTTPRequestHandler) -> dict[str, str]:
    encoded = ask.headers.get("Authorization", "").removeprefix("Basic ")
    return {"basic": base64.b64decode(encoded).decode().replace("+", " ").replace("%20", " ")} if encoded else {}


def answer(ask: BaseHTTPRequestHandler, body: dict[str, Any], *, status: int = 200) -> None:
    data = json.dumps(body).encode()
    ask.send_response(status)
    ask.send_header("Content-Type", "application/json")
    ask.send_header("Content-Length", str(len(data)))
    ask.end_headers()
    ask.wfile.write(data)
