"""Scripts of other origins, as browsers let them call: real NGINX, authoriser and MLflow, by password and by token."""

import base64
from collections.abc import Generator

import pytest
import requests

from tests.services.cloud import Cloud
from tests.services.conftest import MakeStack
from tests.services.databases import MariaDb
from tests.services.oidc import CLIENT, Issuer
from tests.services.processes import PATIENCE, wait_for
from tests.services.task import HOST, PASSWORD, USERNAME, Authoriser, Proxy, Task

ORIGIN, STRANGER = "https://app.example.com", "https://evil.example"
CALL = "/api/2.0/mlflow/experiments/search"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
BROWSER = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "empty"}
PASS = {"NGINX_CORS_PREFLIGHT": "on"}


class Door:
    """MLflow's task with one way to prove who calls: NGINX that lets preflights through, and one that does not."""

    def __init__(self, task: Task, proof: str, **environment: str) -> None:
        passwords = None if environment else task.passwords
        self.proof = {"Authorization": proof}
        self.open = Proxy(task.port, passwords, **environment, **PASS)
        self.shut = Proxy(task.port, passwords, **environment)

    def close(self) -> None:
        for proxy in (self.open, self.shut):
            proxy.close()


@pytest.fixture(scope="module")
def task(mariadb: MariaDb, make_stack: MakeStack) -> Generator[Task]:
    made = make_stack(mariadb).task(MLFLOW_SERVER_CORS_ALLOWED_ORIGINS=ORIGIN)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="module", params=["basic", "cognito"])
def door(request: pytest.FixtureRequest, task: Task, cloud: Cloud) -> Generator[Door]:
    if request.param == "basic":
        made = Door(task, "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode())
        yield made
        made.close()
        return
    issuer = Issuer().up()
    authoriser = Authoriser(cloud, cloud.parameter(issuer=issuer.url, audience=[CLIENT]))
    try:
        wait_for(authoriser.healthy, "the authoriser", authoriser.process)
        made = Door(task, f"Bearer {issuer.access()}", **authoriser.proxy_environment())
        yield made
        made.close()
    finally:
        authoriser.close()
        issuer.down()


def ask(proxy: Proxy, method: str, path: str, headers: dict[str, str]) -> requests.Response:
    # A session takes no password from ~/.netrc in place of the header.
    with requests.Session() as session:
        session.trust_env = False
        json = None if method == "OPTIONS" else {"max_results": 5}
        return session.request(method, proxy.url + path, json=json, headers=BROWSER | headers, timeout=PATIENCE)


def preflight(proxy: Proxy, path: str = CALL, **headers: str) -> requests.Response:
    return ask(proxy, "OPTIONS", path, headers)


def call(proxy: Proxy, origin: str, proof: dict[str, str]) -> requests.Response:
    return ask(proxy, "POST", CALL, {"Origin": origin, **proof})


def test_a_script_of_an_allowed_origin_may_call(door: Door) -> None:
    answer = preflight(door.open, Origin=ORIGIN, **ASKS)
    assert answer.ok, answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == ASKS["Access-Control-Request-Headers"]
    called = call(door.open, ORIGIN, door.proof)
    assert called.status_code == 200
    assert called.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Default" in [experiment["name"] for experiment in called.json()["experiments"]]
    assert call(door.open, ORIGIN, {}).status_code == 401


def test_a_script_of_another_origin_may_not(door: Door) -> None:
    answer = preflight(door.open, Origin=STRANGER, **ASKS)
    assert answer.status_code == 400
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert call(door.open, STRANGER, door.proof).status_code == 403


def test_without_allowed_origins_a_preflight_is_refused(door: Door) -> None:
    for origin in (ORIGIN, STRANGER):
        assert preflight(door.shut, Origin=origin, **ASKS).status_code == 401


NO_PREFLIGHTS: dict[str, dict[str, str]] = {
    "nothing of a preflight": {},
    "no method": {"Origin": ORIGIN},
    "no origin": ASKS,
    "MLflow's own origin, which MLflow is not told": {"Origin": f"https://{HOST}", **ASKS},
    "an origin within the method": {**ASKS, "Access-Control-Request-Method": f"POST|{ORIGIN}"},
    "a method within the origin": {"Origin": f"POST|{ORIGIN}"},
    "a method of a preflight that is none": {"Origin": ORIGIN, "Access-Control-Request-Method": "a b"},
}


@pytest.mark.parametrize("headers", NO_PREFLIGHTS.values(), ids=NO_PREFLIGHTS)
def test_any_other_options_request_needs_the_proof(door: Door, headers: dict[str, str]) -> None:
    assert preflight(door.open, **{"Host": HOST, **headers}).status_code == 401


def test_a_preflight_learns_nothing_of_a_path_and_no_other_method_is_one(door: Door) -> None:
    answers = [preflight(door.open, path, Origin=ORIGIN, **ASKS) for path in ("/", "/health", CALL, "/no-such-path")]
    assert len({(each.text, each.headers["Access-Control-Allow-Methods"]) for each in answers}) == 1
    assert answers[0].text == "OK"
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        assert ask(door.open, method, CALL, {"Origin": ORIGIN, **ASKS}).status_code == 401, method
