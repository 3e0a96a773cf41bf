"""The user pool's endpoints (Amazon Cognito developer guide, "User pool endpoints and managed login reference")."""

import http.client
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

TIMEOUT_SECONDS = 5
ANSWER_LIMIT = 65536
"""Bytes of an answer; three tokens are a tenth of it."""


class ProviderError(Exception):
    """The provider gave no tokens; the message has nothing that the provider or the caller sent, but an error's code.

    Args:
        message: What happened.
        refused: Whether the provider answered, and said no.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What a login gives.

    Args:
        access: Access token.
        seconds: How long it is valid.
        refresh: Refresh token; absent where the old one stays.
    """

    access: str
    seconds: int
    refresh: str | None


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The user pool, for one client without a secret.

    Args:
        url: Address of the login pages and the token endpoint.
        client_id: The client.
        redirect_uri: Where people come back to.
    """

    url: str
    client_id: str
    redirect_uri: str

    def authorize_url(self, *, state: str, challenge: str) -> str:
        """Where people log in."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.url}/oauth2/authorize?{urlencode(query)}"

    def logout_url(self, logout_uri: str) -> str:
        """Where people end the provider's own session."""
        return f"{self.url}/logout?{urlencode({'client_id': self.client_id, 'logout_uri': logout_uri})}"

    def exchange(self, code: str, verifier: str) -> Tokens:
        """Tokens for the code that a login ended with.

        Raises:
            ProviderError: There are none.
        """
        return _tokens(
            self._post(
                "token",
                grant_type="authorization_code",
                code=code,
                redirect_uri=self.redirect_uri,
                code_verifier=verifier,
            )
        )

    def renew(self, refresh: str) -> Tokens:
        """Tokens for a refresh token.

        Raises:
            ProviderError: There are none.
        """
        return _tokens(self._post("token", grant_type="refresh_token", refresh_token=refresh))

    def revoke(self, refresh: str) -> None:
        """Makes a refresh token and all access tokens that it gave worthless.

        Raises:
            ProviderError: They may still be good.
        """
        self._post("revoke", token=refresh)

    def _post(self, endpoint: str, **fields: str) -> bytes:
        form = urlencode({"client_id": self.client_id, **fields}).encode()
        request = urllib.request.Request(f"{self.url}/oauth2/{endpoint}", data=form, method="POST")
        try:
            with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return cast("bytes", answer.read(ANSWER_LIMIT))
        except urllib.error.HTTPError as error:
            with error:
                refused = error.code in (400, 401, 403)
                reason = _error_code(error.read(ANSWER_LIMIT)) if refused else str(error.code)
            raise ProviderError(f"{endpoint}: {reason}", refused=refused) from None
        except (OSError, http.client.HTTPException) as error:
            raise ProviderError(f"{endpoint}: {type(error).__name__}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Codes and tokens go to the provider and nowhere else."""

    def redirect_request(self, *_args: object, **_options: object) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)


def _members(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _error_code(body: bytes) -> str:
    code = str(_members(body).get("error", ""))
    return code if re.fullmatch(r"[a-z_]{1,40}", code) else "no error code"


def _tokens(body: bytes) -> Tokens:
    content = _members(body)
    access, refresh, seconds = (content.get(name) for name in ("access_token", "refresh_token", "expires_in"))
    if not _is_token(access) or not isinstance(seconds, int) or not (refresh is None or _is_token(refresh)):
        raise ProviderError("token: an answer without usable tokens")
    return Tokens(access=str(access), seconds=seconds, refresh=refresh)


def _is_token(value: object) -> bool:
    """Whether it is a bearer token (RFC 6750, `b64token`), which can stand in a cookie as it is."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", value) is not None
