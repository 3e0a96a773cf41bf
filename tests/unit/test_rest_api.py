"""The REST API's function: its parts, and what it does with what should never come."""

import json
import logging
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from platform_api import VERSION, info, routes
from platform_api.app import application
from platform_api.login import local_path
from platform_api.messages import Request
from platform_api.provider import Provider, ProviderError
from platform_api.settings import LOGIN, Login, Settings, read_settings

from components.rest_api import LOGIN_ROUTES, PUBLIC, ROUTES
from lib.functions import archive, python_files

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "services" / "api"
SETTINGS = Settings(
    config={"region": "eu-west-1"},
    login=Login(
        ui_url="https://ui.example.com", login_url="https://login.example.com", client_id="ui", refresh_days=30
    ),
)
CLAIMS = {"sub": "7c2e", "username": "ann", "client_id": "cli", "exp": "4102444800", "cognito:groups": "[admin user]"}


def event(route: str, query: str = "", cookies: list[str] | None = None, **context: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": route,
        "rawQueryString": query,
        "cookies": cookies or [],
        "requestContext": {"requestId": "request-1", **context},
    }


def call(route: str, query: str = "", cookies: list[str] | None = None, **context: Any) -> dict[str, Any]:
    return application(SETTINGS)(event(route, query, cookies, **context), None)


def verified(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {"authorizer": {"jwt": {"claims": claims}}}


def test_the_gateway_has_the_functions_routes_and_opens_what_needs_no_token() -> None:
    table = {route.key: route.needs_token for route in routes.routes(SETTINGS)}
    assert table == {key: label not in PUBLIC for label, key in {**ROUTES, **LOGIN_ROUTES}.items()}
    assert {route.key for route in routes.routes(Settings())} == set(ROUTES.values())


def test_the_packs_know_the_open_routes_by_name() -> None:
    declared = json.loads((ROOT / "policies" / "config.json").read_text())["NW05-routes-authorised"]["publicRoutes"]
    assert {name for name in declared if name.startswith("rest-")} == {f"rest-{label}" for label in PUBLIC}


def test_the_version_is_the_platforms() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert json.loads(call("GET /health")["body"]) == {"status": "ok", "version": VERSION}
    assert project["version"] == VERSION


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"authorizer": None},
        {"authorizer": {"lambda": {"sub": "7c2e"}}},
        verified({}),
        *(verified({**CLAIMS, **change}) for change in ({"sub": ""}, {"exp": ""}, {"exp": "nan"}, {"exp": "inf"})),
    ],
)
@pytest.mark.parametrize("route", ["GET /me", "GET /config"])
def test_without_a_verified_token_nothing_is_told(route: str, context: dict[str, Any]) -> None:
    answer = call(route, **context)
    assert answer["statusCode"] == 401
    assert answer["headers"]["www-authenticate"] == "Bearer"
    assert "eu-west-1" not in answer["body"]


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ({}, "groups", ["admin", "user"]),
        ({"cognito:groups": "[admin]"}, "groups", ["admin"]),
        ({"cognito:groups": "[a[1] b]"}, "groups", ["a[1]", "b"]),
        ({"cognito:groups": "[]"}, "groups", []),
        ({"cognito:groups": "admin"}, "groups", []),
        ({"cognito:groups": None}, "groups", []),
        ({"exp": "4.1024448E9"}, "expiresAt", 4_102_444_800),
        ({"email": "ann@example.com"}, "email", "ann@example.com"),
        ({"username": None, "cognito:username": "ann"}, "username", "ann"),
        ({"client_id": None, "aud": "web"}, "clientId", "web"),
    ],
)
def test_claims_are_read_as_api_gateway_writes_them(change: dict[str, Any], key: str, value: object) -> None:
    answer = call("GET /me", **verified({**CLAIMS, **change}))
    assert (answer["statusCode"], json.loads(answer["body"])[key]) == (200, value)


def test_errors_are_problem_details_with_the_id_of_the_access_log() -> None:
    answer = call("GET /nothing")
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert json.loads(answer["body"]) == {
        **{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is nothing here."},
        "requestId": "request-1",
    }


def test_what_fails_unexpectedly_is_logged_once_and_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_request: Request) -> None:
        raise RuntimeError("the reason")

    monkeypatch.setattr(info, "health", fail)
    with caplog.at_level(logging.INFO):
        answer = call("GET /health")
    assert (answer["statusCode"], "reason" in answer["body"]) == (500, False)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the reason"
    assert vars(record)["apiRequestId"] == "request-1"


PIECES = (
    "/",
    "\\",
    "%2F",
    "%5C",
    "%252F",
    "%25255C",
    "\t",
    "%09",
    "\n",
    " ",
    "auth",
    "%61uth",
    "evil.example",
    ".",
    "?",
    "@",
    ":",
)


@given(text=st.text() | st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
@example(text="//evil.example")
@example(text="/\\evil.example")
@example(text="/%2Fevil.example")
@example(text="/%5Cevil.example")
@example(text="/%25252Fevil.example")
@example(text="/\t/evil.example")
@example(text="/%61uth/logout")
def test_no_return_path_leads_to_another_host_or_back_to_the_login(text: str) -> None:
    path = local_path(text)
    assert path in (text, "/")
    assert path.isascii()
    assert local_path(path) == path
    # As it is, and as it would be behind proxies that decode it.
    for _ in range(4):
        # As browsers read it (WHATWG URL): without tabs and line ends, and with slashes either way.
        read = re.sub(r"[\t\r\n]", "", path).replace("\\", "/")
        assert read.startswith("/")
        assert not read.startswith(("//", "/auth/"))
        path = unquote(path.partition("?")[0])


@pytest.mark.parametrize("path", ["/", "/models/a%20b?page=2#x", "/author", "/ajax-api/2.0/mlflow/x?filter=a%5C%09//b"])
def test_paths_of_mlflow_are_kept(path: str) -> None:
    assert local_path(path) == path


ODD_ANSWERS = {
    "a token that would break out of its cookie": {"access_token": "a; Domain=evil", "expires_in": 60},
    "a token with a line end": {"access_token": "a\r\nSet-Cookie: b=c", "expires_in": 60},
    "a refresh token that is none": {"access_token": "a", "refresh_token": {"a": 1}, "expires_in": 60},
    "no life": {"access_token": "a"},
    "no token": {"expires_in": 60},
    "no object": ["access_token"],
}


@pytest.mark.parametrize("content", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_an_answer_that_is_odd_makes_no_session(monkeypatch: pytest.MonkeyPatch, content: object) -> None:
    monkeypatch.setattr(Provider, "_post", lambda *_args, **_fields: json.dumps(content).encode())
    provider = Provider(url="https://login.example.com", client_id="ui", redirect_uri="https://ui.example.com/x")
    with pytest.raises(ProviderError, match="without usable tokens"):
        provider.renew("refresh")


def test_a_token_too_large_for_a_cookie_is_told_instead_of_leading_in_circles(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"access_token": "a" * 4096, "expires_in": 60}
    monkeypatch.setattr(Provider, "_post", lambda *_args, **_fields: json.dumps(answer).encode())
    result = call("GET /auth/login", cookies=["__Secure-mlplatform-refresh=r"])
    assert (result["statusCode"], "very many groups" in result["body"]) == (502, True)
    assert not [cookie for cookie in result["cookies"] if "session" in cookie]


@pytest.mark.parametrize("cookie", ["", "e30", "bnVsbA", "W10", "ä", "A", "/w", "eyJzdGF0ZSI6IiIsInZlcmlmaWVyIjoiIn0"])
def test_a_login_cookie_of_someone_elses_making_begins_nothing(cookie: str) -> None:
    answer = call("GET /auth/callback", f"state={quote('')}&code=c", [f"__Secure-mlplatform-login={cookie}"])
    assert answer["statusCode"] == 400


def test_a_cookie_that_comes_twice_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A neighbour under the same domain can set one of the same name, and browsers send both."""
    monkeypatch.setattr(Provider, "_post", lambda *_args, **_fields: pytest.fail("one of the two was used"))
    answer = call("GET /auth/login", cookies=["__Secure-mlplatform-refresh=a", "__Secure-mlplatform-refresh=b"])
    assert "/oauth2/authorize?" in answer["headers"]["location"]


def test_settings_of_the_login_are_given_together(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("{}")
    assert read_settings({}, file).login is None
    given: dict[str, str] = dict.fromkeys(LOGIN, "1")
    assert read_settings(given, file).login is not None
    with pytest.raises(ValueError, match="UI_CLIENT_ID missing beside UI_URL, LOGIN_URL, REFRESH_DAYS"):
        read_settings({**given, "UI_CLIENT_ID": ""}, file)


def test_an_archive_depends_on_nothing_but_names_and_contents(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder / "package").mkdir(parents=True)
        (tmp_path / folder / "package" / "main.py").write_text("answer = 42\n")
        (tmp_path / folder / "a.py").write_text("")
    (tmp_path / "other" / "package" / "__pycache__").mkdir()
    (tmp_path / "other" / "package" / "__pycache__" / "main.cpython-313.pyc").write_bytes(b"\0")
    (tmp_path / "other" / "a.py").chmod(0o755)
    os.utime(tmp_path / "other" / "a.py", (1, 1))
    one, other = (archive(python_files(tmp_path / folder)) for folder in ("one", "other"))
    assert one == other
    (tmp_path / "other" / "a.py").write_text("#")
    assert archive(python_files(tmp_path / "other")) != one
    assert "platform_api/main.py" in python_files(SOURCE)
