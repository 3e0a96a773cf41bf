"""The REST API's function from its archive, behind HTTPS, with real browsers' cookies and a real login service."""

import json
import re
import shutil
import sys
import zipfile
from collections.abc import Generator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import flask
import pytest
import requests
from playwright.sync_api import sync_playwright

from components.rest_api import LOGIN_ROUTES, PUBLIC, ROUTES
from lib.functions import archive, python_files
from tests.services.browser import ADA, CHROMIUM, LoginService, demand_chromium, serve
from tests.services.certificates import Authority
from tests.services.oidc import unsigned
from tests.services.processes import PATIENCE, REPOSITORY, Process, folder, free_port, listens, wait_for

SESSION, REFRESH, LOGIN = "__Host-mlplatform-session", "__Secure-mlplatform-refresh", "__Secure-mlplatform-login"
CONFIG = {"region": "eu-west-1", "mlflowTrackingUri": "https://mlflow.example.com"}
CLAIMS = {
    **{"sub": "7c2e", "username": "ann", "client_id": "cli", "token_use": "access", "exp": 4_102_444_800},
    "cognito:groups": ["admin", "user"],
}


class Cognito(LoginService):
    """The login service with Cognito's own logout, and a token endpoint that can fail."""

    failing = False

    def _before(self) -> flask.Response | None:
        if self.failing and flask.request.path == "/oauth2/token":
            return flask.make_response("Internal Server Error", 500)
        return super()._before()

    def _logout(self) -> Any:
        return flask.redirect(flask.request.args["logout_uri"])


@dataclass
class Api:
    """The API, which is also the host of MLflow's pages."""

    url: str
    process: Process
    cognito: Cognito
    ca: Path

    def lines(self) -> list[dict[str, Any]]:
        """The log."""
        return [json.loads(line) for line in self.process.output().splitlines()]

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(
            f"{self.url}{path}", verify=str(self.ca), allow_redirects=False, timeout=PATIENCE, **options
        )

    def visitor(self) -> "Visitor":
        return Visitor(self)


class Visitor:
    """Someone's browser: keeps cookies as browsers do, and follows redirects only when told to."""

    def __init__(self, api: Api) -> None:
        self.api, self.session = api, requests.Session()
        # A machine's own certificates (REQUESTS_CA_BUNDLE) would otherwise come before these.
        self.session.verify, self.session.trust_env = str(api.ca), False

    def get(self, url: str) -> requests.Response:
        address = url if "://" in url else f"{self.api.url}{url}"
        return self.session.get(address, allow_redirects=False, timeout=PATIENCE)

    def begin(self, path: str = "/") -> str:
        """Begins a login; gives the address of the login page."""
        answer = self.get(f"/auth/login?return={quote(path, safe='')}")
        assert answer.status_code == 302
        return answer.headers["location"]

    def approve(self, page: str, **form: str) -> str:
        """Logs in at the login page; gives the address that it leads back to."""
        answer = self.session.post(page, data=form or {"sub": ADA}, allow_redirects=False, timeout=PATIENCE)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def log_in(self, path: str = "/") -> requests.Response:
        return self.get(self.approve(self.begin(path)))

    def cookies(self) -> dict[str, str | None]:
        return {cookie.name: cookie.value for cookie in self.session.cookies}


def set_cookies(answer: requests.Response) -> dict[str, str]:
    """Attributes of the cookies that an answer sets, by name; values are hidden."""
    lines: list[str] = answer.raw.headers.getlist("set-cookie")
    return {
        line.partition("=")[0]: re.sub(r"^[^;]*", "…" if line.split(";")[0][-1] != "=" else "", line) for line in lines
    }


@pytest.fixture(scope="module")
def api(ca: Authority) -> Generator[Api]:
    place, port = folder(), free_port()
    certificate, key = ca.issue(place)
    code = archive({**python_files(REPOSITORY / "services" / "api"), "config.json": json.dumps(CONFIG).encode()})
    with zipfile.ZipFile(BytesIO(code)) as archived:
        archived.extractall(place / "code")
    url, cognito = f"https://localhost:{port}", Cognito(nonce=False)
    with serve(cognito.provider) as cognito.url:
        cognito.register(f"{url}/auth/callback")
        routes = {route: label not in PUBLIC for label, route in {**ROUTES, **LOGIN_ROUTES}.items()}
        process = Process(
            [
                *(sys.executable, "-I", "-S", Path(__file__).with_name("gateway.py")),
                *(str(port), place / "code", json.dumps(routes), certificate, key),
            ],
            env={"UI_URL": url, "LOGIN_URL": cognito.url, "UI_CLIENT_ID": cognito.client_id, "REFRESH_DAYS": "30"},
        )
        try:
            wait_for(lambda: listens(port), "the gateway", process)
            yield Api(url, process, cognito, ca.certificate)
        finally:
            process.close()
            shutil.rmtree(place, ignore_errors=True)


def test_health_is_for_everyone_and_the_rest_for_who_has_a_token(api: Api) -> None:
    token = {"Authorization": f"Bearer {unsigned(CLAIMS)}.signature"}
    assert api.get("/health").json()["status"] == "ok"
    assert [api.get(path).status_code for path in ("/me", "/config", "/nothing")] == [401, 401, 404]
    assert api.get("/config", headers=token).json() == CONFIG
    assert api.get("/me", headers=token).json() == {
        **{"subject": "7c2e", "username": "ann", "email": None, "groups": ["admin", "user"], "clientId": "cli"},
        "expiresAt": 4_102_444_800,
    }


def test_a_login_brings_a_session_and_leads_back(api: Api) -> None:
    visitor = api.visitor()
    begun = visitor.get("/auth/login?return=%2Fexperiments%3Fpage%3D2")
    assert set_cookies(begun) == {LOGIN: "…; Path=/auth; Max-Age=600; HttpOnly; Secure; SameSite=Lax"}
    query = parse_qs(urlsplit(begun.headers["location"]).query)
    assert query["redirect_uri"] == [f"{api.url}/auth/callback"]
    assert (query["scope"], query["code_challenge_method"]) == (["openid email profile"], ["S256"])
    answer = visitor.get(visitor.approve(begun.headers["location"]))
    assert (answer.status_code, answer.headers["location"]) == (302, f"{api.url}/experiments?page=2")
    assert set_cookies(answer) == {
        SESSION: "…; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax",
        REFRESH: "…; Path=/auth; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax",
        LOGIN: "; Path=/auth; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
    }
    assert api.cognito.issued[str(visitor.cookies()[SESSION])] == ADA
    assert set(visitor.cookies()) == {SESSION, REFRESH}


@pytest.mark.parametrize("state", ["", "other", "ä", "%00"])
def test_a_state_that_is_not_ours_is_refused(api: Api, state: str) -> None:
    visitor = api.visitor()
    back = visitor.approve(visitor.begin())
    code = parse_qs(urlsplit(back).query)["code"][0]
    answer = visitor.get(f"/auth/callback?{urlencode({'code': code, 'state': state})}")
    assert answer.status_code == 400
    assert SESSION not in visitor.cookies()


def test_a_callback_is_worth_nothing_a_second_time_or_in_another_browser(api: Api) -> None:
    visitor, thief = api.visitor(), api.visitor()
    page = visitor.begin()
    pending = visitor.cookies()[LOGIN]
    back = visitor.approve(page)
    assert thief.get(back).status_code == 400
    assert visitor.get(back).status_code == 302
    assert visitor.get(back).status_code == 400
    kept = {"Cookie": f"{LOGIN}={pending}"}
    replayed = api.get(back.removeprefix(api.url), headers=kept)
    assert replayed.status_code == 400
    assert "not valid any more" in replayed.text
    assert SESSION not in set_cookies(replayed)


def test_parameters_that_are_given_twice_count_as_none(api: Api) -> None:
    visitor = api.visitor()
    back = visitor.approve(visitor.begin())
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert visitor.get(f"{back}&state={state}").status_code == 400


def test_what_the_provider_says_is_shown_as_text_and_only_to_whom_it_concerns(api: Api) -> None:
    attack = urlencode({"error": "access_denied", "error_description": "<script>alert(1)</script>"})
    stranger = api.get(f"/auth/callback?{attack}&state=x")
    assert (stranger.status_code, "script" in stranger.text) == (400, False)
    visitor = api.visitor()
    state = parse_qs(urlsplit(visitor.begin("/models")).query)["state"][0]
    answer = visitor.get(f"/auth/callback?{attack}&state={state}")
    assert answer.status_code == 403
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script" not in answer.text
    assert 'href="/auth/login?return=%2Fmodels"' in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_denied_login_is_told(api: Api) -> None:
    visitor = api.visitor()
    answer = visitor.get(visitor.approve(visitor.begin(), action="deny"))
    assert answer.status_code == 403
    assert SESSION not in visitor.cookies()


def test_a_provider_that_fails_is_named_as_such(api: Api) -> None:
    visitor = api.visitor()
    back = visitor.approve(visitor.begin())
    api.cognito.failing = True
    try:
        assert visitor.get(back).status_code == 502
    finally:
        api.cognito.failing = False
    assert api.lines()[-1]["note"] == "token: 500"


def test_a_refresh_cookie_renews_the_session_without_a_page(api: Api) -> None:
    visitor = api.visitor()
    visitor.log_in()
    before = visitor.cookies()[SESSION]
    answer = visitor.get("/auth/login?return=/models")
    assert (answer.status_code, answer.headers["location"]) == (302, f"{api.url}/models")
    assert visitor.cookies()[SESSION] != before
    assert api.cognito.requests[-1]["grant_type"] == "refresh_token"


def test_an_expired_refresh_cookie_leads_to_the_login_page(api: Api) -> None:
    visitor = api.visitor()
    visitor.log_in()
    api.cognito.revoked.append(str(visitor.cookies()[REFRESH]))
    assert visitor.begin().startswith(f"{api.cognito.url}/oauth2/authorize?")
    assert api.lines()[-1]["note"] == "not renewed: token: invalid_grant"


def test_logout_ends_session_refresh_token_and_the_providers_session(api: Api) -> None:
    visitor = api.visitor()
    visitor.log_in()
    refresh = visitor.cookies()[REFRESH]
    answer = visitor.get("/auth/logout")
    home = quote(f"{api.url}/auth/logged-out", safe="")
    expected = f"{api.cognito.url}/logout?client_id={api.cognito.client_id}&logout_uri={home}"
    assert (answer.status_code, answer.headers["location"]) == (302, expected)
    assert refresh in api.cognito.revoked
    assert visitor.cookies() == {}
    ended = visitor.get(visitor.get(answer.headers["location"]).headers["location"])
    assert (ended.status_code, "You are logged out" in ended.text) == (200, True)


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "/%2Fevil.example", "/a\r\nb: c"])
def test_only_paths_of_this_host_are_led_back_to(api: Api, path: str) -> None:
    visitor = api.visitor()
    assert visitor.log_in(path).headers["location"] == f"{api.url}/"


def test_the_log_is_json_with_one_line_a_request_and_holds_no_token(api: Api) -> None:
    before, visitor = len(api.lines()), api.visitor()
    page = visitor.begin()
    pending = visitor.cookies()[LOGIN]
    back = visitor.approve(page)
    visitor.get(back)
    secrets = [pending, *visitor.cookies().values(), *parse_qs(urlsplit(back).query)["code"]]
    secrets += parse_qs(urlsplit(back).query)["state"]
    visitor.get("/auth/logout")
    token = f"{unsigned(CLAIMS)}.signature"
    me = api.get("/me", headers={"Authorization": f"Bearer {token}"})
    lines = api.lines()[before:]
    assert [line["route"] for line in lines] == [
        *("GET /auth/login", "GET /auth/callback", "GET /auth/logout", "GET /me"),
    ]
    assert [line["status"] for line in lines] == [302, 302, 302, 200]
    assert (lines[-1]["subject"], me.status_code) == ("7c2e", 200)
    assert all(line["ms"] >= 0 and line["apiRequestId"] for line in lines)
    assert len(secrets) == 5
    assert not [secret for secret in [*secrets, token] if str(secret) in api.process.output()]


def test_a_real_browser_takes_the_cookies_and_shows_the_pages(api: Api) -> None:
    """Chromium checks what no library does: the prefixes of the names, and the policy of the pages."""
    demand_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = browser.new_context(ignore_https_errors=True)
            page, said = context.new_page(), list[str]()
            page.on("console", lambda message: said.append(message.text))
            page.goto(f"{api.url}/auth/login?return=/auth/callback")
            page.get_by_role("button", name=ADA, exact=True).click()
            page.wait_for_url(f"{api.url}/")
            kept = {cookie.get("name"): cookie.get("path") for cookie in context.cookies(f"{api.url}/auth")}
            assert kept == {SESSION: "/", REFRESH: "/auth"}
            page.goto(f"{api.url}/auth/logout")
            assert page.get_by_role("heading").inner_text() == "Logged out"
            assert page.evaluate("getComputedStyle(document.body).maxWidth") == "576px"
            assert context.cookies(api.url) == []
            assert not [text for text in said if "Content Security Policy" in text]
        finally:
            browser.close()
