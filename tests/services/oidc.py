"""An OpenID Connect issuer over HTTP: discovery, public keys, and tokens signed in good and in bad ways."""

import base64
import hashlib
import hmac
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.services.processes import free_port

CLIENT = "cli-client"
OTHER_CLIENT = "web-client"
SUBJECT = "7c2e0f7a-0000-4000-8000-6a1d3f6f2b11"
JSON = dict[str, Any]


class SigningKey:
    """A key pair of an issuer."""

    def __init__(self) -> None:
        self.kid = uuid.uuid4().hex
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwk(self) -> JSON:
        numbers = self.private.public_key().public_numbers()
        n, e = (encode(value.to_bytes((value.bit_length() + 7) // 8)) for value in (numbers.n, numbers.e))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": n, "e": e}

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims: JSON, **header: Any) -> str:
        """A token, RS256 whatever its header is made to say."""
        text = unsigned(claims, **{"alg": "RS256", "kid": self.kid, **header})
        return f"{text}.{encode(self.private.sign(text.encode(), padding.PKCS1v15(), SHA256()))}"


class Issuer:
    """The issuer, whose keys can change and who can be away."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/pool"
        self.key = SigningKey()
        self.keys = [self.key]
        self.asked = 0
        self._server: ThreadingHTTPServer | None = None

    def rotate(self) -> None:
        """A new key, and the old one is no longer published."""
        self.key = SigningKey()
        self.keys = [self.key]

    def up(self) -> "Issuer":
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = issuer.answer(self.path)
                self.send_response(404 if body is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def down(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str) -> JSON | None:
        if path == "/pool/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/.well-known/jwks.json"}
        if path == "/pool/.well-known/jwks.json":
            self.asked += 1
            return {"keys": [key.jwk() for key in self.keys]}
        return None

    def claims(self, **changes: Any) -> JSON:
        """What an access token of Cognito says; a change to None takes a claim away."""
        now = int(time.time())
        claims = {
            **{"iss": self.url, "sub": SUBJECT, "client_id": CLIENT, "token_use": "access", "scope": "openid"},
            **{"iat": now, "exp": now + 600, "jti": uuid.uuid4().hex, "username": "ann"},
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def access(self, **changes: Any) -> str:
        """An access token: no `aud`, the client in `client_id`."""
        return self.key.sign(self.claims(**changes))

    def id(self, **changes: Any) -> str:
        """An ID token: the client in `aud`."""
        return self.key.sign(self.claims(**{"client_id": None, "aud": CLIENT, "token_use": "id", **changes}))


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(claims: JSON, **header: Any) -> str:
    """Header and claims of a token."""
    return f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"


def hs256(claims: JSON, secret: bytes, **header: Any) -> str:
    """A token with a shared secret, which a public key must never be taken for."""
    text = unsigned(claims, **{"alg": "HS256", **header})
    return f"{text}.{encode(hmac.digest(secret, text.encode(), hashlib.sha256))}"
