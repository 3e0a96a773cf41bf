"""NGINX in front of an upstream that tells what it was sent."""

import base64
import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.services.processes import MLFLOW_PYTHON, PATIENCE, Process, python_path, wait_for
from tests.services.task import PASSWORD, SERVICES, USERNAME, Proxy

AUTH = (USERNAME, PASSWORD)


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"path": self.path, "headers": headers, "client": self.client_address[1]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("passwords") / "htpasswd"
    script = (
        "import pathlib, sys\n"
        "from mlflow_service.htpasswd import write\n"
        "write(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], 1000)\n"
    )
    command = [MLFLOW_PYTHON, "-c", script, path, USERNAME, PASSWORD]
    process = Process(command, env={"PYTHONPATH": python_path("mlflow")})
    assert process.wait() == 0, process.output()
    return path


@pytest.fixture(scope="module")
def proxy(passwords: Path) -> Generator[Proxy]:
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    made = Proxy(upstream.server_port, passwords)
    yield made
    made.close()
    upstream.shutdown()


def _seen(proxy: Proxy, method: str = "GET", **headers: str) -> dict[str, str]:
    answer = requests.request(method, f"{proxy.url}/x", headers=headers, auth=AUTH, timeout=PATIENCE)
    assert answer.status_code == 200
    return answer.json()["headers"]


def test_nobody_gets_in_without_the_credentials(proxy: Proxy) -> None:
    answer = requests.get(f"{proxy.url}/", timeout=PATIENCE)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="MLflow"'
    assert answer.headers["Server"] == "nginx"
    wrong = [
        (USERNAME, "wrong"),
        ("wrong", PASSWORD),
        (USERNAME, ""),
        (USERNAME, PASSWORD[:-1]),
        (USERNAME, PASSWORD + "x"),
    ]
    for auth in wrong:
        assert requests.get(f"{proxy.url}/", auth=auth, timeout=PATIENCE).status_code == 401
    for path in ("/health", "/version", "/elb-status/", "/elb-status/../", "/ELB-STATUS", "//elb-status/x", "/static"):
        request = requests.Request("GET", proxy.url).prepare()
        request.url = proxy.url + path
        with requests.Session() as session:
            assert session.send(request, timeout=PATIENCE).status_code == 401, path


def test_every_printable_character_works(proxy: Proxy) -> None:
    assert requests.get(f"{proxy.url}/", auth=AUTH, timeout=PATIENCE).status_code == 200


def test_the_health_path_needs_neither_credentials_nor_mlflow(passwords: Path) -> None:
    lonely = Proxy(1, passwords)
    try:
        assert requests.get(f"{lonely.url}/elb-status", timeout=PATIENCE).status_code == 200
        assert requests.get(f"{lonely.url}/", auth=AUTH, timeout=PATIENCE).status_code == 502
    finally:
        lonely.close()


def test_the_credentials_end_at_the_proxy(proxy: Proxy) -> None:
    assert "authorization" not in _seen(proxy)
    log = json.dumps(proxy.access_log())
    assert base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode() not in proxy.process.output()
    assert json.dumps(USERNAME)[1:-1] not in log
    assert json.dumps(PASSWORD)[1:-1] not in log


def test_the_query_string_stays_out_of_the_log(proxy: Proxy) -> None:
    requests.get(f"{proxy.url}/search?token=hidden", auth=AUTH, timeout=PATIENCE)
    # NGINX writes the line after the answer.
    wait_for(lambda: proxy.access_log()[-1]["uri"] == "/search", "the log's line", proxy.process)
    line = proxy.access_log()[-1]
    assert line["status"] == 200
    assert "hidden" not in json.dumps(line)


def test_mlflow_hears_for_which_name_it_was_asked(proxy: Proxy) -> None:
    assert _seen(proxy, Host="mlflow.internal")["host"] == "mlflow.internal"
    seen = _seen(proxy, **{"Host": "10.0.0.7", "X-Api-Domain": "abc.execute-api.eu-west-1.amazonaws.com"})
    assert seen["host"] == seen["x-forwarded-host"] == "abc.execute-api.eu-west-1.amazonaws.com"
    seen = _seen(proxy, **{"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"})
    assert seen["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"


@pytest.mark.parametrize(
    ("origin", "passed"),
    [
        ("https://api.example.com", False),
        ("https://API.example.com", False),
        ("http://api.example.com", True),
        ("https://api.example.com.evil.org", True),
        ("https://evil.org", True),
        ("https://evil.org|https://evil.org", True),
        ("https://api.example.com:8443", True),
        ("null", True),
    ],
)
def test_only_the_same_origin_is_taken_off(proxy: Proxy, origin: str, passed: bool) -> None:
    for headers in ({"X-Api-Domain": "api.example.com"}, {"Host": "api.example.com"}):
        seen = _seen(proxy, "POST", **headers, Origin=origin)
        assert seen.get("origin") == (origin if passed else None)


def test_connections_to_mlflow_are_kept(proxy: Proxy) -> None:
    ports = {requests.get(f"{proxy.url}/", auth=AUTH, timeout=PATIENCE).json()["client"] for _ in range(20)}
    assert len(ports) <= 2  # one for each of NGINX's workers


def test_a_body_over_the_limit_is_413(proxy: Proxy, passwords: Path) -> None:
    assert requests.post(f"{proxy.url}/", data=b"x" * 9_000_000, auth=AUTH, timeout=PATIENCE).status_code == 200
    assert requests.post(f"{proxy.url}/", data=b"x" * 10_500_000, auth=AUTH, timeout=PATIENCE).status_code == 413


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MLFLOW_HTPASSWD_FILE", "/nowhere/htpasswd", "the password file /nowhere/htpasswd is missing"),
        ("NGINX_PORT", "eighty", "NGINX_PORT is 'eighty'"),
        ("NGINX_CORS_PREFLIGHT", "yes", "NGINX_CORS_PREFLIGHT is 'yes': give on or off"),
        ("NGINX_CLIENT_MAX_BODY_SIZE", "10m; include /etc/passwd", "NGINX_CLIENT_MAX_BODY_SIZE is"),
        ("MLFLOW_UPSTREAM", "127.0.0.1", "give ADDRESS:PORT"),
    ],
)
def test_a_wrong_variable_is_named(passwords: Path, name: str, value: str, words: str) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "MLFLOW_HTPASSWD_FILE": str(passwords), name: value}
    process = Process([SERVICES / "nginx" / "entrypoint.sh"], env=environment)
    assert process.wait() == 78
    assert words in process.output()
