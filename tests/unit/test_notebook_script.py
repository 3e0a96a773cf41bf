"""The notebook instance's start script as SageMaker gets it, and the program that stops an idle instance, run."""

import base64
import importlib.util
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3  # pyright: ignore[reportMissingTypeStubs]
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from emulator import server
from lib.notebook import CONTENT_LIMIT, start_script

FOLDER = Path(__file__).parents[2] / "services" / "metaflow-notebook"
PROGRAM = FOLDER / "idle_stop.py"
REGION = "us-east-1"
UTC = timezone.utc  # noqa: UP017 - as the program has it
CONFIG = {
    "METAFLOW_SERVICE_URL": "http://internal-x.elb.us-east-1.amazonaws.com/",
    "METAFLOW_DEFAULT_METADATA": "service",
}


def script(config: dict[str, str] = CONFIG, *, version: str = "2.19.39", minutes: int = 45) -> str:
    content = start_script(FOLDER, config=config, metaflow_version=version, idle_minutes=minutes)
    return base64.b64decode(content, validate=True).decode()


def here_document(text: str, name: str) -> bytes:
    lines = text.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.endswith(f"<<'{name}'"))
    return base64.b64decode("".join(lines[begin + 1 : lines.index(name, begin)]), validate=True)


def test_nothing_is_left_to_fill_in_and_bash_understands_it() -> None:
    text = script()
    assert set(re.findall("@[A-Z_]+@", text)) == {"@NAMES@"}  # of which a comment speaks
    assert text.startswith("#!/bin/bash\n")
    checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_configuration_and_program_arrive_as_they_are() -> None:
    odd = {**CONFIG, "QUOTED": 'it\'s "$HOME" `id` \\ CONFIG\nPROGRAM ü'}
    text = script(odd)
    assert json.loads(here_document(text, "CONFIG")) == odd
    assert here_document(text, "PROGRAM") == PROGRAM.read_bytes()


def test_version_and_minutes_are_the_settings() -> None:
    text = script(version="2.20.1", minutes=15)
    assert '"metaflow==2.20.1"' in text
    assert "/opt/metaflow/idle_stop.py --minutes 15\n" in text


def test_the_configuration_is_its_owners_alone() -> None:
    text = script()
    assert 'chmod 0600 "$home/.metaflowconfig/config.json"' in text
    assert 'chown "$owner:$owner" "$home/.metaflowconfig/config.json"' in text


def test_values_as_long_as_aws_makes_them_fit_and_longer_ones_are_an_error_with_both_numbers() -> None:
    names = [f"METAFLOW_A_RATHER_LONG_NAME_{number:02}" for number in range(18)]
    assert len(start_script(FOLDER, config=dict.fromkeys(names, "x" * 150), metaflow_version="1", idle_minutes=1)) <= (
        CONTENT_LIMIT
    )
    with pytest.raises(
        ValueError, match=rf"the start script has \d{{5}} characters .* SageMaker takes {CONTENT_LIMIT}"
    ):
        script(dict.fromkeys(names, "x" * 400))


def _loaded() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("idle_stop", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


idle_stop: Any = _loaded()


def ago(minutes: float) -> str:
    """A time as Jupyter writes it."""
    then = datetime.now(UTC) - timedelta(minutes=minutes)
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def session(minutes: float, state: str = "idle") -> dict[str, Any]:
    return {"id": "s", "kernel": {"execution_state": state, "last_activity": ago(minutes), "connections": 1}}


def terminal(minutes: float) -> dict[str, Any]:
    return {"name": "1", "last_activity": ago(minutes)}


def minutes_since(last: datetime | None) -> float | None:
    return None if last is None else round((datetime.now(UTC) - last).total_seconds() / 60)


@given(
    kernels=st.lists(st.integers(1, 10_000), max_size=4),
    terminals=st.lists(st.integers(1, 10_000), max_size=4),
    busy=st.booleans(),
)
def test_the_last_work_is_the_newest_of_all_and_now_while_a_kernel_is_busy(
    kernels: list[int], terminals: list[int], busy: bool
) -> None:
    sessions = [session(minutes) for minutes in kernels] + ([session(9_999, "busy")] if busy else [])
    last = idle_stop.last_activity(sessions, [terminal(minutes) for minutes in terminals])
    assert minutes_since(last) == (0 if busy else min([*kernels, *terminals], default=None))


def test_a_terminal_that_does_not_say_when_counts_for_nothing() -> None:
    assert idle_stop.last_activity([], [{"name": "1"}]) is None


@given(last=st.none() | st.integers(0, 500), started=st.integers(0, 500), limit=st.integers(1, 500))
def test_idle_is_who_neither_worked_nor_started_within_the_limit(last: int | None, started: int, limit: int) -> None:
    now = datetime.now(UTC)
    worked = None if last is None else now - timedelta(minutes=last)
    youngest = started if last is None else min(last, started)
    assert idle_stop.idle(worked, now - timedelta(minutes=started), timedelta(minutes=limit)) == (youngest >= limit)


def test_the_start_is_the_machines() -> None:
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert (datetime.now(UTC) - idle_stop._started()).total_seconds() == pytest.approx(uptime, abs=5)


@dataclass
class Jupyter:
    """A notebook server: HTTPS with a certificate that nobody knows, and what it answers."""

    url: str = ""
    sessions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    terminals: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: int = 200
    asked: list[str] = field(default_factory=list[str])

    def answer(self, path: str) -> bytes:
        self.asked.append(path)
        return json.dumps({"/api/sessions": self.sessions, "/api/terminals": self.terminals}[path]).encode()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of the server's own."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=notebook")
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("certificate") / "notebook.pem"
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + signed.public_bytes(encoding))
    return path


@pytest.fixture
def jupyter(certificate: Path) -> Iterator[Jupyter]:
    notebook = Jupyter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = notebook.answer(self.path)
            self.send_response(notebook.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    notebook.url = f"https://localhost:{http.server_port}"
    yield notebook
    http.shutdown()
    http.server_close()


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    http, url = server.serve_in_thread()
    yield url
    http.shutdown()


Run = Callable[..., tuple[subprocess.CompletedProcess[str], str]]


@pytest.fixture
def run(jupyter: Jupyter, aws: str, tmp_path: Path) -> Run:
    """Runs the program on an instance that is in service, and tells what became of the instance."""

    def start(minutes: int = 1, **more: str) -> tuple[subprocess.CompletedProcess[str], str]:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        sagemaker: Any = boto3.client(  # pyright: ignore
            "sagemaker",
            endpoint_url=aws,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        name = f"notebook-{tmp_path.name[-8:].strip('-_').replace('_', '-')}-{len(jupyter.asked)}"
        arn = sagemaker.create_notebook_instance(
            NotebookInstanceName=name, InstanceType="ml.t3.xlarge", RoleArn="arn:aws:iam::123456789012:role/notebook"
        )["NotebookInstanceArn"]
        metadata = tmp_path / "resource-metadata.json"
        metadata.write_text(json.dumps({"ResourceArn": arn, "ResourceName": name}))
        done = subprocess.run(
            [
                *(sys.executable, str(PROGRAM), "--minutes", str(minutes)),
                *("--jupyter", more.get("url", jupyter.url), "--metadata", str(metadata)),
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": aws, **keys},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done, sagemaker.describe_notebook_instance(NotebookInstanceName=name)["NotebookInstanceStatus"]

    return start


def test_an_idle_instance_is_stopped(run: Run, jupyter: Jupyter) -> None:
    jupyter.sessions, jupyter.terminals = [session(90), session(61)], [terminal(70)]
    done, status = run(minutes=1)
    assert (done.returncode, done.stderr, status) == (0, "", "Stopped")
    assert "idle for 1 minutes: stopping arn:aws:sagemaker:us-east-1:123456789012:notebook-instance/" in done.stdout
    assert jupyter.asked == ["/api/sessions", "/api/terminals"]


def test_an_instance_on_which_nothing_was_opened_is_stopped(run: Run) -> None:
    done, status = run(minutes=1)
    assert (done.returncode, status) == (0, "Stopped")


@pytest.mark.parametrize(
    ("sessions", "terminals"),
    [
        ([(90, "idle"), (90, "busy")], []),
        ([(90, "idle"), (0, "idle")], []),
        ([(90, "idle")], [0]),
    ],
    ids=["a busy kernel", "a kernel that has just worked", "a terminal that has just worked"],
)
def test_an_instance_on_which_somebody_works_is_left(
    run: Run, jupyter: Jupyter, sessions: list[tuple[int, str]], terminals: list[int]
) -> None:
    jupyter.sessions = [session(minutes, state) for minutes, state in sessions]
    jupyter.terminals = [terminal(minutes) for minutes in terminals]
    done, status = run(minutes=10)
    assert (done.returncode, status) == (0, "InService")
    assert done.stdout.startswith("last work: 20")


def test_an_instance_that_has_just_started_is_left(run: Run) -> None:
    done, status = run(minutes=10_000_000)
    assert (done.returncode, done.stdout, status) == (0, "last work: None\n", "InService")


def test_nothing_is_stopped_when_the_server_is_away(run: Run) -> None:
    done, status = run(url="https://localhost:1")
    assert (done.returncode, done.stdout, status) == (1, "", "InService")
    assert done.stderr.startswith("the notebook server does not answer, so nothing is stopped: ")


@pytest.mark.parametrize("answer", [403, 500])
def test_nothing_is_stopped_when_the_server_refuses(run: Run, jupyter: Jupyter, answer: int) -> None:
    jupyter.status = answer
    done, status = run()
    assert (done.returncode, status) == (1, "InService")
    assert str(answer) in done.stderr
