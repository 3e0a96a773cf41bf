"""Which bearer tokens are good: issuer and audience, the issuer's public keys, and the check itself."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
from jwt.algorithms import RSAAlgorithm
from platform_service.errors import ConfigurationError

logger = logging.getLogger("mlflow_service")

ALGORITHM = "RS256"
"""The only signature that is taken, whatever a token's header says: Cognito signs with nothing else."""
LEEWAY_SECONDS = 10
"""How far the issuer's clock may be from ours."""
FETCH_TIMEOUT_SECONDS = 4
"""Two of these (discovery, keys) are over before NGINX gives up."""
MOST_BYTES = 1 << 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")

UNREADABLE = (
    *(OSError, http.client.HTTPException, jwt.PyJWTError),  # no answer, or half of one
    *(ValueError, KeyError, TypeError, AttributeError),  # an answer of another form
)
"""What reading the keys may raise."""

PublicKey = Any
"""An RSA public key of `cryptography`."""


class InvalidTokenError(Exception):
    """A token that is refused. The message says why in our own words: nothing of the token is in it."""


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be had, so that no token can be judged."""


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """Whose tokens are taken, and made for whom.

    Attributes:
        issuer: URL of the issuer, as in `iss`.
        audience: Client ids, one of which must be in `aud`, or be `client_id` where there is no `aud`.
        jwks_uri: Address of the keys; the issuer's own discovery document says it if absent.
    """

    issuer: str
    audience: frozenset[str]
    jwks_uri: str | None

    @classmethod
    def parse(cls, text: str, what: str) -> Issuer:
        """Reads `{"issuer": …, "audience": […]}`, with `jwksUri` where the keys are elsewhere.

        Args:
            text: The JSON object.
            what: What holds it, for the error.

        Raises:
            ConfigurationError: Says what is missing or wrong.
        """
        try:
            value = json.loads(text)
            issuer, audience, jwks_uri = value["issuer"], value["audience"], value.get("jwksUri")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f'{what} must hold {{"issuer": "https://…", "audience": ["…"]}}') from error
        if not isinstance(audience, list) or not audience or not all(isinstance(one, str) and one for one in audience):
            raise ConfigurationError(f"{what}: audience is {audience!r}; give a list of client ids")
        for name, url in (("issuer", issuer), ("jwksUri", jwks_uri)):
            if not (name == "jwksUri" and url is None) and not _trustworthy(url):
                raise ConfigurationError(f"{what}: {name} is {url!r}; give an https:// URL")
        return cls(issuer=issuer, audience=frozenset(audience), jwks_uri=jwks_uri)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who a good token was given to.

    Attributes:
        user: Subject of the token.
        client: Id of the client that it was given to.
        expires: Unix time at which the token ends.
    """

    user: str
    client: str
    expires: float


def key_id(token: str) -> str:
    """Returns the id of the key that a token says it is signed with; nothing about it is proven yet.

    Raises:
        InvalidTokenError: It is no signed token, or signed in a way that is not taken.
    """
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise InvalidTokenError("the token is malformed") from error
    if header.get("alg") != ALGORITHM:
        raise InvalidTokenError(f"the token is not signed with {ALGORITHM}")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise InvalidTokenError("the token does not name its key")
    return kid


def verify(token: str, key: PublicKey, issuer: Issuer) -> Caller:
    """Checks signature, times, issuer, audience and use, as an HTTP API does (API Gateway developer guide).

    Args:
        token: The token.
        key: The public key that it names.
        issuer: Whose tokens are taken.

    Raises:
        InvalidTokenError: Says which check failed.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=issuer.issuer,
            leeway=LEEWAY_SECONDS,
            # The audience is checked below: access tokens of Cognito have none.
            options={"require": ["exp", "iss"], "verify_aud": False},
        )
    except jwt.ExpiredSignatureError as error:
        raise InvalidTokenError("the token has expired") from error
    except jwt.ImmatureSignatureError as error:
        raise InvalidTokenError("the token is not valid yet") from error
    except jwt.InvalidIssuerError as error:
        raise InvalidTokenError("the token is of another issuer") from error
    except jwt.InvalidSignatureError as error:
        raise InvalidTokenError("the signature is not the issuer's") from error
    except jwt.MissingRequiredClaimError as error:
        raise InvalidTokenError(f"the token has no {error.claim}") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidTokenError("the token is malformed") from error
    if claims.get("token_use", "access") not in ("access", "id"):
        raise InvalidTokenError("the token is neither an access nor an ID token")
    audience = claims["aud"] if "aud" in claims else claims.get("client_id")
    named = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    client = next((one for one in named if isinstance(one, str) and one in issuer.audience), None)
    if client is None:
        raise InvalidTokenError("the token is for another audience")
    return Caller(user=str(claims.get("sub", "")), client=client, expires=float(claims["exp"]))


def fetch_keys(issuer: Issuer) -> dict[str, PublicKey]:
    """Reads the issuer's current public keys, by id.

    Raises:
        OSError: The issuer does not answer.
        ValueError: Its answer holds no key that could be used.
    """
    address = issuer.jwks_uri
    if address is None:
        found = _get(issuer.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != issuer.issuer:
            raise ValueError(f"the discovery document is of another issuer: {found.get('issuer')!r}")
        address = found.get("jwks_uri")
        if not _trustworthy(address):
            raise ValueError(f"jwks_uri of the discovery document is {address!r}")
    keys: dict[str, PublicKey] = {}
    for entry in _get(str(address)).get("keys", []):
        signs = entry.get("use", "sig") == "sig" and entry.get("alg", ALGORITHM) == ALGORITHM
        if entry.get("kty") == "RSA" and signs and isinstance(entry.get("kid"), str):
            keys[entry["kid"]] = RSAAlgorithm.from_jwk({"kty": "RSA", "n": entry["n"], "e": entry["e"]})
    if not keys:
        raise ValueError(f"{address} holds no RSA key for signatures")
    return keys


class Keys:
    """The issuer's public keys in memory: read anew at intervals, and when a token names one that is not known."""

    def __init__(
        self, issuer: Issuer, *, seconds: float, retry: float, fetch: Callable[[Issuer], dict[str, PublicKey]]
    ) -> None:
        """Knows no key yet.

        Args:
            issuer: Whose keys.
            seconds: Interval between two looks. Keys older than two of them are not trusted any more.
            retry: Least time between two looks, so that tokens with invented key ids do not burden the issuer.
            fetch: Reads the keys; runs in a thread.
        """
        self._issuer, self._fetch = issuer, fetch
        self._seconds, self._retry = seconds, retry
        self._keys: dict[str, PublicKey] = {}
        self._read_at = self._looked_at = float("-inf")
        self._failed = False
        self._lock = asyncio.Lock()
        self.generation = 0
        """Changes when the keys do: what was verified with others must be verified again."""

    @property
    def known(self) -> bool:
        """Whether keys were ever read."""
        return bool(self._keys)

    @property
    def available(self) -> bool:
        """Whether there are keys, and young enough."""
        return time.monotonic() - self._read_at <= 2 * self._seconds

    async def find(self, kid: str) -> PublicKey:
        """Returns the key of this id.

        Raises:
            InvalidTokenError: The issuer has no such key.
            KeysUnavailableError: It cannot be asked.
        """
        if kid not in self._keys or not self.available:
            await self._look()
        if not self.available:
            raise KeysUnavailableError
        if kid in self._keys:
            return self._keys[kid]
        if self._failed:
            raise KeysUnavailableError
        raise InvalidTokenError("the issuer has no such key")

    async def keep_fresh(self) -> None:
        """Reads the keys now and at every interval, until it is cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(self._retry if self._failed else self._seconds)

    async def _look(self) -> None:
        """Reads the keys, unless somebody has just done so; those that wait here share one look."""
        async with self._lock:
            if time.monotonic() - self._looked_at < self._retry:
                return
            try:
                keys = await asyncio.to_thread(self._fetch, self._issuer)
            except UNREADABLE as error:
                self._failed = True
                logger.error(
                    "cannot read the keys of %s: %s; check issuer, and that the task reaches it by HTTPS",
                    self._issuer.issuer,
                    error,
                )
            else:
                if keys.keys() != self._keys.keys():
                    logger.info("keys of %s: %s", self._issuer.issuer, ", ".join(sorted(keys)))
                self._keys, self._failed = keys, False
                self.generation += 1
                self._read_at = time.monotonic()
            finally:
                self._looked_at = time.monotonic()


def _trustworthy(url: object) -> bool:
    """Whether what an address serves can be believed: by TLS, or from this very machine."""
    if not isinstance(url, str):
        return False
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


def _get(url: str) -> dict[str, Any]:
    """Reads a JSON object."""
    with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_SECONDS) as answer:
        value = json.loads(answer.read(MOST_BYTES))
    if not isinstance(value, dict):
        raise ValueError(f"{url} is no JSON object")
    return value
