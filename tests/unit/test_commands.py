"""The commands for real stacks: what refuses, what is said, what is printed."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cli import remote
from cli.engine import Engine, NoEngineError, find_engine
from lib.images import SHARED, source


def resource(
    type_: str, *, protect: bool = False, inputs: dict[str, Any] | None = None, **outputs: Any
) -> dict[str, Any]:
    name = type_.rsplit(":", maxsplit=1)[-1].lower()
    urn = f"urn:pulumi:prod::mlplatform::{type_}::{name}"
    return {"urn": urn, "type": type_, "id": "d-1", "protect": protect, "inputs": inputs or {}, "outputs": outputs}


def test_what_is_protected_is_named_with_its_setting() -> None:
    state = [
        resource("aws:kms/key:Key", protect=True),
        resource("aws:rds/cluster:Cluster", protect=True, inputs={"deletionProtection": True}),
        resource("aws:lb/loadBalancer:LoadBalancer", inputs={"enableDeletionProtection": True}),
        resource("aws:cognito/userPool:UserPool", inputs={"deletionProtection": "ACTIVE"}),
        resource("aws:cognito/userPool:UserPool", inputs={"deletionProtection": "INACTIVE"}),
        resource("aws:dynamodb/table:Table", inputs={"deletionProtectionEnabled": True}),
        resource("aws:s3/bucket:Bucket"),
    ]
    assert list(remote.protections(state)) == [
        "key (aws:kms/key:Key): mlplatform:protection.protectResources is true",
        "cluster (aws:rds/cluster:Cluster): mlplatform:protection.protectResources is true",
        "cluster (aws:rds/cluster:Cluster): mlplatform:protection.deletionProtection is true",
        "loadbalancer (aws:lb/loadBalancer:LoadBalancer): mlplatform:protection.deletionProtection is true",
        "userpool (aws:cognito/userPool:UserPool): mlplatform:protection.deletionProtection is true",
        "table (aws:dynamodb/table:Table): mlplatform:protection.deletionProtection is true",
    ]


def test_what_aws_keeps_is_said() -> None:
    state = [
        resource("aws:kms/key:Key", inputs={"deletionWindowInDays": 7}, keyId="abc"),
        resource("aws:rds/cluster:Cluster", inputs={"skipFinalSnapshot": False}, finalSnapshotIdentifier="x-final-1"),
        resource("aws:rds/cluster:Cluster", inputs={"skipFinalSnapshot": True}),
        resource("aws:secretsmanager/secret:Secret", inputs={"recoveryWindowInDays": 0}, name="gone"),
        resource("aws:secretsmanager/secret:Secret", inputs={"recoveryWindowInDays": 30}, name="kept"),
        resource("aws:sagemaker/domain:Domain", inputs={"retentionPolicy": {"homeEfsFileSystem": "Delete"}}),
        resource("aws:sagemaker/domain:Domain", inputs={}, homeEfsFileSystemId="fs-1"),
    ]
    assert list(remote.leftovers(state)) == [
        "KMS key abc: deleted by AWS after 7 days",
        "database snapshot x-final-1",
        "secret kept: recoverable for 30 days",
        "log groups /aws/sagemaker/*, which jobs and endpoints made",
        "EFS file system fs-1 with Studio's home directories",
        "log groups /aws/sagemaker/*, which jobs and endpoints made",
    ]


class Studio:
    """SageMaker as far as apps go: an app that is deleted goes after it was listed once more."""

    def __init__(self) -> None:
        self.apps = [
            {"AppName": "default", "AppType": "JupyterServer", "UserProfileName": "ann", "Status": "InService"},
            {"AppName": "lab", "AppType": "JupyterLab", "SpaceName": "shared", "Status": "InService"},
            {"AppName": "old", "AppType": "JupyterLab", "SpaceName": "shared", "Status": "Deleted"},
        ]
        self.deleted: list[dict[str, str]] = []
        self.spaces_deleted: list[str] = []

    def get_paginator(self, _name: str) -> "Studio":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        listed = [dict(app) for app in self.apps]
        for app in self.apps:
            if app["Status"] == "Deleting":
                app["Status"] = "Deleted"
        return [{"Apps": listed}]

    def delete_app(self, **app: str) -> None:
        assert not self.spaces_deleted
        self.deleted.append(app)
        next(a for a in self.apps if a["AppName"] == app["AppName"])["Status"] = "Deleting"

    def list_spaces(self, **_: str) -> dict[str, Any]:
        return {"Spaces": [{"SpaceName": "shared"}]}

    def delete_space(self, *, SpaceName: str, **_: str) -> None:  # noqa: N803
        self.spaces_deleted.append(SpaceName)


def test_studios_apps_and_spaces_are_deleted_before_its_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio()
    monkeypatch.setattr(remote, "aws_client", lambda *_: studio)
    monkeypatch.setattr(remote.time, "sleep", lambda _: None)
    remote.delete_apps(remote.StudioDomain(domain_id="d-1", region="eu-west-1"), {})
    owners = [app.get("UserProfileName") or app.get("SpaceName") for app in studio.deleted]
    assert owners == ["ann", "shared"]
    assert studio.spaces_deleted == ["shared"]


def test_env_prints_what_a_shell_can_read_and_secrets_only_when_given() -> None:
    outputs = {
        "region": "eu-west-1",
        "mlflowTrackingUri": "https://abc.execute-api.eu-west-1.amazonaws.com",
        "artifactRoot": "s3://bucket/mlflow",
        "mlflowSecretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:mlflow",
    }
    plain = remote.environment_lines(outputs, None)
    assert not any("PASSWORD" in line for line in plain)
    awkward = 'it\'s "$HOME" `x` \\ !'
    lines = remote.environment_lines(outputs, {"username": "ann", "password": awkward})
    script = "\n".join([*lines, 'printf %s "$MLFLOW_TRACKING_PASSWORD"'])
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == awkward
    assert shlex.split(lines[2])[1] == "MLFLOW_TRACKING_URI=https://abc.execute-api.eu-west-1.amazonaws.com"


def test_without_engine_and_installer_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.engine.shutil.which", lambda *_args, **_options: None)
    monkeypatch.setattr("cli.engine.INSTALLER", "http://127.0.0.1:9/")
    with pytest.raises(NoEngineError, match=r"no Pulumi engine: none on PATH, and .* cannot be reached") as caught:
        find_engine(tmp_path, {})
    assert "\n" not in str(caught.value)


def test_a_missing_provider_is_installed_in_the_sdks_version_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("cli.engine.shutil.which", lambda name, **_: "/bin/pulumi" if name == "pulumi" else None)
    monkeypatch.setattr(Engine, "read", lambda *_: "[]")
    monkeypatch.setattr(Engine, "run", lambda _self, *args, **_: asked.append(args) or int(args[3] == "awsx"))
    with pytest.raises(NoEngineError, match=r"no Pulumi provider awsx \d+\.\d+\.\d+"):
        find_engine(Path(), {})
    assert [args[:4] for args in asked] == [("plugin", "install", "resource", name) for name in ("aws", "awsx")]


def test_an_images_tag_changes_with_its_sources_and_what_it_shares_and_with_nothing_else(tmp_path: Path) -> None:
    for folder in ("mlflow", "common", "nginx"):
        (tmp_path / folder).mkdir()
    dockerfile = tmp_path / "mlflow" / "Dockerfile"
    dockerfile.write_text("FROM scratch")

    def tag() -> str:
        return source(tmp_path, "mlflow").tag

    tags = [tag()]
    (tmp_path / "mlflow" / "__pycache__").mkdir()
    (tmp_path / "mlflow" / "__pycache__" / "x.pyc").write_text("compiled")
    (tmp_path / "nginx" / "Dockerfile").write_text("FROM nginx")
    (tmp_path / "README.md").write_text("for people")
    assert tag() == tags[0]
    dockerfile.chmod(0o755)
    tags.append(tag())
    dockerfile.write_text("FROM scratch\n")
    tags.append(tag())
    shared = tmp_path / "common" / "errors.py"
    shared.write_text("")
    tags.append(tag())
    shared.rename(tmp_path / "mlflow" / "errors.py")
    tags.append(tag())
    assert len(set(tags)) == len(tags)


def test_an_image_is_built_from_its_own_dockerfile_among_all_sources() -> None:
    services = Path(__file__).parents[2] / "services"
    for folder in sorted(path.parent for path in services.glob("*/Dockerfile")):
        made = source(services, folder.name)
        assert (made.context, made.dockerfile) == (str(services), str(folder / "Dockerfile"))
        # Of the whole context an image gets what its own file lets in (BuildKit prefers it to the context's).
        let_in = (folder / "Dockerfile.dockerignore").read_text().splitlines()
        assert let_in[0] == "*"
        copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+) \S+$", Path(made.dockerfile).read_text(), re.M)
        assert copied
        assert {f"!{path}" for path in copied} == {line for line in let_in if line.startswith("!")}, folder.name
        assert {path.split("/")[0] for path in copied} <= {folder.name, SHARED}, "what the tag does not cover"
        assert all(list(services.glob(path)) for path in copied), folder.name
