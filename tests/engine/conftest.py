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
import requests
import yaml

import emulator
from cli.engine import Engine, NoEngineError, find_engine
from cli.local import link_program
from cli.policy_packs import policy_pack_options

ROOT = Path(__file__).parents[2]

LEFT_OUT: dict[str, Any] = {"metaflow": {"enabled": False}}
"""Sections of `mlplatform:` that tests are without unless they give them: what has tests of its own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests start first, or one of them would run alone at the end.

    xdist gives each worker two tests to begin with, so behind each long one stands a short one.
    """
    own = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    long = [item for item in own if item.get_closest_marker("long")]
    short = [item for item in own if item not in long]
    pairs = [item for pair in zip(long, short, strict=False) for item in pair]
    ordered = iter(pairs + [item for item in own if item not in pairs])
    items[:] = [next(ordered) if item in own else item for item in items]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of its own on an emulator that holds nothing else."""

    engine: Engine
    url: str
    name: str
    folder: Path

    def configure(
        self, stack: str = "local", region: str | None = None, *, whole: bool = False, **sections: Any
    ) -> None:
        """The repository's stack file, with sections of `mlplatform:` replaced; `whole` leaves nothing out."""
        content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())
        local = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
        aws = {key: value for key, value in local.items() if key.startswith("aws:")}
        given = {f"mlplatform:{key}": value for key, value in (({} if whole else LEFT_OUT) | sections).items()}
        config = {**content["config"], **aws, **({"aws:region": region} if region else {}), **given}
        link_program(ROOT, self.folder, yaml.safe_dump({"config": config}))

    def up(self, *options: str) -> str:
        """Deploys with every policy pack; gives what the engine printed."""
        packs = policy_pack_options(ROOT)
        return self.run("up", "--yes", "--skip-preview", *packs, *options)

    def preview(self, *options: str) -> str:
        return self.run("preview", *policy_pack_options(ROOT), *options)

    def differences(self) -> dict[str, int]:
        """What a further preview would do, by kind. Policies have judged the same program when it came up."""
        output = self.run("preview", "--json")
        summary = json.loads(output[output.index("{") :])["changeSummary"]
        return {kind: number for kind, number in summary.items() if kind != "same"}

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
        return client(self.url, service, region)

    def listeners(self, region: str = "us-east-1") -> list[dict[str, Any]]:
        """Listeners of the one load balancer."""
        balancing = self.client("elbv2", region)
        (balancer,) = balancing.describe_load_balancers()["LoadBalancers"]
        return list(balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"])

    def existing_network(self) -> dict[str, Any]:
        """A VPC that is there already, as `network.existingVpc` takes it."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
                "SubnetId"
            ]
            for i, zone in enumerate("abab")
        ]
        return {"vpcId": vpc, "privateSubnetIds": subnets[:2], "isolatedSubnetIds": subnets[2:]}

    def residue(self, *regions: str) -> dict[str, list[str]]:
        return emulator.residue(self.url, *regions)


def client(url: str, service: str, region: str = "us-east-1") -> Any:
    """boto3 on the emulator at an address."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _why(output: str) -> str:
    """What an engine's output says of a failure: errors and violations, without the program's own traceback."""
    telling = [line for line in output.splitlines() if re.search(r"\berror:|violat|mandatory", line, re.IGNORECASE)]
    return "\n".join(dict.fromkeys(line.strip()[:1000] for line in telling))[:6000] or output[-6000:]


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


@pytest.fixture(scope="session")
def emulator_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("emulator")
    yield folder
    emulator.stop(folder)


@pytest.fixture
def environment(tmp_path: Path, emulator_folder: Path, engine_or_skip: None) -> dict[str, str]:
    """Variables that point the engine at a state of its own and at an emulator that holds nothing.

    The emulator is one for all tests of a worker: to start one costs more than to empty it.
    """
    (tmp_path / "state").mkdir()
    running = emulator.start(emulator_folder, 0)
    requests.post(f"{running.url}/moto-api/reset", timeout=600).raise_for_status()
    return {
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "AWS_ENDPOINT_URL": running.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",  # pragma: allowlist secret
        "AWS_REGION": "us-east-1",
        # Engine and providers run for seconds: a fifth of their processor time would be collecting garbage.
        "GOGC": "1000",
    }


@pytest.fixture
def stack(tmp_path: Path, environment: dict[str, str]) -> Stack:
    folder = link_program(ROOT, tmp_path / "program", "")
    one = Stack(
        engine=find_engine(folder, environment), url=environment["AWS_ENDPOINT_URL"], name="local", folder=folder
    )
    one.configure()
    one.engine.read("stack", "init", one.name)
    return one
