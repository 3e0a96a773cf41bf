"""`metaflow configure` and `env`: what is written, what is asked before, and what each check says."""

import io
import json
import os
import stat
import subprocess
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cli import remote
from cli.__main__ import main
from cli.doctor.findings import Finding, Level
from cli.metaflow import checks, configure, file, variables
from cli.metaflow.variables import AUTH_KEY, TOKEN_STACK, TOKEN_URL, MetaflowError
from client.mlplatform_client import TokenError

REGION = "eu-west-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
KEY = "the-value-of-the-key"
CONFIG = {
    "METAFLOW_BATCH_JOB_QUEUE": f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/default",
    "METAFLOW_DATASTORE_SYSROOT_S3": "s3://flows/metaflow",
    "METAFLOW_DEFAULT_METADATA": "service",
    "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": f"{ROLE}/platform/events",
    "METAFLOW_SERVICE_URL": "https://api.example.com/metaflow",
    "METAFLOW_SFN_DYNAMO_DB_TABLE": "state",
    "METAFLOW_SFN_IAM_ROLE": f"{ROLE}/platform/step-functions",
}
OUTPUTS: dict[str, Any] = {
    "region": REGION,
    "mlflowTrackingUri": "https://mlflow.example.com",
    "artifactRoot": "s3://a/mlflow",
    "mlflowSecretArn": "arn:secret",
    "metaflowConfig": CONFIG,
    "metaflowAuth": "apiKey",
    "ApiKeyId": "key-1",
}


@dataclass
class Engine:
    """An engine that knows outputs."""

    content: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def outputs(self, stack: str) -> dict[str, Any]:
        return self.content


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Metaflow's folder, of a shell with AWS credentials and no terminal."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "METAFLOW_", "MLPLATFORM_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path / "metaflow"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "logins"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return tmp_path / "metaflow"


def put(path: Path, wanted: dict[str, str], *, yes: bool = False) -> bool:
    return configure.put(path, file.read_file(path), wanted, yes=yes)


def terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """A terminal on which somebody answers."""
    typed = io.StringIO(answer)
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", typed)


def test_the_client_is_told_how_it_proves_who_asks() -> None:
    assert variables.variables("prod", OUTPUTS, KEY) == CONFIG | {AUTH_KEY: KEY}
    assert variables.variables("prod", OUTPUTS) == CONFIG
    tokens = variables.variables("prod", OUTPUTS | {"metaflowAuth": "token"})
    assert tokens == CONFIG | {TOKEN_STACK: "prod", TOKEN_URL: "https://api.example.com/metaflow"}
    assert variables.variables("prod", {"region": REGION}) == {}
    with pytest.raises(MetaflowError, match=r"stack dev has no output metaflowConfig: .*mlplatform:metaflow.enabled"):
        variables.required("dev", {"region": REGION}, "metaflowConfig")


def test_the_file_is_where_metaflow_looks(home: Path) -> None:
    assert file.config_path("", {}) == Path("~/.metaflowconfig/config.json").expanduser()
    assert file.config_path("prod", {"METAFLOW_HOME": "~/x"}) == Path("~/x/config_prod.json").expanduser()
    for profile in ("../x", "a/b", "ä"):
        with pytest.raises(MetaflowError, match="name it with letters, digits"):
            file.config_path(profile, {})


def test_a_new_file_is_its_owners_alone(home: Path) -> None:
    path = home / "config.json"
    assert put(path, {"METAFLOW_SERVICE_URL": "u", AUTH_KEY: KEY})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"METAFLOW_SERVICE_URL": "u", AUTH_KEY: KEY}
    path.chmod(0o644)
    assert put(path, {"METAFLOW_SERVICE_URL": "u", AUTH_KEY: KEY})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in home.iterdir()] == ["config.json"]


def test_nothing_of_anothers_is_overwritten_without_asking(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "config.json"
    home.mkdir()
    old = {"METAFLOW_SERVICE_URL": "theirs", AUTH_KEY: "old-key", "METAFLOW_UI_URL": "gone", "METAFLOW_USER": "ann"}
    path.write_text(json.dumps(old))
    wanted = {"METAFLOW_SERVICE_URL": "ours", AUTH_KEY: KEY, "METAFLOW_BATCH_EMIT_TAGS": "1"}
    with pytest.raises(MetaflowError, match=r"there is no terminal to ask on; give --yes .*YES=1.* --profile NAME"):
        put(path, wanted)
    shown = capsys.readouterr().out
    assert shown.splitlines()[1:] == [
        "  + METAFLOW_BATCH_EMIT_TAGS = 1",
        "  ~ METAFLOW_SERVICE_AUTH_KEY = (secret) -> (secret)",
        "  ~ METAFLOW_SERVICE_URL = theirs -> ours",
        "  - METAFLOW_UI_URL = gone",
    ]
    for answer in ("n\n", "\n", ""):
        terminal(monkeypatch, answer)
        assert not put(path, wanted)
    assert json.loads(path.read_text()) == old
    terminal(monkeypatch, "y\n")
    assert put(path, wanted)
    assert json.loads(path.read_text()) == wanted | {"METAFLOW_USER": "ann"}, "what is not a stack's stays"


def test_yes_answers_and_a_link_stays_one(home: Path) -> None:
    home.mkdir()
    real = home / "dotfiles.json"
    real.write_text('{"METAFLOW_SERVICE_URL": "theirs"}')
    (home / "config.json").symlink_to(real)
    assert put(home / "config.json", {"METAFLOW_SERVICE_URL": "ours"}, yes=True)
    assert (home / "config.json").is_symlink()
    assert json.loads(real.read_text()) == {"METAFLOW_SERVICE_URL": "ours"}


@pytest.mark.parametrize("content", ["{", "[]", '"x"'])
def test_a_file_that_is_no_configuration_is_left_alone(content: str, home: Path) -> None:
    home.mkdir()
    (home / "config.json").write_text(content)
    with pytest.raises(MetaflowError, match="repair it, move it away, or choose another --profile"):
        put(home / "config.json", {"METAFLOW_SERVICE_URL": "ours"}, yes=True)
    assert (home / "config.json").read_text() == content


def test_what_somebody_wrote_meanwhile_is_not_lost(home: Path) -> None:
    path = home / "config.json"
    before = file.read_file(path)
    home.mkdir()
    path.write_text("{}")
    with pytest.raises(MetaflowError, match="was changed by somebody else just now"):
        file.write_file(path, {"a": "b"}, before)
    assert [entry.name for entry in home.iterdir()] == ["config.json"]
    assert path.read_text() == "{}"


@pytest.mark.parametrize("auth", ["apiKey", "token"])
@pytest.mark.parametrize("secrets", [True, False])
def test_env_exports_metaflows_variables_and_the_key_only_when_asked(
    auth: str, secrets: bool, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = CONFIG | {"METAFLOW_UI_URL": 'it\'s "$HOME" `x`'}
    outputs = OUTPUTS | {"metaflowAuth": auth, "metaflowConfig": config}
    monkeypatch.setattr(remote, "find_engine", lambda root, environment: Engine(outputs))
    monkeypatch.setattr(remote, "read_credentials", lambda *_: {"username": "u", "password": "p"})
    monkeypatch.setattr(remote, "read_api_key", lambda *_: KEY)
    assert remote.env(Path(), "prod", with_secrets=secrets) == 0
    printed = capsys.readouterr().out
    script = (
        f'{printed}\nprintf "%s|%s|%s" "$METAFLOW_UI_URL" "$METAFLOW_SERVICE_AUTH_KEY" "$METAFLOW_MLPLATFORM_STACK"'
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env={})
    key, stack = KEY if auth == "apiKey" and secrets else "", "prod" if auth == "token" else ""
    assert done.stdout == f"{config['METAFLOW_UI_URL']}|{key}|{stack}"
    assert ("to print it too: make env STACK=prod SECRETS=1" in printed) == (auth == "apiKey" and not secrets)


def test_env_of_a_stack_without_metaflow_has_nothing_of_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if not name.startswith(("metaflow", "Api"))}
    monkeypatch.setattr(remote, "find_engine", lambda root, environment: Engine(outputs))
    assert remote.env(Path(), "prod", with_secrets=False) == 0
    assert "METAFLOW" not in capsys.readouterr().out.upper()


class Service(ThreadingHTTPServer):
    """A metadata service behind an API with a key."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status = 200


class Handler(BaseHTTPRequestHandler):
    @property
    def service(self) -> Service:
        return cast("Service", self.server)

    def do_GET(self) -> None:
        let_in = KEY in (self.headers.get("x-api-key"), self.headers.get("Authorization", "")[7:])
        self.send_response(self.service.status if let_in else 403)
        self.end_headers()
        self.wfile.write(b"2.5.1" if self.path.endswith("/version") else b"pong")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


@pytest.fixture
def service() -> Generator[Service]:
    server = Service()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(home: Path, service: Service) -> Generator[dict[str, Any]]:
    """An account with all that Metaflow needs; gives the outputs of its stack."""
    with mock_aws():
        aws("s3").create_bucket(Bucket="flows", CreateBucketConfiguration={"LocationConstraint": REGION})
        for name in ("events", "step-functions"):
            aws("iam").create_role(RoleName=name, Path="/platform/", AssumeRolePolicyDocument="{}")
        table("state", "pathspec")
        arn = queue()
        key = aws("apigateway").create_api_key(name="metaflow", value=KEY)["id"]
        config = CONFIG | {"METAFLOW_SERVICE_URL": service.url, "METAFLOW_BATCH_JOB_QUEUE": arn}
        yield OUTPUTS | {"metaflowConfig": config, "ApiKeyId": key}


def aws(name: str) -> Any:
    make: Any = boto3.client
    return make(name, region_name=REGION)


def table(name: str, key: str) -> None:
    aws("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def queue() -> str:
    """A job queue of Fargate; gives its ARN."""
    subnet = aws("ec2").describe_subnets()["Subnets"][0]
    group = aws("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
    role = aws("iam").create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": [subnet["SubnetId"]], "securityGroupIds": [group]}
    environment = aws("batch").create_compute_environment(
        computeEnvironmentName="fargate", type="MANAGED", serviceRole=role, computeResources=resources
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    made = aws("batch").create_job_queue(
        jobQueueName="default", state="ENABLED", priority=1, computeEnvironmentOrder=order
    )
    return str(made["jobQueueArn"])


def run(monkeypatch: pytest.MonkeyPatch, outputs: dict[str, Any], *words: str) -> int:
    """The command as make runs it."""
    monkeypatch.setattr(configure, "find_engine", lambda root, environment: Engine(outputs))
    return main(["metaflow", "configure", "--stack", "prod", *words])


def levels(printed: str) -> dict[str, str]:
    """Level of each line of the table."""
    lines = [line for line in printed.splitlines() if line[:4].strip() in list(Level)]
    return {line[6:].split("  ")[0]: line[:4].strip() for line in lines}


def test_all_is_well_and_the_key_is_in_the_file_and_on_no_screen(
    account: dict[str, Any], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, account, "--profile", "prod") == 0
    printed = capsys.readouterr()
    assert set(levels(printed.out).values()) == {"ok"}
    assert len(levels(printed.out)) == 7
    assert "answers, version 2.5.1" in printed.out
    assert "export METAFLOW_PROFILE=prod" in printed.out
    assert KEY not in printed.out + printed.err
    assert json.loads((home / "config_prod.json").read_text()) == account["metaflowConfig"] | {AUTH_KEY: KEY}
    assert "Contents" not in aws("s3").list_objects_v2(Bucket="flows"), "the probe is deleted"


def test_check_writes_nothing(
    account: dict[str, Any], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, account, "--check") == 0
    assert not home.exists()
    assert levels(capsys.readouterr().out)["file"] == "warn"
    monkeypatch.setenv("METAFLOW_PROFILE", "prod")
    assert run(monkeypatch, account) == 0
    capsys.readouterr()
    monkeypatch.setenv("METAFLOW_SFN_DYNAMO_DB_TABLE", "another")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert run(monkeypatch, account, "--check") == 0
    printed = capsys.readouterr().out
    assert {name for name, level in levels(printed).items() if level == "warn"} == {"shell", "region"}
    assert "unset METAFLOW_SFN_DYNAMO_DB_TABLE" in printed
    assert f"export AWS_DEFAULT_REGION={REGION}" in printed


def test_what_is_broken_fails_with_the_way_out(
    account: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], service: Service
) -> None:
    table("wrong", "id")
    aws("batch").update_job_queue(jobQueue="default", state="DISABLED")
    service.status = 503
    config = account["metaflowConfig"] | {
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://nowhere/metaflow",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "wrong",
        "METAFLOW_SFN_IAM_ROLE": f"{ROLE}/nobody",
    }
    gone = f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/gone"
    more = {"metaflowConfig": config, "metaflowBatch": {"queues": {"gone": gone}}}
    assert run(monkeypatch, account | more, "--role") == 1
    printed = capsys.readouterr().out
    failed = {name for name, level in levels(printed).items() if level == "fail"}
    assert failed == {"datastore", "service", "queue default", "queue gone", "table", "Step Functions", "user role"}
    for words in (
        "the bucket is gone: make deploy",
        "answers 503: pong",
        "the metadata service is not: look at its ECS service's events",
        "DISABLED and VALID",
        "aws batch update-job-queue --job-queue default --state ENABLED",
        f"there is no job queue {gone}",
        "Metaflow wants the one hash key pathspec",
        "iam:GetRole: NoSuchEntity",
        "set mlplatform:metaflow.customRole to true",
    ):
        assert words in printed


def test_without_a_stack_or_credentials_one_line_says_so(
    account: dict[str, Any], home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, {"region": REGION}) == 1
    assert "error: stack prod has no output metaflowConfig" in capsys.readouterr().err
    assert run(monkeypatch, account | {"ApiKeyId": "unknown"}) == 1
    assert "error: API key unknown in eu-west-1 cannot be read" in capsys.readouterr().err
    assert not home.exists()


class Denied:
    """A client whose every call is denied, or ends with another error."""

    def __init__(self, code: str = "AccessDenied", message: str = "not allowed", only: str | None = None) -> None:
        self.error, self.only = {"Code": code, "Message": message}, only

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            if self.only in (None, name):
                raise ClientError({"Error": self.error}, name)
            return {"Body": io.BytesIO(b"")}

        return call


@pytest.mark.parametrize(
    ("client", "why", "way_out"),
    [
        (Denied(), "s3:PutObject: AccessDenied", "s3:PutObject, s3:GetObject and s3:DeleteObject on s3://b/p"),
        (Denied(only="get_object"), "s3:GetObject: AccessDenied", "s3:GetObject"),
        (
            Denied(message="no identity-based policy allows the kms:GenerateDataKey action"),
            "kms",
            "kms:GenerateDataKey",
        ),
        (Denied("KMS.DisabledException", "key is disabled"), "KMS.DisabledException", "KMS key is disabled"),
    ],
)
def test_what_s3_and_kms_say_is_explained(client: Denied, why: str, way_out: str) -> None:
    found = checks.datastore(client, "s3://b/p")
    assert found.level is Level.FAIL
    assert why in found.why
    assert way_out in found.way_out


def test_where_the_caller_may_not_look_is_a_warning() -> None:
    denied = Denied()
    found = [checks.queue(denied, "a/q"), checks.table(denied, "t"), checks.role(denied, "EventBridge", "a/r")]
    assert [one.level for one in found] == [Level.WARN] * 3
    assert "let your role call iam:GetRole" in found[-1].way_out


def test_a_role_that_may_not_be_assumed_fails_only_for_who_means_to_use_it() -> None:
    def level(client: Any, arn: str | None, *, demanded: bool) -> Level | None:
        found: Finding | None = checks.user_role(client, arn, demanded=demanded)
        return found and found.level

    assert level(Denied(), None, demanded=False) is None
    assert level(Denied(), "a/r", demanded=False) is Level.WARN
    assert level(Denied(), "a/r", demanded=True) is Level.FAIL
    assert level(Denied(only="another"), "a/r", demanded=True) is Level.OK


def test_what_the_service_answers_is_explained(service: Service) -> None:
    def asked(headers: dict[str, str] | TokenError, url: str = service.url) -> str:
        found = checks.service(url, headers)
        return f"{found.level}: {found.why} {found.way_out}"

    assert asked({"Authorization": f"Bearer {KEY}"}).startswith("ok: ")
    assert "the API key is refused" in asked({"x-api-key": "old"})
    assert "the token is refused: make logout, make login" in asked({"Authorization": "Bearer old"})
    assert "fail: " in asked(TokenError("run `make login STACK=prod`"))
    assert "run `make login STACK=prod`" in asked(TokenError("run `make login STACK=prod`"))
    assert "cannot be reached (ConnectionError)" in asked({}, "http://127.0.0.1:1")
    assert "is not https" in asked({"x-api-key": KEY}, "http://service.example.com")
    service.status = 404
    assert "METAFLOW_SERVICE_URL is not the metadata service" in asked({"x-api-key": KEY})
