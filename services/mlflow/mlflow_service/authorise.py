"""`authorise`: tells NGINX whether the bearer token of a request is good. Answers on 127.0.0.1 alone."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import uvicorn

from .settings import AuthoriserSettings
from .tokens import (
    LEEWAY_SECONDS,
    Caller,
    InvalidTokenError,
    Issuer,
    Keys,
    KeysUnavailableError,
    fetch_keys,
    key_id,
    verify,
)

logger = logging.getLogger("mlflow_service")

TOKENS_VARIABLE = "MLFLOW_TOKENS"
"""Holds what the parameter holds, once it is read."""
MOST_REMEMBERED = 4096
"""Verified tokens that are remembered, about 500 bytes each."""

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


def authorise(settings: AuthoriserSettings) -> int:
    """Reads issuer and audience from the parameter, then serves until the task is stopped.

    Args:
        settings: The checked environment.

    Returns:
        0 when it was asked to end.

    Raises:
        ServiceError: The parameter cannot be read, or does not hold what is expected.
    """
    text = os.environ.get(TOKENS_VARIABLE)
    if text is None:
        from platform_service.aws import Aws  # noqa: PLC0415

        text = Aws(settings.region).parameter(settings.parameter)
        Issuer.parse(text, f"SSM parameter {settings.parameter!r}")
        # boto3 takes as much memory as all the rest, for one call: the process begins again without it.
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {TOKENS_VARIABLE: text})
    issuer = Issuer.parse(text, TOKENS_VARIABLE)
    keys = Keys(issuer, seconds=settings.keys_seconds, retry=settings.retry_seconds, fetch=fetch_keys)
    uvicorn.run(
        Authoriser(issuer, keys),
        host="127.0.0.1",
        port=settings.port,
        # Longer than NGINX keeps a connection (60 s).
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        access_log=False,
        server_header=False,
        date_header=False,
        log_config=None,
        log_level="warning",
    )
    return 0


class Authoriser:
    """The ASGI application: `/health`, and for any other path the answer about the token."""

    def __init__(self, issuer: Issuer, keys: Keys) -> None:
        """Remembers no token yet.

        Args:
            issuer: Whose tokens are taken.
            keys: Its keys.
        """
        self._issuer, self._keys = issuer, keys
        self._known: OrderedDict[bytes, Caller] = OrderedDict()
        self._generation = keys.generation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves what Uvicorn hands on."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, headers = (self._health(), []) if scope["path"] == "/health" else await self._judge(scope)
            headers.append((b"content-length", b"0"))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body"})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        refresh = asyncio.create_task(self._keys.keep_fresh())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        refresh.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    def _health(self) -> int:
        """Healthy once keys were read: a task that cannot reach the issuer is not put into service.

        It stays so when they cannot be read any more, for a new task would not reach the issuer either.
        """
        return 200 if self._keys.known else 503

    async def _judge(self, scope: Scope) -> tuple[int, Headers]:
        token = _bearer(scope)
        if not token:
            # RFC 6750, 3.1: who shows no token is told no error code.
            return 401, _refusal("no bearer token was sent", "")
        try:
            caller = await self._caller(token)
        except InvalidTokenError as reason:
            return 401, _refusal(str(reason), f', error="invalid_token", error_description="{reason}"')
        except KeysUnavailableError:
            return 503, []
        return 204, [(b"x-user", _header(caller.user)), (b"x-client", _header(caller.client))]

    async def _caller(self, token: str) -> Caller:
        """Verifies a token, or remembers that it was."""
        digest = hashlib.sha256(token.encode()).digest()
        if self._generation != self._keys.generation:
            self._known.clear()
            self._generation = self._keys.generation
        known = self._known.get(digest)
        if known is not None and self._keys.available and time.time() < known.expires + LEEWAY_SECONDS:
            self._known.move_to_end(digest)
            return known
        caller = verify(token, await self._keys.find(key_id(token)), self._issuer)
        self._known[digest] = caller
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return caller


def _bearer(scope: Scope) -> str:
    """The token of a request, or nothing."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("ascii", "replace").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


def _refusal(reason: str, error: str) -> Headers:
    return [(b"www-authenticate", f'Bearer realm="MLflow"{error}'.encode()), (b"x-reason", reason.encode())]


def _header(text: str) -> bytes:
    """What may stand in a header and a log of a claim that somebody else chose."""
    return "".join(character for character in text[:128] if character.isascii() and character.isprintable()).encode()
