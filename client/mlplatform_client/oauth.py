"""Asks an OAuth 2.0 token endpoint (RFC 6749)."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import requests

TIMEOUT_SECONDS = 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")
REFRESH_MARGIN_SECONDS = 60


class TokenError(Exception):
    """There is no token; the message says what to do, and holds nothing secret."""


class UnreachableError(TokenError):
    """The endpoint does not answer; later it may."""


class RefusedError(TokenError):
    """The endpoint refuses.

    Args:
        error: Its error code (RFC 6749, section 5.2), such as `invalid_grant`.
        description: What it says besides.
    """

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}" if description else error)
        self.error = error


@dataclass(frozen=True)
class Granted:
    """What an endpoint granted.

    Args:
        access_token: The token.
        expires_at: When it ends, in seconds since 1970 by this machine's clock.
        refresh_at: From when a new one is to be asked for.
        refresh_token: With what, if there is one.
        id_token: Who logged in, where somebody did.
    """

    access_token: str
    expires_at: float
    refresh_at: float
    refresh_token: str | None
    id_token: str | None


def safe_url(url: str) -> str:
    """The address itself, if what is sent there is encrypted or stays on this machine.

    Raises:
        TokenError: It is not.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return url
    raise TokenError(f"{url} is not https: tokens and secrets would cross the network in plain text")


def ask(url: str, fields: Mapping[str, str], *, client: tuple[str, str] | None = None) -> dict[str, Any]:
    """Posts a form to an endpoint of a provider; gives its answer.

    Args:
        url: The endpoint.
        fields: The form.
        client: Id and secret of a confidential client.

    Raises:
        RefusedError: The endpoint says no, and why.
        UnreachableError: It does not answer, or answers that it cannot.
        TokenError: Its address is not safe, or its answer is no OAuth 2.0.
    """
    try:
        answer = requests.post(
            safe_url(url), data=dict(fields), auth=client, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        raise UnreachableError(f"{url} cannot be reached ({type(error).__name__}): check the network") from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise UnreachableError(f"{url} answered {answer.status_code}: try again later")
    try:
        content: Any = json.loads(answer.text or "{}")
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise TokenError(f"{url} answered {answer.status_code} without JSON: is it a token endpoint?")
    known = cast("dict[str, Any]", content)
    if answer.status_code != 200:
        error = str(known.get("error") or f"status {answer.status_code}")
        raise RefusedError(error, str(known.get("error_description") or ""))
    return known


def grant(url: str, fields: Mapping[str, str], *, client: tuple[str, str] | None = None) -> Granted:
    """Asks for tokens; the arguments and what is raised are those of `ask`."""
    now = time.time()
    answer = ask(url, fields, client=client)
    if not answer.get("access_token"):
        raise TokenError(f"{url} answered without an access token: is it a token endpoint?")
    # RFC 6749 recommends expires_in and does not demand it.
    lifetime = float(answer.get("expires_in") or 300)
    return Granted(
        access_token=str(answer["access_token"]),
        expires_at=now + lifetime,
        refresh_at=now + lifetime - min(REFRESH_MARGIN_SECONDS, lifetime / 10),
        refresh_token=answer.get("refresh_token"),
        id_token=answer.get("id_token"),
    )
