"""CloudFront Functions, run by Node.js on events in CloudFront's shape."""

import base64
import copy
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components.distribution import FUNCTIONS, edge_code

HOST = "mlflowui.example.com"
SESSION = "__Host-mlplatform-session"
NODE = shutil.which("node")
RUN = """
const [source, ...events] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const handler = new Function(source + '; return handler;')();
console.log(JSON.stringify(events.map(event => handler(event))));
"""


@pytest.fixture(autouse=True, scope="module")
def _node() -> None:
    if NODE is None and os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail("REQUIRE_SERVICES=1, but there is no node; apt-get install nodejs")
    if NODE is None:
        pytest.skip("missing: node; apt-get install nodejs")


def run(function: str, *events: dict[str, Any], host: str = HOST) -> list[dict[str, Any]]:
    """What a function of pages with this name, or with none of their own, answers to each event."""
    given = json.dumps([edge_code(function, host), *events])
    done = subprocess.run([str(NODE), "-e", RUN], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def event(
    uri: str = "/",
    method: str = "GET",
    *,
    cookie: dict[str, Any] | None = None,
    query: dict[str, Any] | None = None,
    **headers: str,
) -> dict[str, Any]:
    """A viewer's request (Amazon CloudFront developer guide, "CloudFront Functions event structure")."""
    given = {"host": HOST, "accept": "text/html,application/xhtml+xml", **headers}
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request", "distributionId": "E1", "requestId": "1"},
        "viewer": {"ip": "198.51.100.1"},
        "request": {
            "method": method,
            "uri": uri,
            "querystring": query or {},
            "headers": {name: {"value": value} for name, value in given.items()},
            "cookies": {"theme": {"value": "dark"}, **({SESSION: cookie} if cookie else {})},
        },
    }


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def token(claims: Any) -> str:
    return f"{encoded({'alg': 'RS256'})}.{encoded(claims)}.c2lnbmF0dXJl"


def good(**claims: Any) -> dict[str, str]:
    # Non-ASCII letters give the characters in which base64url differs from base64.
    return {"value": token({"exp": int(time.time()) + 600, "username": "Zoë ÿ>?~", **claims})}


def led_to(answer: dict[str, Any]) -> str:
    """The address that the login is to return to."""
    assert (answer["statusCode"], answer["headers"]["cache-control"]["value"]) == (302, "no-store")
    location = urlsplit(answer["headers"]["location"]["value"])
    assert (location.scheme, location.netloc, location.path) == ("", "", "/auth/login")
    (back,) = parse_qs(location.query, keep_blank_values=True)["return"]
    return back


def test_a_session_becomes_a_bearer_token_and_its_cookie_stays_here() -> None:
    cookie = good()
    (passed,) = run("session.js", event("/ajax-api/2.0/mlflow/runs/search", "POST", cookie=cookie))
    assert passed["headers"]["authorization"] == {"value": f"Bearer {cookie['value']}"}
    assert passed["cookies"] == {"theme": {"value": "dark"}}
    assert (passed["uri"], passed["method"]) == ("/ajax-api/2.0/mlflow/runs/search", "POST")


NO_SESSION: dict[str, dict[str, Any] | None] = {
    "no cookie": None,
    "empty": {"value": ""},
    "no token": {"value": "abc"},
    "two parts": {"value": f"{encoded({})}.{encoded({'exp': 9e9})}"},
    "four parts": {"value": token({"exp": 9e9}) + ".x"},
    "a line break": {"value": token({"exp": 9e9}) + "\r\nx-injected: 1"},
    "not JSON": {"value": "e30.bm90IGpzb24.c2ln"},
    "null": {"value": token(None)},
    "no expiry": {"value": token({})},
    "expiry as text": {"value": token({"exp": "9999999999"})},
    "expired": {"value": token({"exp": 1_000_000_000})},
    "expired just now": {"value": token({"exp": int(time.time()) - 1})},
    "two of them": {**good(), "multiValue": [good(), good()]},
}


@pytest.mark.parametrize("cookie", NO_SESSION.values(), ids=NO_SESSION)
def test_without_a_session_people_log_in_and_programs_are_refused(cookie: dict[str, Any] | None) -> None:
    page, post, call, head = run(
        "session.js",
        event("/", cookie=cookie),
        event("/", "POST", cookie=cookie),
        event("/ajax-api/2.0/mlflow/experiments/get", cookie=cookie, accept="application/json"),
        event("/", "HEAD", cookie=cookie, authorization="Bearer x.y.z"),
    )
    assert led_to(page) == "/"
    for refusal in (post, call, head):
        assert refusal["statusCode"] == 401
        assert refusal["headers"]["content-type"]["value"] == "application/json"
        assert refusal["headers"]["cache-control"]["value"] == "no-store"
        assert json.loads(refusal["body"]["data"])["error_code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("uri", "query", "back"),
    [
        ("/experiments/1", {"o": {"value": "a%26b"}, "flag": {"value": ""}}, "/experiments/1?o=a%26b&flag"),
        ("/x", {"a": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}}, "/x?a=1&a=2"),
        ("//evil.example", {}, "/evil.example"),
        ("/\\evil.example", {}, "/evil.example"),
        ("\\\\/evil.example", {}, "/evil.example"),
        ("/a&return=https://evil.example", {}, "/a&return=https://evil.example"),
        ("/a%0d%0aset-cookie:x", {}, "/a%0d%0aset-cookie:x"),
    ],
)
def test_the_login_returns_to_a_path_of_this_host(uri: str, query: dict[str, Any], back: str) -> None:
    (answer,) = run("session.js", event(uri, query=query))
    assert led_to(answer) == back


def _smuggled(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    given = copy.deepcopy(event(cookie=good(), authorization="Bearer theirs"))
    change(given["request"]["headers"])
    return given


def test_a_header_of_the_viewer_is_no_token() -> None:
    one = _smuggled(lambda headers: None)
    several = _smuggled(lambda h: h["authorization"].update(multiValue=[{"value": "Bearer a"}, {"value": "Bearer b"}]))
    for given, passed in zip((one, several), run("session.js", one, several), strict=True):
        session = given["request"]["cookies"][SESSION]["value"]
        assert passed["headers"]["authorization"] == {"value": f"Bearer {session}"}


ORIGINS = {
    f"https://{HOST}": False,
    f"http://{HOST}": True,
    f"https://{HOST}:8443": True,
    f"https://{HOST}.evil.example": True,
    "https://evil.example": True,
    "null": True,
}


@pytest.mark.parametrize(("origin", "kept"), ORIGINS.items())
def test_only_the_own_origin_is_taken_off(origin: str, kept: bool) -> None:
    given = event("/", "POST", cookie=good(), origin=origin)
    twice = copy.deepcopy(given)
    twice["request"]["headers"]["origin"]["multiValue"] = [{"value": origin}, {"value": "https://evil.example"}]
    once, doubled = run("session.js", given, twice)
    assert ("origin" in once["headers"]) == kept
    assert "origin" in doubled["headers"]


OTHER = "mlflowstatic.example.com"


@pytest.mark.parametrize("uri", ["/", "/experiments/1", "/static-files/a.js", "/auth/login", "/auth/callback", "//x"])
@pytest.mark.parametrize("host", [OTHER, "d111.cloudfront.net", f"{HOST}.evil.example", f"x{HOST}"])
def test_by_another_name_everybody_is_led_to_the_first(uri: str, host: str) -> None:
    query = {"o": {"value": "a%26b"}, "a": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}}
    read, head, changed, program = run(
        "session.js",
        event(uri, host=host, query=query),
        event(uri, "HEAD", host=host, query=query, cookie=good()),
        event(uri, "POST", host=host, query=query, cookie=good(), origin=f"https://{host}"),
        event(uri, host=host, query=query, accept="application/json"),
    )
    for answer, status in ((read, 302), (head, 302), (changed, 307), (program, 302)):
        assert (answer["statusCode"], answer["headers"]["cache-control"]["value"]) == (status, "no-store")
        assert answer["headers"]["location"]["value"] == f"https://{HOST}/{uri.lstrip('/')}?o=a%26b&a=1&a=2"


@pytest.mark.parametrize("host", ["d111.cloudfront.net", HOST])
def test_without_a_name_of_their_own_pages_answer_by_cloudfronts(host: str) -> None:
    login, passed = run("session.js", event(host=host), event(host=host, cookie=good()), host="")
    assert led_to(login) == "/"
    assert "authorization" in passed["headers"]


def test_the_login_is_passed_on_as_it_is() -> None:
    for uri in ("/auth/login", "/auth/callback", "/auth/logout"):
        for cookie in (None, good()):
            given = event(uri, cookie=cookie, query={"return": {"value": "%2F"}}, origin=f"https://{HOST}")
            assert run("session.js", given) == [given["request"]]
    (page,) = run("session.js", event("/authors"))
    assert led_to(page) == "/authors"


@pytest.mark.parametrize(("uri", "path"), [("/api/me", "/me"), ("/api/", "/"), ("/api/api/x", "/api/x")])
def test_the_rest_api_has_its_paths_at_its_root(uri: str, path: str) -> None:
    (passed,) = run("strip-api.js", event(uri, query={"a": {"value": "1"}}))
    assert (passed["uri"], passed["querystring"]) == (path, {"a": {"value": "1"}})


@pytest.mark.parametrize("source", sorted(FUNCTIONS.glob("*.js")), ids=lambda path: path.name)
def test_a_function_fits_into_cloudfront(source: Path) -> None:
    text = edge_code(source.name, "h" * 253)
    assert len(text.encode()) <= 10_240
    for unsupported in ("?.", "??", "export ", "import ", "require(", "setTimeout", "fetch(", "process."):
        assert unsupported not in text, f"{unsupported} is not in cloudfront-js-2.0"
