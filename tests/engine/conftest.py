"""The real engine on the emulator. Without an engine these tests are skipped, or fail if REQUIRE_ENGINE=1."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

import emulator
from cli.engine import Engine, NoEngineError, find_engine
from cli.local import link_program
from cli.policy_packs import policy_pack_options

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of its own on an emulator of its own."""

    engine: Engine
    url: str
    name: str
    folder: Path

    def configure(self, stack: str = "local", region: str | None = None, **sections: Any) -> None:
        """The repository's stack file, with sections of `mlplatform:` replaced."""
        content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())
        local = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
        aws = {key: value for key, value in local.items() if key.startswith("aws:")}
        given = {f"mlplatform:{key}": value for key, value in sections.items()}
        config = {**content["config"], **aws, **({"aws:region": region} if region else {}), **given}
        link_program(ROOT, self.folder, yaml.safe_dump({"config": config}))

    def up(self, *options: str) -> str:
        """Deploys with every policy pack; gives what the engine printed."""
        packs = policy_pack_options(ROOT)
        return self.run("up", "--yes", "--skip-preview", *packs, *options)

    def preview(self, *options: str) -> str:
        return self.run("preview", *policy_pack_options(ROOT), *options)

    def run(self, command: str, *options: str) -> str:
        code, output = self.engine.capture(command, "--stack", self.name, "--non-interactive", *options)
        assert code == 0, _why(output)
        return output

    def outputs(self) -> dict[str, Any]:
        return self.engine.outputs(self.name)

    def secret(self, key: str, value: str) -> None:
        """Sets a configuration value as `pulumi config set --secret` does."""
        self.engine.read("config", "set", "--stack", self.name, "--secret", "--path", key, value)

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """boto3 on this stack's emulator, so that what was made is read from there and not from the state."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def listeners(self, region: str = "us-east-1") -> list[dict[str, Any]]:
        """Listeners of the one load balancer."""
        balancing = self.client("elbv2", region)
        (balancer,) = balancing.describe_load_balancers()["LoadBalancers"]
        return list(balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"])

    def residue(self, *regions: str) -> dict[str, list[str]]:
        return emulator.residue(self.url, *regions)


def _why(output: str) -> str:
    """What an engine's output says of a failure: errors and violations, without the program's own traceback."""
    telling = [line for line in output.splitlines() if re.search(r"error|violat|mandatory", line, re.IGNORECASE)]
    return "\n".join(dict.fromkeys(line.strip() for line in telling))[:6000] or output[-6000:]


@pytest.fixture(scope="session")
def engine_or_skip() -> None:
    """Skips, or fails under REQUIRE_ENGINE=1, where no engine can be had."""
    try:
        if not shutil.which("pulumi") and not (ROOT / ".pulumi-engine").exists():
            raise NoEngineError("no pulumi on PATH and none installed by `make up`")
        find_engine(ROOT, {})
    except NoEngineError as error:
        if os.environ.get("REQUIRE_ENGINE") == "1":
            pytest.fail(f"REQUIRE_ENGINE=1, but {error}")
        pytest.skip(f"engine tests need an engine: {error}")


@pytest.fixture
def stack(tmp_path: Path, engine_or_skip: None) -> Iterator[Stack]:
    (tmp_path / "state").mkdir()
    folder = link_program(ROOT, tmp_path / "program", (ROOT / "Pulumi.local.yaml").read_text())
    running = emulator.start(tmp_path / "emulator", 0)
    environment = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "AWS_ENDPOINT_URL": running.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    one = Stack(engine=find_engine(folder, environment), url=running.url, name="local", folder=folder)
    one.engine.read("stack", "init", one.name)
    try:
        yield one
    finally:
        emulator.stop(tmp_path / "emulator")


def changes(output: str) -> dict[str, int]:
    """What `preview --json` counts, without what stays the same."""
    summary = json.loads(output[output.index("{") :])["changeSummary"]
    return {kind: number for kind, number in summary.items() if kind != "same"}
