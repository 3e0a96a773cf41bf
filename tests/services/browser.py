"""A browser, a login service and the platform's page as CloudFront would send it, all on this machine."""

import base64
import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import flask
import oidc_provider_mock
import pytest
from oidc_provider_mock import _app as provider_library
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from lib.web_headers import security_headers
from tests.services.processes import PATIENCE, REPOSITORY

PAGE = REPOSITORY / "services" / "web"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
MARKUP = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
ADA, BOB, MALLORY = "ada", "bob", "mallory"
GROUPS = {ADA: ["admin", "user"], BOB: ["user"], MALLORY: [MARKUP]}
CLAIMS: dict[str, dict[str, object]] = {
    ADA: {"name": "Ada Lovelace", "email": "ada@example.com"},
    BOB: {"email": "bob@example.com"},
    MALLORY: {"name": MARKUP, "email": MARKUP},
}
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`violated ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


NOWHERE = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@contextmanager
def serve(app: flask.Flask) -> Generator[str]:
    """Serves an application on a free port of `localhost`, which browsers trust as if it were HTTPS."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def s256(verifier: str) -> str:
    """The challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class LoginService:
    """A real OpenID provider, with what Cognito has besides: PKCE, public clients, logout, revocation."""

    provider: flask.Flask = field(init=False)
    url: str = ""
    client_id: str = ""
    home: str = ""
    challenges: dict[str, str] = field(default_factory=dict[str, str])
    """Challenge of each code."""
    requests: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """What was asked of the token endpoint."""
    issued: dict[str, str] = field(default_factory=dict[str, str])
    """User of each access token that is good."""
    revoked: list[str] = field(default_factory=list[str])
    """Refresh tokens that were revoked, before that or by the page."""
    nonce: bool = True
    """Whether logins must send a nonce, as those must that look at id tokens."""

    def register(self, home: str) -> None:
        """Makes the page's client, which may come back to `home` only."""
        body = {"redirect_uris": [home], "token_endpoint_auth_method": "none"}
        answer = self.provider.test_client().post("/oauth2/clients", json=body)
        self.home, self.client_id = home, answer.get_json()["client_id"]

    def tokens(self, user: str) -> dict[str, Any]:
        """What the token endpoint answers after a login, by the same requests without a browser."""
        client, verifier = self.provider.test_client(), "v" * 43
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.home,
            "scope": "openid email profile",
            "state": "state",
            "nonce": secrets.token_urlsafe(),
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
        answer = client.post(f"/oauth2/authorize?{urlencode(query)}", data={"sub": user}, base_url=self.url)
        [code] = parse_qs(urlsplit(answer.location).query)["code"]
        form = {"client_id": self.client_id, "redirect_uri": self.home, "code": code, "code_verifier": verifier}
        form["grant_type"] = "authorization_code"
        return client.post("/oauth2/token", data=form, base_url=self.url).get_json()

    def __post_init__(self) -> None:
        # Public clients have no secret; the library's grants offer only such with one.
        for grant in (provider_library.AuthorizationCodeGrant, provider_library.RefreshTokenGrant):
            grant.TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
        users = [oidc_provider_mock.User(sub=name, claims=claims) for name, claims in CLAIMS.items()]
        app = oidc_provider_mock.app(require_client_registration=True, require_nonce=self.nonce, user_claims=users)
        app.before_request(self._before)
        app.after_request(self._after)
        app.add_url_rule("/logout", "logout", self._logout)
        app.add_url_rule("/oauth2/revoke", "revoke", self._revoke, methods=["POST"])
        self.provider = app

    def _before(self) -> flask.Response | None:
        request = flask.request
        pkce = request.args.get("code_challenge") and request.args.get("code_challenge_method") == "S256"
        if request.path == "/oauth2/authorize" and not pkce:
            return flask.make_response("no PKCE", 400)
        if request.path == "/oauth2/token":
            form = request.form.to_dict()
            self.requests.append(form)
            if form.get("grant_type") == "authorization_code":
                if s256(form.get("code_verifier", "")) != self.challenges.pop(form.get("code", ""), None):
                    return self._open(flask.make_response({"error": "invalid_grant"}, 400))
            elif form.get("refresh_token") in self.revoked:
                return self._open(flask.make_response({"error": "invalid_grant"}, 400))
        return None

    def _after(self, response: flask.Response) -> flask.Response:
        request = flask.request
        if request.path == "/oauth2/authorize" and response.location:
            parts = urlsplit(response.location)
            # RFC 6749, 4.1.2.1: errors carry the state as well, which the library forgets.
            query = {"state": request.args["state"], **dict(parse_qsl(parts.query))}
            if "code" in query:
                self.challenges[query["code"]] = request.args["code_challenge"]
            response.location = urlunsplit(parts._replace(query=urlencode(query)))
        if request.path == "/oauth2/token" and response.status_code == 200:
            answer: dict[str, Any] = response.get_json()
            user = flask.g.oidc_provider_mock_storage.get_access_token(answer["access_token"]).user_id
            self.issued[answer["access_token"]] = user
            return self._open(response)
        return response

    @staticmethod
    def _open(response: flask.Response) -> flask.Response:
        """Cognito's token endpoint lets every origin read its answers."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    def _logout(self) -> Any:
        if flask.request.args.to_dict() != {"client_id": self.client_id, "logout_uri": self.home}:
            return "unknown client or address", 400
        return flask.redirect(self.home)

    def _revoke(self) -> str:
        self.revoked.append(flask.request.form["token"])
        return ""


@dataclass
class Site:
    """The page with CloudFront's headers, its configuration, and the REST API behind `/api/`."""

    login: LoginService
    url: str = ""
    config: dict[str, Any] | None = None
    """What `/config.json` says; 403, as S3 answers without the right to list, if None."""
    api_status: int = 200
    """What `/api/me` answers to a good token."""

    def default_config(self) -> dict[str, Any]:
        """Keys as `components/front_door.py` makes them."""
        return {
            "stack": "prod",
            "environment": "prod",
            "region": "eu-west-1",
            "mlflowTrackingUri": "https://mlflow.ml.example.com",
            "mlflowAuth": "cognito",
            "artifactRoot": "s3://mlplatform-prod-artifacts-111122223333/mlflow",
            "aiGatewayUrl": "https://aigateway.ml.example.com",
            "issuer": self.login.url,
            "loginUrl": self.login.url,
            "cliClientId": "cli",
            "cliCallbackPorts": [8400, 8401, 8402],
            "webClientId": self.login.client_id,
            "apiUrl": "https://api.ml.example.com",
            "webUrl": self.url,
            "mlflowUiUrl": "https://mlflowui.ml.example.com",
            "banner": {"text": "", "backgroundColor": "#232f3e", "textColor": "#ffffff"},
        }

    def reset(self) -> None:
        """As deployed."""
        self.config, self.api_status = self.default_config(), 200

    def app(self) -> flask.Flask:
        """Files, configuration and API."""
        app = flask.Flask(__name__, static_folder=None)
        app.add_url_rule("/", "home", lambda: flask.send_from_directory(PAGE, "index.html"))
        app.add_url_rule("/<path:name>", "file", lambda name: flask.send_from_directory(PAGE, name))
        app.add_url_rule("/config.json", "config", self._config)
        app.add_url_rule("/api/me", "me", self._me)
        app.after_request(self._headers)
        return app

    def _config(self) -> Any:
        return flask.jsonify(self.config) if self.config is not None else ("<Error/>", 403)

    def _me(self) -> Any:
        kind, _, token = flask.request.headers.get("Authorization", "").partition(" ")
        user = self.login.issued.get(token)
        if kind != "Bearer" or user is None:
            return {"message": "Unauthorized"}, 401
        if self.api_status != 200:
            return {"message": "Internal Server Error"}, self.api_status
        return {
            "subject": user,
            "username": "6f1c6c0e-5f0d-4c53-9a3e-2f7d0b1f4a11",
            "email": None,
            "groups": GROUPS[user],
            "clientId": self.login.client_id,
            "expiresAt": "2099-12-31T23:59:59Z",
        }

    def _headers(self, response: flask.Response) -> flask.Response:
        response.headers.update(security_headers(self.login.url))
        return response


def demand_chromium() -> None:
    """Skips the test without a browser; with REQUIRE_SERVICES=1 it fails instead."""
    if CHROMIUM.exists():
        return
    reason = f"{CHROMIUM} is missing; apt-get install chromium, or set CHROMIUM to its path"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"REQUIRE_SERVICES=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@contextmanager
def local_site() -> Generator[Site]:
    """A page and its login service, which know each other."""
    login = LoginService()
    site = Site(login)
    with serve(login.provider) as login.url, serve(site.app()) as site.url:
        login.register(f"{site.url}/")
        site.reset()
        yield site


@contextmanager
def chromium() -> Generator[Browser]:
    """A headless browser that finds this machine only; without the sandbox, which containers and root do not have."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", f"--host-resolver-rules={NOWHERE}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """A tab of a new profile."""

    page: Page
    context: BrowserContext
    errors: list[str] = field(default_factory=list[str])
    """What the console said of errors, with every violation of the content security policy."""
    strangers: list[str] = field(default_factory=list[str])
    """Requests to hosts other than this machine."""

    def _note(self, request: Request) -> None:
        # The login library's own page wants a style sheet; ours asks nobody.
        if urlsplit(request.url).hostname not in {"localhost", "127.0.0.1"} and "picocss" not in request.url:
            self.strangers.append(request.url)

    @classmethod
    @contextmanager
    def of(cls, browser: Browser, **options: Any) -> "Generator[Tab]":
        """Opens a tab, and closes its profile at the end."""
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.add_init_script(REPORT_VIOLATIONS)
        tab = cls(context.new_page(), context)
        context.on("request", tab._note)
        tab.page.on("console", lambda message: tab.errors.append(message.text) if message.type == "error" else None)
        tab.page.on("pageerror", lambda error: tab.errors.append(str(error)))
        try:
            yield tab
        finally:
            context.close()

    def log_in(self, site: Site, user: str = ADA) -> None:
        """Through the login pages, to the platform's view."""
        self.page.goto(f"{site.url}/")
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("button", name=user, exact=True).click()
        self.page.get_by_role("heading", level=1).filter(has_text="Hello").wait_for()

    def enter(self, site: Site, user: str = ADA) -> None:
        """The same with tokens of an earlier login, as after a reload: a third of the time."""
        granted = site.login.tokens(user)
        tokens = {
            "person": {"subject": user, **CLAIMS[user]},
            "access": granted["access_token"],
            "refresh": granted["refresh_token"],
            "expiresAt": (time.time() + granted["expires_in"]) * 1000,
        }
        self.page.goto(f"{site.url}/favicon.svg")
        self.page.evaluate("tokens => sessionStorage.setItem('mlplatform.tokens', tokens)", json.dumps(tokens))
        self.page.goto(f"{site.url}/")
        self.page.get_by_role("heading", level=1).filter(has_text="Hello").wait_for()

    def stored(self) -> dict[str, str]:
        """What the page keeps for a reload."""
        return self.page.evaluate("({...sessionStorage})")

    def query(self) -> dict[str, list[str]]:
        """What is in the address bar after `?`."""
        return parse_qs(urlsplit(self.page.url).query)
