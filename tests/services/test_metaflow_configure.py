"""Metaflow's own client as `metaflow configure` leaves it, against a metadata service that wants tokens that change."""

import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import boto3
import pytest
import requests

from cli.metaflow.configure import put
from cli.metaflow.file import config_path, read_file
from cli.metaflow.variables import variables
from client.mlplatform_client import logins
from settings.metaflow import NotebookSettings
from tests.services.cloud import BUCKET, REGION, Cloud
from tests.services.conftest import UV
from tests.services.processes import PATIENCE, REPOSITORY

METAFLOW_PYTHON = REPOSITORY / ".venv-metaflow" / "bin" / "python"
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


class Service(ThreadingHTTPServer):
    """The metadata service as far as a run needs it, and the provider of its tokens."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.Lock()
        self.issued: dict[str, float] = {}
        self.objects: dict[str, Any] = {}
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


class Handler(BaseHTTPRequestHandler):
    """One request."""

    @property
    def service(self) -> Service:
        return cast("Service", self.server)

    def do_GET(self) -> None:
        if self._let_in("GET"):
            known = self.service.objects.get(self.path)
            answer = {"/ping": "pong", "/version": "2.5.1"}.get(self.path, known)
            self._answer(404 if answer is None else 200, {} if answer is None else answer)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/oauth2/token":
            assert parse_qs(body.decode())["grant_type"] == ["refresh_token"]
            self._answer(200, {"access_token": self.service.issue(), "expires_in": LIFETIME_SECONDS})
        elif self._let_in("POST"):
            self._answer(200, self._created())

    def _created(self) -> Any:
        parts = self.path.strip("/").split("/")
        if parts[-1] == "heartbeat":
            return json.dumps({"wait_time_in_seconds": 1})
        with self.service.lock:
            number = len(self.service.objects) + 1
            made: dict[str, Any] = {"flow_id": parts[1], "run_number": number, "task_id": number}
            if parts[-1] in ("run", "task"):
                path = f"/{'/'.join(parts[:-1])}/{parts[-1]}s/{number}"
            else:
                path = self.path.removesuffix("/step")
            self.service.objects[path] = made
        return made

    def _let_in(self, method: str) -> bool:
        header = str(self.headers.get("Authorization"))
        if self.service.lets_in(header):
            self.service.asked.append((method, self.path, header.removeprefix("Bearer ")))
            return True
        self.service.refused.append((self.path, header))
        self._answer(401, {"message": "Unauthorized"})
        return False

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("METADATA_SERVICE_VERSION", "2.5.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


@pytest.fixture
def service() -> Generator[Service]:
    server = Service()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client as its wheel is installed."""
    if not METAFLOW_PYTHON.exists():
        reason = f"missing: {METAFLOW_PYTHON}; make .venv-metaflow/.installed"
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(reason)
    folder = tmp_path_factory.mktemp("client")
    build = [UV, "build", "--offline", "--quiet", "--wheel", "--out-dir", folder, REPOSITORY / "client"]
    subprocess.run(build, check=True, timeout=PATIENCE)
    (wheel,) = folder.glob("*.whl")
    install = [UV, "pip", "install", "--offline", "--quiet", "--no-deps", "--target", folder / "site", wheel]
    subprocess.run(install, check=True, timeout=PATIENCE)
    return folder / "site"


@pytest.fixture
def machine(service: Service, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine where somebody is logged in, and Metaflow is configured for the stack prod."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path / "metaflow"))
    now = time.time()
    first = logins.Login("prod", service.url, "cli", "https://mlflow", service.issue(), now, now, "refresh")
    logins.save(first)
    outputs = {"metaflowConfig": config(service), "metaflowAuth": "token"}
    path = config_path("prod", os.environ)
    assert put(path, read_file(path), variables("prod", outputs), yes=False)
    (tmp_path / "flow.py").write_text(FLOW)
    shutil.copy(EXAMPLE / "tune.py", tmp_path)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "USER": "ann",
        "PYTHONPATH": str(package),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "METAFLOW_HOME": str(tmp_path / "metaflow"),
        "METAFLOW_PROFILE": "prod",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
    }


def config(service: Service) -> dict[str, str]:
    return {
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_SERVICE_URL": service.url,
        "METAFLOW_SERVICE_INTERNAL_URL": "http://internal:8080",
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/job",
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": "arn:aws:iam::123456789012:role/execution",
        "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/sfn",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "table",
        "METAFLOW_BATCH_JOB_QUEUE": "queue",
        "METAFLOW_BATCH_CONTAINER_IMAGE": "public.ecr.aws/docker/library/python:3.11",
    }


def flow(machine: dict[str, str], *words: str, script: str = "flow.py") -> subprocess.CompletedProcess[str]:
    command = [METAFLOW_PYTHON, script, *words]
    return subprocess.run(
        command, env=machine, cwd=machine["HOME"], capture_output=True, text=True, check=False, timeout=PATIENCE
    )


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


def queue(cloud: Cloud) -> None:
    """A job queue on Fargate, which Metaflow looks at before it makes a job of a step."""
    made = {name: client(cloud, name) for name in ("ec2", "iam", "batch")}
    vpc = made["ec2"].create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = made["ec2"].create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    group = made["ec2"].create_security_group(VpcId=vpc, GroupName="jobs", Description="jobs")["GroupId"]
    role = made["iam"].create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet], "securityGroupIds": [group]}
    environment = made["batch"].create_compute_environment(
        computeEnvironmentName="fargate", type="MANAGED", serviceRole=role, computeResources=resources
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    made["batch"].create_job_queue(jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order)


def client(cloud: Cloud, name: str) -> Any:
    make: Any = boto3.client
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return make(name, endpoint_url=cloud.url, region_name=REGION, **keys)


def test_the_environment_of_jobs_holds_no_token(machine: dict[str, str], service: Service, cloud: Cloud) -> None:
    """The state machine that Metaflow would deploy: its jobs' environment is all that they are told."""
    queue(cloud)
    variables = cloud.environment() | {"AWS_DEFAULT_REGION": REGION, "METAFLOW_S3_ENDPOINT_URL": cloud.url}
    words = ("--package-suffixes", ".py", "step-functions", "create", "--only-json")
    done = flow(variables | machine, *words, script="tune.py")
    assert done.returncode == 0, done.stdout + done.stderr
    found = jobs(json.loads(done.stdout[done.stdout.index("{") :]))
    assert set(found) == {"start", "train", "choose", "end"}
    told: dict[str, str | None] = {}
    for name, job in found.items():
        told = {one["Name"]: one.get("Value") for one in job["ContainerOverrides"]["Environment"]}
        assert told["METAFLOW_SERVICE_HEADERS"] == "{}"
        assert told["METAFLOW_SERVICE_URL"] == "http://internal:8080"
        wanted = {one["Type"]: one["Value"] for one in job["ContainerOverrides"]["ResourceRequirements"]}
        assert wanted == {"VCPU": "1", "MEMORY": "2048" if name == "train" else "4096"}
    assert service.tokens(), "while the client itself did ask with one"
    assert not any(token in done.stdout for token in service.issued)
    unpack(cloud, folder := Path(machine["HOME"]) / "job")
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


def unpack(cloud: Cloud, folder: Path) -> None:
    """The package of code that a job unpacks before it starts."""
    for key in cloud.objects("metaflow/TuneFlow/data"):
        body = cloud.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
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


def python(machine: dict[str, str], script: str) -> str:
    """What a program prints."""
    command = [METAFLOW_PYTHON, "-c", script]
    done = subprocess.run(command, env=machine, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_heartbeat_outlives_an_outage_of_the_provider(machine: dict[str, str]) -> None:
    """What is not a `RequestException` would end its thread for the rest of the run."""
    assert "again later" in python(machine, OUTAGE)


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
    assert python(machine | {"PYTHONPATH": str(site)}, script) == "1 TokenHeaders\n"


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
