"""Metaflow's own client as `metaflow configure` leaves it, against a metadata service that wants tokens that change."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import pytest
import requests

from client.mlplatform_client import logins
from settings.metaflow import NotebookSettings
from tests.services.cloud import Cloud
from tests.services.conftest import UV
from tests.services.metaflow_client import configured, python
from tests.services.metaflow_flow import write_flow
from tests.services.metaflow_platform import Platform
from tests.services.metaflow_stand_in import StandIn
from tests.services.metaflow_task import METAFLOW_PYTHON, need
from tests.services.processes import PATIENCE, REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "metaflow"
LIFETIME_SECONDS, GRACE_SECONDS = 1.0, 4.0
"""What clients are told of a token's life, and how much longer the service takes it: what is on its way arrives."""

FLOW = """
import time
from metaflow import FlowSpec, step

class LinearFlow(FlowSpec):
    @step
    def start(self):
        self.number = 1
        self.next(self.middle)

    @step
    def middle(self):
        time.sleep(4)
        self.number += 1
        self.next(self.end)

    @step
    def end(self):
        print("number", self.number)

if __name__ == "__main__":
    LinearFlow()
"""

IN_A_JOB = """
import importlib.util, json, pathlib
from metaflow import metaflow_config as config
extended = importlib.util.find_spec("metaflow_extensions.mlplatform.config.mfextinit_mlplatform") is not None
client = importlib.util.find_spec("mlplatform_client") is not None
print(json.dumps([str(pathlib.Path(config.__file__).parents[2]), extended, client, config.SERVICE_HEADERS.copy()]))
"""
OUTAGE = """
from metaflow.metadata_provider.heartbeat import HeartBeatException, MetadataHeartBeat
from metaflow_extensions.mlplatform import headers

def away(stack):
    raise headers.TokenError("the provider is away")

headers.fresh_token = away
beat = MetadataHeartBeat()
beat.hb_url = "http://127.0.0.1:1/heartbeat"
try:
    beat._heartbeat()
except HeartBeatException as error:
    print("again later:", error)
"""
GZIP = b"\x1f\x8b"
INTERNAL = "http://internal:8080/"


class Service(StandIn):
    """The metadata service behind an API that wants tokens, and the provider of these."""

    def __init__(self) -> None:
        super().__init__()
        self.issued: dict[str, float] = {}
        self.asked: list[tuple[str, str, str]] = []
        """Method, path and token of each request that was let in."""
        self.refused: list[tuple[str, str]] = []

    def issue(self) -> str:
        with self.lock:
            token = f"token-{len(self.issued)}"
            self.issued[token] = time.time()
        return token

    def lets_in(self, header: str) -> bool:
        issued = self.issued.get(header.removeprefix("Bearer "))
        return issued is not None and time.time() < issued + LIFETIME_SECONDS + GRACE_SECONDS

    def tokens(self) -> set[str]:
        """Tokens with which something was asked."""
        return {token for _, _, token in self.asked}

    def heartbeats(self) -> dict[str, set[str]]:
        """Tokens of heartbeats, by whose they are."""
        found: dict[str, set[str]] = {}
        for _, path, token in self.asked:
            if path.endswith("/heartbeat"):
                found.setdefault(path, set()).add(token)
        return found

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        if path == "/oauth2/token":
            assert parse_qs(body.decode())["grant_type"] == ["refresh_token"]
            return 200, {"access_token": self.issue(), "expires_in": LIFETIME_SECONDS}
        header = str(headers.get("Authorization"))
        if not self.lets_in(header):
            self.refused.append((path, header))
            return 401, {"message": "Unauthorized"}
        self.asked.append((method, path, header.removeprefix("Bearer ")))
        return super().answer(method, path, headers, body)


@pytest.fixture
def service() -> Generator[Service]:
    server = Service()
    with server.serving():
        yield server


@pytest.fixture(scope="module")
def with_tokens() -> Platform:
    """The stack with the same names whose Metaflow takes tokens."""
    return Platform(apiBasicAuth=False)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as its wheel is installed."""
    need(METAFLOW_PYTHON, made_by=".venv-metaflow/.installed")
    folder = tmp_path_factory.mktemp("client")
    build = [UV, "build", "--offline", "--quiet", "--wheel", "--out-dir", folder, REPOSITORY / "client"]
    subprocess.run(build, check=True, timeout=PATIENCE)
    (wheel,) = folder.glob("*.whl")
    install = [UV, "pip", "install", "--offline", "--quiet", "--no-deps", "--target", folder / "site", wheel]
    subprocess.run(install, check=True, timeout=PATIENCE)
    return folder / "site"


@pytest.fixture
def home(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home directory of somebody who is logged in."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    now = time.time()
    logins.save(logins.Login("prod", service.url, "cli", "https://mlflow", service.issue(), now, now, "refresh"))
    return tmp_path


@pytest.fixture
def machine(home: Path, service: Service, package: Path, with_tokens: Platform, account: Cloud) -> dict[str, str]:
    """A machine where somebody is logged in, and Metaflow is configured for the stack prod."""
    shell = configured(account, home, with_tokens.stack, with_tokens.outputs(account, service.url, INTERNAL))
    service.asked.clear()  # what the command asked
    (home / "flow.py").write_text(FLOW)
    shutil.copy(EXAMPLE / "tune.py", home)
    return shell | {"PYTHONPATH": str(package), "NO_PROXY": "*"}


def flow(machine: dict[str, str], *words: str, script: str = "flow.py") -> subprocess.CompletedProcess[str]:
    return python(machine, script, *words)


def test_a_run_and_its_heartbeats_have_fresh_tokens(machine: dict[str, str], service: Service) -> None:
    done = flow(machine | {"METAFLOW_DEFAULT_DATASTORE": "local"}, "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "number 2" in done.stdout
    assert service.refused == []
    assert len(service.tokens()) >= 5
    for owner in ("/runs/2/heartbeat", "/steps/middle/tasks/"):
        (tokens,) = (seen for path, seen in service.heartbeats().items() if owner in path)
        assert len(tokens) >= 3, "a process of its own, which gets new ones while it lives"
    first = {"Authorization": "Bearer token-0"}
    answer = requests.get(f"{service.url}/ping", headers=first, timeout=PATIENCE)
    assert answer.status_code == 401, "the old one is refused"
    assert not any(token in done.stdout + done.stderr for token in service.issued)


def test_a_flow_with_a_foreach_runs_on_s3_as_configured(
    machine: dict[str, str], service: Service, with_tokens: Platform, cloud: Cloud
) -> None:
    told = {name for name in machine if name.startswith("METAFLOW_")}
    assert told == {"METAFLOW_HOME", "METAFLOW_PROFILE"}, "all else is in the file"
    done = python(machine, write_flow(Path(machine["HOME"])), "--no-pylint", "run", "--most", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the total is 5" in done.stdout
    assert service.refused == []
    stored = {
        key.split("/")[3] for key in cloud.objects("metaflow/CountFlow/", with_tokens.bucket) if "/data/" not in key
    }
    assert stored >= {"start", "square", "join", "end"}


def test_the_environment_of_jobs_holds_no_token(
    machine: dict[str, str], service: Service, with_tokens: Platform, cloud: Cloud
) -> None:
    """The state machine that Metaflow would deploy: its jobs' environment is all that they are told."""
    words = ("--package-suffixes", ".py", "step-functions", "create", "--only-json")
    done = flow(machine, *words, script="tune.py")
    assert done.returncode == 0, done.stdout + done.stderr
    found = jobs(json.loads(done.stdout[done.stdout.index("{") :]))
    assert set(found) == {"start", "train", "choose", "end"}
    told: dict[str, str | None] = {}
    for name, job in found.items():
        told = {one["Name"]: one.get("Value") for one in job["ContainerOverrides"]["Environment"]}
        assert told["METAFLOW_SERVICE_HEADERS"] == "{}"
        assert told["METAFLOW_SERVICE_URL"] == INTERNAL
        wanted = {one["Type"]: one["Value"] for one in job["ContainerOverrides"]["ResourceRequirements"]}
        assert wanted == {"VCPU": "1", "MEMORY": "2048" if name == "train" else "4096"}
    assert service.tokens(), "while the client itself did ask with one"
    assert not any(token in done.stdout for token in service.issued)
    unpack(cloud, with_tokens.bucket, folder := Path(machine["HOME"]) / "job")
    job = {"PATH": os.environ["PATH"], "METAFLOW_EXTRACTED_ROOT": str(folder), "PYTHONPATH": str(folder / ".mf_code")}
    done = subprocess.run(
        [METAFLOW_PYTHON, "-c", IN_A_JOB],
        env=job | {name: value for name, value in told.items() if value},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [str(folder), True, False, {}]


def jobs(content: Any) -> dict[str, Any]:
    """What the states of a state machine, also those of its foreach, submit; by the step."""
    found: dict[str, Any] = {}
    if isinstance(content, dict):
        known = cast("dict[str, Any]", content)
        if "ContainerOverrides" in known:
            return {str(known["Parameters"]["metaflow.step_name"]): known}
        for value in known.values():
            found |= jobs(value)
    return found


def unpack(cloud: Cloud, bucket: str, folder: Path) -> None:
    """The package of code that a job unpacks before it starts."""
    for key in cloud.objects("metaflow/TuneFlow/data", bucket):
        body = cloud.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if body.startswith(GZIP):
            with tarfile.open(fileobj=io.BytesIO(body)) as archive:
                archive.extractall(folder, filter="data")


def test_without_a_login_the_way_out_is_said_at_once(machine: dict[str, str], service: Service) -> None:
    (logins.folder() / "prod.json").unlink()
    # If Metaflow tried again, the pauses between so many tries would outlast the test's patience.
    done = flow(machine | {"METAFLOW_DEFAULT_DATASTORE": "local", "METAFLOW_SERVICE_RETRY_COUNT": "12"}, "run")
    assert done.returncode == 1
    assert "No token for the ML platform" in done.stderr
    assert "not logged in to stack prod: run `make login STACK=prod`" in done.stderr
    assert "Traceback" not in done.stderr
    assert service.asked == []


def printed(machine: dict[str, str], script: str) -> str:
    """What a program prints."""
    done = python(machine, "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_heartbeat_outlives_an_outage_of_the_provider(machine: dict[str, str]) -> None:
    """What is not a `RequestException` would end its thread for the rest of the run."""
    assert "again later" in printed(machine, OUTAGE)


def test_beside_other_extensions_ours_is_found(machine: dict[str, str], package: Path, tmp_path: Path) -> None:
    """Metaflow ignores what lies beside the files of a package that names `metaflow_extensions` in top_level.txt."""
    site = tmp_path / "site"
    shutil.copytree(package, site)
    files = {
        "metaflow_extensions/other/config/mfextinit_other.py": "OTHER = 1\n",
        "other-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n",
        "other-1.0.dist-info/top_level.txt": "metaflow_extensions\n",
    }
    for name, content in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(content)
    (site / "other-1.0.dist-info" / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    script = "from metaflow import metaflow_config as c; print(c.OTHER, type(c.SERVICE_HEADERS).__name__)"
    assert printed(machine | {"PYTHONPATH": str(site)}, script) == "1 TokenHeaders\n"


def test_another_service_gets_no_token(machine: dict[str, str], service: Service) -> None:
    other = service.url.replace("127.0.0.1", "localhost")
    done = flow(machine | {"METAFLOW_DEFAULT_DATASTORE": "local", "METAFLOW_SERVICE_URL": other}, "run")
    assert done.returncode == 1
    assert {header for _, header in service.refused} == {"None"}


def test_the_example_runs_on_one_machine(machine: dict[str, str], service: Service) -> None:
    """By the words of its README, though there is a configuration for a stack."""
    alone = {"METAFLOW_DEFAULT_DATASTORE": "local", "METAFLOW_DEFAULT_METADATA": "local", "TUNE_LOCAL": "1"}
    done = flow(machine | alone, "run", script="tune.py")
    assert done.returncode == 0, done.stdout + done.stderr
    readme = (EXAMPLE / "README.md").read_text()
    assert all(f"{name}={value}" in readme for name, value in alone.items())
    (line,) = (line for line in done.stdout.splitlines() if "best rate" in line)
    assert line[line.index("best rate") :] in readme
    assert service.asked == service.refused == []


def test_the_example_has_the_version_of_the_notebooks() -> None:
    version = NotebookSettings().metaflow_version
    assert f"metaflow=={version}" in (EXAMPLE / "requirements.txt").read_text().splitlines()
