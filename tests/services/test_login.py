"""Logins end to end: the commands, the client and MLflow's own client, against a local provider and the real task."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from cli import login
from cli.__main__ import main
from client.mlplatform_client import TokenError, fresh_token, logins, oauth
from tests.services.cloud import REGION, Cloud
from tests.services.conftest import UV, MakeStack
from tests.services.databases import MariaDb
from tests.services.processes import MLFLOW_PYTHON, PATIENCE, REPOSITORY, free_port, tree, wait_for
from tests.services.provider import Provider, local_provider
from tests.services.task import Authoriser, Proxy, Task

EXAMPLE_NOTEBOOK = REPOSITORY / "examples" / "mlflow" / "sagemaker_studio_and_mlflow.ipynb"
LONG_AGO = (-100.0, {"exp": 4_102_444_800})
"""Lifetime of tokens that have ended, and id tokens that a login nevertheless takes."""

BROWSER = """#!{python}
import re, sys
import requests
session = requests.Session()
session.get(sys.argv[1]).raise_for_status()
page = session.post(sys.argv[1], data={{"username": "ann"}})
open({page!r}, "w").write(page.text)
"""

RUN = """
import os, sys, time
import mlflow
from mlflow import MlflowClient

def attempt():
    try:
        MlflowClient().search_experiments(max_results=1)
    except Exception as error:
        print("REFUSED", str(error).replace(chr(10), " "), flush=True)

attempt()
del os.environ["MLFLOW_TRACKING_TOKEN"]
os.environ["MLFLOW_TRACKING_AUTH"] = "mlplatform"
mlflow.set_experiment("a-long-run")
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 1.0)
    time.sleep(2)
    mlflow.log_metric("loss", 0.5)
print("LOGGED", len(MlflowClient().get_metric_history(run.info.run_id, "loss")), flush=True)
sys.stdin.readline()
time.sleep(2)
attempt()
"""

AT_ONCE = """
import sys
from mlplatform_client.command import main
print("ready", flush=True)
sys.stdin.readline()
sys.exit(main())
"""

NOTEBOOK = """
import mlflow
from mlplatform_client import token
mlflow.set_experiment("by-role")
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 1.0)
print(mlflow.MlflowClient().get_run(run.info.run_id).data.metrics["loss"], token("prod").count("."))
"""


@pytest.fixture(scope="module")
def provider() -> Generator[Provider]:
    with local_provider([free_port() for _ in range(3)]) as made:
        yield made


@pytest.fixture(autouse=True)
def home(provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without logins, and the provider as it was at first."""
    for name in ("MLFLOW_TRACKING_TOKEN", "MLPLATFORM_STACK", "MLPLATFORM_TOKEN_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    provider.lifetime, provider.rotate_refresh, provider.device, provider.delay = 3600.0, False, False, 0.0
    provider.id_claims, provider.asked = {}, []
    provider.refreshes.clear()
    provider.devices.clear()
    return tmp_path


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client as its wheel installs it, entry points and all."""
    folder = tmp_path_factory.mktemp("client")
    # uv carries the client's build backend, so nothing is fetched; its cache would miss changes beside pyproject.toml.
    options = ["--offline", "--no-cache", "--no-deps", "--quiet", "--python", sys.executable, "--target", folder]
    # The limit only ends what hangs.
    subprocess.run([UV, "pip", "install", *options, REPOSITORY / "client"], check=True, timeout=PATIENCE)
    return folder


@pytest.fixture(scope="module")
def proxy(provider: Provider, cloud: Cloud, mariadb: MariaDb, make_stack: MakeStack) -> Generator[Proxy]:
    """MLflow's own door, which takes the provider's tokens."""
    authoriser = Authoriser(cloud, cloud.parameter(issuer=provider.issuer, audience=["cli", "notebook"]))
    stack = make_stack(mariadb)
    task = Task(stack.cloud, stack.parameter, None, stack.ca)
    try:
        wait_for(authoriser.healthy, "the authoriser", authoriser.process)
        started = task.start(**authoriser.proxy_environment()).proxy
        assert started
        yield started
    finally:
        task.close()
        authoriser.close()


@pytest.fixture
def machine(home: Path, proxy: Proxy, cloud: Cloud, package: Path) -> dict[str, str]:
    """Variables of a machine where the client is installed."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet", "HOME": str(home)}
    known = {"XDG_CONFIG_HOME": str(home / "config"), "MLFLOW_TRACKING_URI": proxy.url, "PYTHONPATH": str(package)}
    return {**cloud.environment(), "AWS_DEFAULT_REGION": REGION, **quiet, **known}


def log_in(provider: Provider, monkeypatch: pytest.MonkeyPatch, visit: Callable[[str], Any] | None = None) -> None:
    """Logs in with a browser that a thread plays."""

    def play(address: str) -> bool:
        back = visit or (lambda address: requests.get(provider.approve(address), timeout=PATIENCE))
        threading.Thread(target=back, args=(address,), daemon=True).start()
        return True

    monkeypatch.setattr(webbrowser, "open", play)
    login.log_in(login.configured(write_config(provider)), browser=True, seconds=PATIENCE)


def write_config(provider: Provider, **more: Any) -> str:
    path = Path(os.environ["XDG_CONFIG_HOME"]).parent / "config.json"
    path.write_text(json.dumps(provider.config(**more)))
    return str(path)


def status(proxy: Proxy, token: str) -> int:
    url, headers = f"{proxy.url}/api/2.0/mlflow/experiments/search", {"Authorization": f"Bearer {token}"}
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, json={"max_results": 5}, headers=headers, timeout=PATIENCE).status_code


def deployed(folder: Path, outputs: dict[str, Any]) -> None:
    """A state of the engine's file backend, with these outputs of the stack prod."""
    if not any(Path(path, "pulumi").exists() for path in os.environ["PATH"].split(os.pathsep)):
        if os.environ.get("REQUIRE_ENGINE") == "1":
            pytest.fail("REQUIRE_ENGINE=1, but there is no pulumi on PATH")
        pytest.skip("there is no pulumi on PATH")
    urn = "urn:pulumi:prod::mlplatform::pulumi:pulumi:Stack::mlplatform-prod"
    resource = {"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": outputs}
    manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}
    checkpoint = {"stack": "organization/mlplatform/prod", "latest": {"manifest": manifest, "resources": [resource]}}
    path = folder / ".pulumi" / "stacks" / "mlplatform" / "prod.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"version": 3, "checkpoint": checkpoint}))


def test_a_person_logs_in_by_the_browser_uses_mlflow_and_logs_out(
    home: Path,
    provider: Provider,
    proxy: Proxy,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The commands as make runs them, on the engine."""
    config = provider.config(mlflowTrackingUri=proxy.url, CliClientId="cli", mlflowAuth="cognito", region=REGION)
    deployed(home, config | {"artifactRoot": "s3://artifacts/mlflow"})
    page, browser = home / "page.html", home / "browser"
    browser.write_text(BROWSER.format(python=sys.executable, page=str(page)))
    browser.chmod(0o755)
    for name, value in {"BROWSER": f"{browser} %s", "PULUMI_BACKEND_URL": f"file://{home}", "NO_PROXY": "*"}.items():
        monkeypatch.setenv(name, value)

    def cli(command: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code, printed = main([command, "--stack", "prod"]), capsys.readouterr()
        return code, printed.out, printed.err

    code, exports, hint = cli("env")
    assert (code, "MLFLOW_TRACKING_TOKEN=" in exports) == (0, False)
    assert "# MLFLOW_TRACKING_TOKEN is not set: not logged in to stack prod: run `make login STACK=prod`" in hint

    command = [sys.executable, "-m", "cli", "login", "--stack", "prod"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "Logged in to stack prod as ann@example.com." in done.stdout
    assert "<h1>Logged in</h1>" in page.read_text()
    folder = home / "config" / "mlplatform"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    (kept,) = folder.glob("*.json")
    secrets = [json.loads(kept.read_text())[key] for key in ("access_token", "refresh_token")]

    assert not any(secret in done.stdout + done.stderr for secret in secrets)

    assert cli("token") == (0, f"{secrets[0]}\n", "")
    assert status(proxy, secrets[0]) == 200
    script = 'eval "$1"; echo "$MLFLOW_TRACKING_URI $MLFLOW_TRACKING_TOKEN $MLPLATFORM_STACK"'
    words = ["sh", "-c", script, "sh", cli("env")[1]]
    evaluated = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert evaluated == f"{proxy.url} {secrets[0]} prod\n"

    assert cli("logout") == (0, "Logged out of stack prod.\n", "")
    assert provider.refreshes == {}
    assert not kept.exists()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    assert cli("token") == (1, "", "error: not logged in to stack prod: run `make login STACK=prod`\n")


def test_a_long_run_keeps_a_fresh_token_until_the_login_is_revoked(
    machine: dict[str, str], provider: Provider, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.lifetime, provider.id_claims = LONG_AGO
    monkeypatch.setattr(provider, "config", lambda: Provider.config(provider, mlflowTrackingUri=proxy.url))
    log_in(provider, monkeypatch)
    provider.lifetime = 2.0
    kept = logins.load("prod")
    assert kept
    process = subprocess.Popen(
        [MLFLOW_PYTHON, "-c", RUN],
        env=machine | {"MLFLOW_TRACKING_TOKEN": kept.access_token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=machine["HOME"],
    )
    assert process.stdout
    said: list[str] = []
    while not said or not said[-1].startswith("LOGGED"):
        said.append(process.stdout.readline())
        assert said[-1], (said, process.communicate()[1])
    assert said[0].startswith("REFUSED")
    assert "the token has expired" in said[0]
    assert said[-1] == "LOGGED 2\n"
    assert provider.asked.count("refresh_token") >= 2
    lines = " ".join(tree(process.pid).values())
    provider.refreshes.clear()
    rest, errors = process.communicate("\n", timeout=PATIENCE)
    ended = (
        "the login to stack prod has ended (its refresh token has expired or was revoked): run `make login STACK=prod`"
    )
    assert ended in rest
    now = logins.load("prod")
    assert now
    for secret in (kept.access_token, now.access_token, str(now.refresh_token)):
        assert not any(secret in text for text in (lines, *said, rest, errors, proxy.process.output()))


@contextlib.contextmanager
def role(provider: Provider, cloud: Cloud) -> Generator[None]:
    """The secret that notebooks of the stack prod may read."""
    name = "mlplatform-prod-notebook-client"
    cloud.secrets.create_secret(Name=name, SecretString=provider.notebook_secret())
    yield
    cloud.secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def run(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A program with MLflow's client."""
    command, cwd = [MLFLOW_PYTHON, "-c", script], environment["HOME"]
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def test_a_notebook_uses_mlflow_by_its_role(
    machine: dict[str, str], provider: Provider, proxy: Proxy, cloud: Cloud
) -> None:
    with role(provider, cloud):
        done = run(NOTEBOOK, machine | {"MLFLOW_TRACKING_AUTH": "mlplatform", "MLPLATFORM_STACK": "prod"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "1.0 2"
    assert provider.asked == ["client_credentials"], "one token for all requests"
    assert proxy.access_log()[-1]["client"] == "notebook"


def test_the_examples_connect_by_their_role(
    machine: dict[str, str], provider: Provider, proxy: Proxy, cloud: Cloud
) -> None:
    """The notebook's first cells, then the script's function; test_examples.py runs all of both with a password."""
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(EXAMPLE_NOTEBOOK.read_text())["cells"]}
    script = "import train_and_register\ndel os.environ['MLFLOW_TRACKING_TOKEN']\n"
    script += "train_and_register.connect_by_stack(STACK)\nprint(client.search_experiments(max_results=1))"
    words = "\n".join([cells["settings"], cells["connect"], cells["experiment"], script])
    variables = {"MLPLATFORM_STACK": "prod", "PYTHONPATH": str(EXAMPLE_NOTEBOOK.parent)}
    with role(provider, cloud):
        cloud.ssm.put_parameter(Name="/mlplatform/prod/mlflow/tracking-uri", Type="SecureString", Value=proxy.url)
        done = run(words, machine | variables)
    assert done.returncode == 0, done.stderr
    assert "Experiment" in done.stdout
    assert provider.asked == ["client_credentials"] * 2


def test_of_processes_that_refresh_at_once_one_asks(
    provider: Provider, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (provider.lifetime, provider.id_claims), provider.rotate_refresh = LONG_AGO, True
    log_in(provider, monkeypatch)
    provider.lifetime, provider.delay = 3600.0, 0.5
    provider.asked.clear()
    environment, pipe = {**os.environ, "PYTHONPATH": str(package)}, subprocess.PIPE
    command = [sys.executable, "-c", AT_ONCE, "prod"]
    processes = [subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    tokens = {process.communicate(timeout=PATIENCE)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert provider.asked == ["refresh_token"]
    kept = logins.load("prod")
    assert kept
    assert tokens == {f"{kept.access_token}\n"}
    assert list(provider.refreshes) == [kept.refresh_token], "the new refresh token is kept"


def test_a_provider_that_is_away_for_a_while_ends_no_login(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(provider, monkeypatch)
    kept = logins.load("prod")
    assert kept
    away = f"http://127.0.0.1:{free_port()}"
    logins.save(replace(kept, login_url=away, refresh_at=0.0))
    assert fresh_token("prod") == kept.access_token
    logins.save(replace(kept, login_url=away, refresh_at=0.0, expires_at=0.0))
    with pytest.raises(TokenError, match=rf"{away}/oauth2/token cannot be reached .*: check the network"):
        fresh_token("prod")
    with pytest.raises(TokenError, match="forgotten here, but the provider did not end it"):
        logins.forget("prod")
    assert logins.load("prod") is None


def deny(address: str) -> None:
    answer = requests.post(address, data={"deny": "1"}, allow_redirects=False, timeout=PATIENCE)
    requests.get(answer.headers["Location"], timeout=PATIENCE)


def come_back(address: str, **answer: str) -> requests.Response:
    asked = parse_qs(urlsplit(address).query)
    return requests.get(asked["redirect_uri"][0], params={"state": asked["state"][0], **answer}, timeout=PATIENCE)


def wrong_state(address: str) -> None:
    come_back(address, code="x", state="of another login")


def wrong_code(address: str) -> None:
    come_back(address, code="x")


@pytest.mark.parametrize(
    ("visit", "words"),
    [
        (deny, r"the provider refused the login: access_denied \(.+\)"),
        (wrong_state, "the answer is not to this login .*: start again"),
        (wrong_code, r"the provider gave no token \(invalid_grant.*\): start again"),
    ],
)
def test_what_goes_wrong_in_the_browser_is_said(
    visit: Callable[[str], None], words: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TokenError, match=words):
        log_in(provider, monkeypatch, visit)
    assert logins.stacks() == []


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"nonce": "of-another-login"}, "nonce"),
        ({"aud": "web"}, "aud"),
        ({"iss": "https://elsewhere.example.com"}, "iss"),
        ({"exp": 1}, "expired"),
        ({"nonce": None}, "nonce"),
    ],
)
def test_an_id_token_for_somebody_else_is_no_login(
    claims: dict[str, Any], words: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.id_claims = claims
    with pytest.raises(TokenError, match=rf"the id token is not to be trusted \(.*{words}"):
        log_in(provider, monkeypatch)
    assert logins.stacks() == []


def test_the_page_shows_the_providers_words_as_text(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[requests.Response] = []
    with pytest.raises(TokenError):
        log_in(provider, monkeypatch, lambda address: pages.append(come_back(address, error="<script>")))
    wait_for(lambda: bool(pages), "the page")
    assert pages[0].status_code == 400
    assert "Not logged in" in pages[0].text
    assert "&lt;script&gt;" in pages[0].text
    assert "<script>" not in pages[0].text
    assert pages[0].headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_an_id_token_that_nobody_signed_is_no_login(provider: Provider) -> None:
    door = login.configured(write_config(provider))
    keys = requests.get(f"{provider.issuer}/.well-known/jwks.json", timeout=PATIENCE).json()
    good = provider.sign({"sub": "s", "aud": "cli", "nonce": "n"})
    assert login.verified(door, good, keys, "n")["sub"] == "s"
    header, claims, signature = good.split(".")
    none = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    for bad in (
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        f"{header}.{claims}.",
        f"{good[:-8]}AAAAAAAA",
        "x",
    ):
        with pytest.raises(TokenError, match="not to be trusted"):
            login.verified(door, bad, keys, "n")


@pytest.fixture
def interruptible() -> Generator[None]:
    """A shell makes what it runs in the background deaf to interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_nobody_comes_all_ports_are_taken_and_interrupts_are_told_apart(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = login.configured(write_config(provider))
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    with pytest.raises(TokenError, match="nobody logged in within 0 s: start again"):
        login.log_in(door, browser=True, seconds=0.1)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(TokenError, match="the login was interrupted; nothing has changed"):
        login.login(door, browser=True)
    taken = [socket.create_server(("127.0.0.1", port)) for port in provider.ports[:2]]
    log_in(provider, monkeypatch)
    taken.append(socket.create_server(("127.0.0.1", provider.ports[2])))
    try:
        with pytest.raises(TokenError, match=f"{', '.join(map(str, provider.ports))} are all in use"):
            login.log_in(door, browser=True)
    finally:
        for one in taken:
            one.close()


def whole(address: str) -> str:
    return address


def code_alone(address: str) -> str:
    return parse_qs(urlsplit(address).query)["code"][0]


@pytest.mark.parametrize("paste", [whole, code_alone])
def test_without_a_browser_the_address_or_its_code_is_pasted(
    paste: Callable[[str], str],
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Terminal:
        def readline(self) -> str:
            address = re.search(r"http\S+/oauth2/authorize\S+", capsys.readouterr().out)
            assert address
            return paste(provider.approve(address[0])) + "\n"

    monkeypatch.setattr(sys, "stdin", Terminal())
    door = login.configured(write_config(provider))
    assert login.log_in(door, browser=False)["email"] == "ann@example.com"
    assert fresh_token() == fresh_token("prod")
    monkeypatch.setattr(Terminal, "readline", lambda self: "http://localhost:1/callback?code=x&state=old\n")
    with pytest.raises(TokenError, match="the answer is not to this login"):
        login.log_in(door, browser=False)
    monkeypatch.setattr(Terminal, "readline", lambda self: "")
    with pytest.raises(TokenError, match="nothing was pasted"):
        login.log_in(door, browser=False)


@pytest.mark.parametrize("approved", [True, False])
def test_without_a_browser_the_device_grant_is_used_where_there_is_one(
    approved: bool, provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.device = True
    polls = iter(range(10))

    def sleep(seconds: float) -> None:
        assert seconds == 1
        if next(polls) == 1:
            provider.decide(approved)

    monkeypatch.setattr(login, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: 0.0))
    door = login.configured(write_config(provider))
    if approved:
        assert login.log_in(door, browser=False)["email"] == "ann@example.com"
        assert provider.asked.count("urn:ietf:params:oauth:grant-type:device_code") == 2
    else:
        with pytest.raises(TokenError, match="the provider refused the login: access_denied"):
            login.log_in(door, browser=False)
    (device,) = provider.devices.values()
    assert f"/device?user_code={device.user_code} in a browser on any machine" in capsys.readouterr().out


def test_a_token_goes_nowhere_in_plain_text(provider: Provider) -> None:
    with pytest.raises(TokenError, match=r"http://login\.example\.com/oauth2/token is not https"):
        oauth.grant("http://login.example.com/oauth2/token", {})
    for key in ("loginUrl", "issuer"):
        config = write_config(provider, **{key: "http://login.example.com"})
        with pytest.raises(TokenError, match=r"http://login\.example\.com\S* is not https"):
            login.log_in(login.configured(config), browser=True, seconds=1)
