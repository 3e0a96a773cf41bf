"""The login of MLflow's pages: authorization code with PKCE (RFC 7636), tokens in cookies that no script can read.

CloudFront leads `/auth/` of the pages here, so all cookies are the pages' own. The session cookie is the access token,
of which CloudFront makes a bearer token for MLflow's API; the refresh cookie is sent to `/auth` alone.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass
from http import HTTPStatus
from urllib.parse import quote, unquote

from .messages import Request, Response
from .pages import Link, page
from .provider import Provider, ProviderError, Tokens
from .settings import Login

CALLBACK = "/auth/callback"
LOGGED_OUT = "/auth/logged-out"

SESSION_COOKIE = "__Host-mlplatform-session"
REFRESH_COOKIE = "__Secure-mlplatform-refresh"
LOGIN_COOKIE = "__Secure-mlplatform-login"
LOGIN_SECONDS = 600
COOKIE_LIMIT = 4096
"""Bytes of a cookie's name and value; browsers drop larger ones without a word (RFC 6265bis)."""
PATH_LIMIT = 1024
"""Characters of a path to go back to, so that the cookie that keeps it stays small."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A login that has begun.

    Args:
        state: What the provider must bring back.
        verifier: What proves to the provider that the code is ours.
        path: Where to go afterwards.
    """

    state: str
    verifier: str
    path: str


def start(settings: Login, provider: Provider, request: Request) -> Response:
    """Leads to the provider, or straight back where the refresh cookie is still good."""
    path = local_path(request.query.get("return", "/"))
    note = None
    if refresh := request.cookies.get(REFRESH_COOKIE):
        try:
            return _logged_in(settings, provider.renew(refresh), path, request)
        except ProviderError as error:
            note = f"not renewed: {error}"
    pending = Pending(state=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48), path=path)
    challenge = _base64url(hashlib.sha256(pending.verifier.encode()).digest())
    return Response(
        status=HTTPStatus.FOUND,
        headers={"location": provider.authorize_url(state=pending.state, challenge=challenge)},
        cookies=(_cookie(LOGIN_COOKIE, _packed(pending), seconds=LOGIN_SECONDS),),
        note=note,
    )


def finish(settings: Login, provider: Provider, request: Request) -> Response:
    """Takes the code that the provider sends people back with, and makes the session of it."""
    pending = _unpacked(request.cookies.get(LOGIN_COOKIE, ""))
    state = request.query.get("state", "")
    # Before anything else of the query is believed or shown: anyone can make a link to this page.
    if pending is None or not hmac.compare_digest(pending.state.encode(), state.encode()):
        text = "It did not begin in this browser, or longer than ten minutes ago."
        return _failed(request, HTTPStatus.BAD_REQUEST, text, "/", "state does not match")
    code = request.query.get("code")
    if code is None:
        error = request.query.get("error_description") or request.query.get("error") or "no code"
        text = f"The login page says: {error}"
        return _failed(request, HTTPStatus.FORBIDDEN, text, pending.path, "the provider sent no code")
    try:
        tokens = provider.exchange(code, pending.verifier)
    except ProviderError as error:
        status = HTTPStatus.BAD_REQUEST if error.refused else HTTPStatus.BAD_GATEWAY
        text = "The login is not valid any more." if error.refused else "The login server did not answer as it should."
        return _failed(request, status, text, pending.path, str(error))
    return _logged_in(settings, tokens, pending.path, request)


def logout(settings: Login, provider: Provider, request: Request) -> Response:
    """Ends the session here, its refresh token, and the provider's own session."""
    note = None
    if refresh := request.cookies.get(REFRESH_COOKIE):
        try:
            provider.revoke(refresh)
        except ProviderError as error:
            note = f"not revoked: {error}"
    return Response(
        status=HTTPStatus.FOUND,
        headers={"location": provider.logout_url(f"{settings.ui_url}{LOGGED_OUT}")},
        cookies=(
            _cookie(SESSION_COOKIE, "", path="/", seconds=0),
            _cookie(REFRESH_COOKIE, "", seconds=0),
            _cookie(LOGIN_COOKIE, "", seconds=0),
        ),
        note=note,
    )


def logged_out(_request: Request) -> Response:
    """Where the provider sends people after they logged out."""
    return page("Logged out", "You are logged out of MLflow.", link=Link(path="/", words="Log in again"))


def local_path(text: str) -> str:
    """`text` if it is a path (and query) on this host that is safe to go to, else `/`.

    Browsers take `//host` and `/\\host` for another host, and drop tabs and line ends before they look; proxies may
    decode once or twice before a browser looks. Paths of the login itself would lead round in circles.
    """
    path = text.partition("?")[0].partition("#")[0]
    for _ in range(3):
        path = unquote(path)
    fine = (
        len(text) <= PATH_LIMIT
        and re.fullmatch(r"/[\x21-\x7e]*", text) is not None
        and path.startswith("/")
        and not path.startswith("//")
        and re.search(r"[\\\x00-\x1f\x7f]", path) is None
        and not f"{path}/".startswith("/auth/")
    )
    return text if fine else "/"


def _logged_in(settings: Login, tokens: Tokens, path: str, request: Request) -> Response:
    days = settings.refresh_days * 24 * 3600
    session = _cookie(SESSION_COOKIE, tokens.access, path="/", seconds=tokens.seconds)
    refresh = (_cookie(REFRESH_COOKIE, tokens.refresh, seconds=days),) if tokens.refresh else ()
    if any(len(cookie.partition(";")[0]) > COOKIE_LIMIT for cookie in (session, *refresh)):
        text = "Your token is too large for a browser's cookie. Are you in very many groups?"
        return _failed(request, HTTPStatus.BAD_GATEWAY, text, path, "token too large")
    return Response(
        status=HTTPStatus.FOUND,
        headers={"location": f"{settings.ui_url}{path}"},
        cookies=(session, *refresh, _cookie(LOGIN_COOKIE, "", seconds=0)),
    )


def _failed(request: Request, status: HTTPStatus, text: str, path: str, note: str) -> Response:
    return page(
        "The login failed",
        text,
        link=Link(path=f"/auth/login?return={quote(path, safe='')}", words="Log in again"),
        status=status,
        request_id=request.id,
        cookies=(_cookie(LOGIN_COOKIE, "", seconds=0),),
        note=note,
    )


def _cookie(name: str, value: str, *, path: str = "/auth", seconds: int) -> str:
    return f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; Secure; SameSite=Lax"


def _packed(pending: Pending) -> str:
    return _base64url(json.dumps(asdict(pending)).encode())


def _unpacked(text: str) -> Pending | None:
    """The login in a cookie; its path is looked at again, for a cookie is the caller's word."""
    try:
        content = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        state, verifier, path = (str(content[name]) for name in ("state", "verifier", "path"))
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None
    return Pending(state=state, verifier=verifier, path=local_path(path)) if state and verifier else None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
