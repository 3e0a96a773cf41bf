"""Bearer tokens at the task's own door: real NGINX, authoriser, MLflow and client, and an issuer over HTTP."""

import time
from collections.abc import Callable, Generator

import pytest
import requests

from tests.services.cloud import Cloud
from tests.services.conftest import MakeStack
from tests.services.databases import MariaDb
from tests.services.oidc import CLIENT, OTHER_CLIENT, SUBJECT, Issuer, SigningKey, encode, hs256, unsigned
from tests.services.processes import MLFLOW_PYTHON, PATIENCE, Process, free_port, python_path, wait_for
from tests.services.task import SERVICES, Authoriser, Proxy, Task

QUICK = {"MLFLOW_AUTHORISE_RETRY_SECONDS": "1"}
NO_ANSWER = 1
"""A port where nothing listens: NGINX answers 502 to whom it lets through."""

RUN = """
import pathlib
import mlflow
mlflow.set_experiment("tokens")
with mlflow.start_run() as run:
    mlflow.log_metrics({"loss": 0.5})
    pathlib.Path("note.txt").write_text("with a token")
    mlflow.log_artifact("note.txt")
client, made = mlflow.MlflowClient(), run.info.run_id
print(client.get_run(made).data.metrics["loss"], [item.path for item in client.list_artifacts(made)])
"""


@pytest.fixture(scope="module")
def issuer() -> Generator[Issuer]:
    made = Issuer().up()
    yield made
    made.down()


@pytest.fixture(scope="module")
def authoriser(issuer: Issuer, cloud: Cloud) -> Generator[Authoriser]:
    made = Authoriser(cloud, cloud.parameter(issuer=issuer.url, audience=[CLIENT, OTHER_CLIENT]), **QUICK)
    yield made
    made.close()


@pytest.fixture(scope="module")
def task(authoriser: Authoriser, mariadb: MariaDb, make_stack: MakeStack) -> Generator[Task]:
    """A task without a credentials secret."""
    stack = make_stack(mariadb)
    made = Task(stack.cloud, stack.parameter, None, stack.ca)
    try:
        wait_for(authoriser.healthy, "the authoriser", authoriser.process)
        yield made.start(**authoriser.proxy_environment())
    finally:
        made.close()


@pytest.fixture(scope="module")
def proxy(task: Task) -> Proxy:
    assert task.proxy
    return task.proxy


def ask(proxy: Proxy, token: str | None = None, **headers: str) -> requests.Response:
    login = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"{proxy.url}/api/2.0/mlflow/experiments/search"
    # A session takes no password from ~/.netrc in place of the header.
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, json={"max_results": 5}, headers=login | headers, timeout=PATIENCE)


def test_the_real_client_logs_a_run_with_a_token_and_is_told_why_without(task: Task, issuer: Issuer) -> None:
    done = task.run_client(RUN, MLFLOW_TRACKING_TOKEN=issuer.access())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0.5 ['note.txt']"
    refused = task.run_client(RUN)
    assert refused.returncode != 0
    last = refused.stderr.strip().splitlines()[-1]
    assert "UNAUTHENTICATED: no bearer token was sent: set MLFLOW_TRACKING_TOKEN to a current access token" in last
    assert not task.passwords.exists()


def test_access_and_id_tokens_of_every_client_pass(proxy: Proxy, issuer: Issuer) -> None:
    good = [
        issuer.access(),
        issuer.access(client_id=OTHER_CLIENT),
        issuer.id(),
        issuer.id(aud=["another", OTHER_CLIENT]),
        issuer.access(token_use=None),
        issuer.access(exp=soon(-5)),  # a clock may be some seconds off
    ]
    for token in good:
        assert ask(proxy, token).status_code == 200
        assert ask(proxy, token).status_code == 200, "the same token again"
    assert ask(proxy, Authorization=f"bearer {good[0]}").status_code == 200


def tampered(issuer: Issuer) -> str:
    """Somebody else's claims under a good header and signature."""
    header, _, signature = issuer.access().split(".")
    return f"{header}.{unsigned(issuer.claims(sub='eve')).partition('.')[2]}.{signature}"


def self_made(issuer: Issuer) -> str:
    """A token that brings the key to check it with."""
    key = SigningKey()
    return key.sign(issuer.claims(), jwk=key.jwk())


def soon(seconds: int) -> int:
    """Unix time in so many seconds."""
    return int(time.time()) + seconds


REFUSED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "no token at all": (lambda _: "x", "malformed"),
    "three empty parts": (lambda _: "..", "malformed"),
    "expired": (lambda i: i.access(exp=soon(-30)), "has expired"),
    "without an end": (lambda i: i.access(exp=None), "has no exp"),
    "not yet valid": (lambda i: i.access(nbf=soon(30)), "not valid yet"),
    "for another client": (lambda i: i.access(client_id="another"), "another audience"),
    "for another audience": (lambda i: i.id(aud="another"), "another audience"),
    "for another audience, although client_id would do": (
        lambda i: i.id(aud="another", client_id=CLIENT),
        "another audience",
    ),
    "for an empty audience": (lambda i: i.id(aud=[], client_id=CLIENT), "another audience"),
    "for nobody": (lambda i: i.access(client_id=None), "another audience"),
    "of another issuer": (lambda i: i.access(iss=f"{i.url}x"), "another issuer"),
    "of no issuer": (lambda i: i.access(iss=None), "has no iss"),
    "a refresh token": (lambda i: i.access(token_use="refresh"), "neither an access nor"),
    "alg none": (lambda i: unsigned(i.claims(), alg="none", kid=i.key.kid) + ".", "not signed with RS256"),
    "alg none with a signature": (lambda i: i.key.sign(i.claims(), alg="none"), "not signed with RS256"),
    "HS256 with the public key": (lambda i: hs256(i.claims(), i.key.pem(), kid=i.key.kid), "not signed with RS256"),
    "HS256 that says RS256": (
        lambda i: hs256(i.claims(), i.key.pem(), kid=i.key.kid, alg="RS256"),
        "signature is not the issuer's",
    ),
    "without its signature": (lambda i: i.access().rpartition(".")[0] + ".", "signature is not the issuer's"),
    "tampered": (tampered, "signature is not the issuer's"),
    "of another key under the issuer's id": (
        lambda i: SigningKey().sign(i.claims(), kid=i.key.kid),
        "signature is not the issuer's",
    ),
    "of an unknown key": (lambda i: SigningKey().sign(i.claims()), "has no such key"),
    "with its own key in the header": (self_made, "has no such key"),
    "without the id of a key": (lambda i: i.key.sign(i.claims(), kid=""), "does not name its key"),
    "header that is no object": (lambda _: f"{encode(b'[]')}.{encode(b'{}')}.x", "malformed"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_token_is_refused_with_the_reason(what: str, proxy: Proxy, issuer: Issuer) -> None:
    make, reason = REFUSED[what]
    answer = ask(proxy, make(issuer))
    assert answer.status_code == 401
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="MLflow", error="invalid_token", error_description="the ')
    assert reason in challenge
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error_code"] == "UNAUTHENTICATED"
    assert reason in answer.json()["message"]


def test_without_a_token_nothing_but_the_health_path_is_open(proxy: Proxy, issuer: Issuer) -> None:
    token = issuer.access()
    for headers in ({}, {"Authorization": ""}, {"Authorization": "Bearer "}, {"Authorization": f"Basic {token}"}):
        answer = ask(proxy, **headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="MLflow"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.json()["message"].startswith("no bearer token was sent")
    for path in ("/", "/health", "/version", "/elb-status/", "//elb-status/x", "/static-files/index.js"):
        assert requests.get(proxy.url + path, timeout=PATIENCE).status_code == 401, path
    for path in ("/.authorise", "/.authorise/"):
        assert requests.get(proxy.url + path, timeout=PATIENCE).status_code in {401, 404}, path
    assert requests.get(f"{proxy.url}/elb-status", timeout=PATIENCE).status_code == 200


def test_the_log_names_who_and_never_holds_a_token(proxy: Proxy, issuer: Issuer, authoriser: Authoriser) -> None:
    good, bad = issuer.access(), SigningKey().sign(issuer.claims())
    assert ask(proxy, good, **{"User-Agent": "named"}).status_code == 200
    assert ask(proxy, bad, **{"User-Agent": "unnamed"}).status_code == 401
    wait_for(lambda: proxy.access_log()[-1]["agent"] == "unnamed", "the log's line", proxy.process)
    named, unnamed = proxy.access_log()[-2:]
    assert (named["user"], named["client"], named["status"]) == (SUBJECT, CLIENT, 200)
    assert (unnamed["user"], unnamed["client"], unnamed["status"]) == ("", "", 401)
    for process in (proxy.process, authoriser.process):
        for token in (good, bad):
            assert not any(part in process.output() for part in token.split("."))


def test_rotated_keys_work_at_once_and_removed_ones_no_more(
    proxy: Proxy, issuer: Issuer, authoriser: Authoriser
) -> None:
    old = issuer.access()
    assert ask(proxy, old).status_code == 200
    time.sleep(1)  # the least time between two looks at the keys, here
    issuer.rotate()
    assert ask(proxy, issuer.access()).status_code == 200
    answer = ask(proxy, old)
    assert answer.status_code == 401, "it was remembered as good"
    assert "no such key" in answer.text
    assert authoriser.process.poll() is None


def test_invented_keys_do_not_burden_the_issuer(proxy: Proxy, issuer: Issuer) -> None:
    before, started = issuer.asked, time.monotonic()
    claims = issuer.claims()
    for number in range(50):
        assert ask(proxy, issuer.key.sign(claims, kid=f"invented-{number}")).status_code == 401
    assert issuer.asked - before <= time.monotonic() - started + 1


def test_without_keys_nobody_passes_until_the_issuer_is_back(cloud: Cloud) -> None:
    issuer = Issuer()
    made = cloud.parameter(issuer=issuer.url, audience=[CLIENT])
    authoriser = Authoriser(cloud, made, **QUICK, MLFLOW_AUTHORISE_KEYS_SECONDS="2")
    proxy = Proxy(NO_ANSWER, None, **authoriser.proxy_environment())
    try:
        token = issuer.access()

        def status() -> int:
            return ask(proxy, token).status_code

        assert status() == 503, "the authoriser does not listen yet"
        wait_for(lambda: "cannot read the keys" in authoriser.process.output(), "a look", authoriser.process)
        answer = ask(proxy, token)
        assert answer.status_code == 503
        assert answer.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert not authoriser.healthy(), "a task that cannot reach the issuer must not be put into service"
        issuer.up()
        wait_for(lambda: status() == 502, "keys", authoriser.process)
        issuer.down()
        wait_for(lambda: status() == 503, "keys that are too old", authoriser.process)
        assert authoriser.healthy(), "a new task would not reach the issuer either"
        issuer.up()
        wait_for(lambda: status() == 502, "recovery", authoriser.process)
    finally:
        issuer.down()
        proxy.close()
        authoriser.close()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"issuer": "https://issuer.example.com"}, 'must hold {"issuer"'),
        ({"issuer": "https://issuer.example.com", "audience": []}, "audience is []; give a list of client ids"),
        ({"issuer": "https://issuer.example.com", "audience": "a"}, "audience is 'a'"),
        ({"issuer": "http://issuer.example.com", "audience": ["a"]}, "give an https:// URL"),
        ({"issuer": "https://i.example.com", "audience": ["a"], "jwksUri": "ftp://i"}, "jwksUri is 'ftp://i'"),
    ],
)
def test_a_parameter_that_cannot_work_is_refused(fields: dict[str, object], words: str, cloud: Cloud) -> None:
    made = Authoriser(cloud, cloud.parameter(**fields))
    assert made.process.wait() == 78
    assert words in made.process.output()
    made.close()


def test_every_wrong_variable_of_the_authoriser_is_named_at_once() -> None:
    environment = {"PYTHONPATH": python_path("mlflow"), "MLFLOW_AUTHORISE_PORT": "soon"}
    process = Process([MLFLOW_PYTHON, "-m", "mlflow_service", "authorise"], env=environment)
    assert process.wait() == 78
    for words in ("AWS_REGION is not set", "MLFLOW_TOKENS_PARAMETER is not set", "MLFLOW_AUTHORISE_PORT is 'soon'"):
        assert words in process.output()
    process.close()


def test_nginx_says_which_ways_to_log_in_it_knows() -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "MLFLOW_AUTH_TYPE": "token", "NGINX_PORT": str(free_port())}
    process = Process([SERVICES / "nginx" / "entrypoint.sh"], env=environment)
    assert process.wait() == 78
    assert "MLFLOW_AUTH_TYPE is 'token': give basic or cognito" in process.output()
    process.close()
