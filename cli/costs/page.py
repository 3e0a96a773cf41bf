"""`docs/costs.md`: the idle cost of each preset, what single settings add, and the sample beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.costs.idle import HOURS, ORDER, Bill, idle_cost
from cli.costs.prices import ASSUMPTIONS, DATE, FREE, PRICES, REGION, SPOT_DISCOUNT
from cli.plan.recorder import record
from cli.plan.stack_file import read_stack

STACKS = ("local", "dev", "prod")

SAMPLE: dict[str, Any] = {
    "network": {"natGateways": "single"},
    "database": {"minAcu": 0, "maxAcu": 2, "secondsUntilAutoPause": 3600},
    "identity": {"mode": "none"},
    "web": {"enabled": False},
    "metadataTables": {"enabled": False},
    "metaflow": {"enabled": False},
    "mlflow": {
        "auth": "basic",
        "images": {"mlflow": "example.com/mlflow:1", "nginx": "example.com/nginx:1"},
        "cpu": 1024,
        "memory": 2048,
        "desiredCount": 2,
        "containerInsights": "disabled",
    },
}
"""The sample's own default as a configuration of the stack local."""

SAMPLE_LACKS = ("customer key", "flow log", "secret checks")
"""Items of this program that the sample has nothing like."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """A change of a preset.

    Args:
        stack: The preset.
        text: What changes.
        sections: The sections of the configuration that make the change.
    """

    stack: str
    text: str
    sections: Mapping[str, Any] = field(default_factory=dict[str, Any])


EXISTING_VPC = {
    "existingVpc": {
        "vpcId": "vpc-00000000",
        "privateSubnetIds": ["subnet-00000000", "subnet-11111111"],
        "isolatedSubnetIds": ["subnet-22222222", "subnet-33333333"],
    }
}
EXISTING_KEY = {"keyArn": "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"}
METAFLOW_UI = {
    "enableUI": True,
    "publicDomainName": "flows.example.com",
    "certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000",
}
INSTANCES = {
    "computeEnvironments": [{"name": "cpu", "instanceTypes": ["m7i"]}],
    "jobQueues": [{"name": "default", "computeEnvironments": ["cpu"]}],
}

OPTIONS = tuple(
    Option(stack=stack, text=text, sections=sections)
    for stack, text, sections in (
        ("dev", "endpoints in both zones: `network.endpointZones: 2`", {"network": {"endpointZones": 2}}),
        ("dev", "no IPv6, so two more endpoints: `network.ipv6Egress: false`", {"network": {"ipv6Egress": False}}),
        (
            "dev",
            "one NAT gateway instead of IPv6 and endpoints: `network.natGateways: single`, `ipv6Egress: false`",
            {"network": {"natGateways": "single", "ipv6Egress": False}},
        ),
        (
            "dev",
            "the same with Studio: and `studio.enabled: true`",
            {"network": {"natGateways": "single", "ipv6Egress": False}, "studio": {"enabled": True}},
        ),
        ("dev", "an existing VPC: `network.existingVpc`", {"network": EXISTING_VPC}),
        ("dev", "an existing key: `encryption.keyArn`", {"encryption": EXISTING_KEY}),
        ("dev", "a load balancer: `api.integration: loadBalancer`", {"api": {"integration": "loadBalancer"}}),
        ("dev", "a second task: `mlflow.desiredCount: 2`", {"mlflow": {"desiredCount": 2}}),
        ("dev", "no Spot: `mlflow.spot: false`", {"mlflow": {"spot": False}}),
        ("dev", "half a vCPU: `mlflow.cpu: 512`", {"mlflow": {"cpu": 512}}),
        ("dev", "ARM: `mlflow.cpuArchitecture: ARM64`", {"mlflow": {"cpuArchitecture": "ARM64"}}),
        (
            "dev",
            "Container Insights: `mlflow.containerInsights: enabled`",
            {"mlflow": {"containerInsights": "enabled"}},
        ),
        ("dev", "a database that never pauses: `database.minAcu: 0.5`", {"database": {"minAcu": 0.5}}),
        ("dev", "one RDS instance: `database.engine: postgres`", {"database": {"engine": "postgres"}}),
        ("dev", "no Metaflow: `metaflow.enabled: false`", {"metaflow": {"enabled": False}}),
        (
            "dev",
            "Metaflow's API with a key: `metaflow.apiBasicAuth: true`, `metaflow.service.integration: loadBalancer`",
            {"metaflow": {"apiBasicAuth": True, "service": {"integration": "loadBalancer"}}},
        ),
        (
            "dev",
            "Metaflow's UI: `metaflow.enableUI: true` with a name and its certificate",
            {"metaflow": METAFLOW_UI},
        ),
        (
            "dev",
            "jobs on instances, for which there are three more endpoints: `metaflow.batch.computeEnvironments`",
            {"metaflow": {"batch": INSTANCES}},
        ),
        ("prod", "a third zone: `network.availabilityZones: 3`", {"network": {"availabilityZones": 3}}),
        (
            "prod",
            "endpoints beside NAT: `network.interfaceEndpoints: always`",
            {"network": {"interfaceEndpoints": "always"}},
        ),
        ("prod", "no load balancer: `api.integration: cloudMap`", {"api": {"integration": "cloudMap"}}),
        ("prod", "ARM: `mlflow.cpuArchitecture: ARM64`", {"mlflow": {"cpuArchitecture": "ARM64"}}),
        ("prod", "a third task: `mlflow.desiredCount: 3`", {"mlflow": {"desiredCount": 3}}),
        (
            "prod",
            "plain Container Insights: `mlflow.containerInsights: enabled`",
            {"mlflow": {"containerInsights": "enabled"}},
        ),
        ("prod", "a third database instance: `database.instances: 3`", {"database": {"instances": 3}}),
        ("prod", "a larger database at rest: `database.minAcu: 2`", {"database": {"minAcu": 2}}),
        ("prod", "RDS with a standby: `database.engine: postgres`", {"database": {"engine": "postgres"}}),
        ("prod", "no Metaflow: `metaflow.enabled: false`", {"metaflow": {"enabled": False}}),
        (
            "prod",
            "Aurora for Metaflow: `metaflow.database.engine: aurora-postgresql`",
            {"metaflow": {"database": {"engine": "aurora-postgresql"}}},
        ),
        (
            "prod",
            "Metaflow's UI: `metaflow.enableUI: true` with a name and its certificate",
            {"metaflow": METAFLOW_UI},
        ),
        ("prod", "no notebook: `metaflow.enableSagemaker: false`", {"metaflow": {"enableSagemaker": False}}),
    )
)


def bill(root: Path, stack: str, sections: Mapping[str, Any] | None = None) -> Bill:
    """The idle cost of a stack of the project in `root`.

    Args:
        root: Folder of `Pulumi.yaml`.
        stack: Name of the stack.
        sections: Sections of the configuration instead of the stack file's.
    """
    overrides = {f"mlplatform:{key}": value for key, value in (sections or {}).items()}
    return idle_cost(record(root, read_stack(root, stack, overrides)))


def sample_bill(root: Path) -> Bill:
    """The idle cost of the sample's own default."""
    return bill(root, "local", SAMPLE).without(SAMPLE_LACKS)


def page(root: Path) -> str:
    """The whole page."""
    bills = {stack: bill(root, stack) for stack in STACKS}
    sample = sample_bill(root)
    parts = [
        _head(bills, sample),
        "\n".join(_compared({"sample": sample, **bills})),
        *("\n".join(_detailed(stack, bills[stack])) for stack in STACKS),
        *("\n".join(_options(root, stack, bills[stack])) for stack in ("dev", "prod")),
        SAMPLE_TEXT.format(total=sample.total),
        "\n".join(_prices()),
        "\n".join(_assumptions()),
        "\n".join(_free()),
    ]
    return "\n\n".join(parts) + "\n"


def _head(bills: Mapping[str, Bill], sample: Bill) -> str:
    return f"""# Costs

What each environment costs a month ({HOURS} hours) while nobody uses it. Computed from the offline plans by
`make costs`; do not edit. Unit prices are those of AWS's public price pages for {REGION} as known in {DATE}, listed
below with their pages. They are not fetched: check them for your region before you rely on a sum. Taxes, free tiers,
savings plans and all that use adds (requests, traffic, artifacts, running Studio apps, training, endpoints) are not in
it.

| | US dollars a month, idle |
| --- | ---: |
| `dev` | **{bills["dev"].total:.2f}** |
| `prod` | **{bills["prod"].total:.2f}** |
| `local` | 0: it runs on the emulator. The same stack in an account: {bills["local"].total:.2f} |
| the sample's own default | {sample.total:.2f} |"""


def _compared(bills: Mapping[str, Bill]) -> Iterator[str]:
    yield "## Side by side\n"
    yield f"| | {' | '.join(bills)} |"
    yield f"| --- |{' ---: |' * len(bills)}"
    for item in ORDER:
        if any(line.item == item for bill_ in bills.values() for line in bill_.lines):
            yield f"| {item} | {' | '.join(_cell(bill_, item) for bill_ in bills.values())} |"
    yield f"| **total** | {' | '.join(f'**{bill_.total:.2f}**' for bill_ in bills.values())} |"


def _cell(bill_: Bill, item: str) -> str:
    return f"{bill_.of(item):.2f}" if any(line.item == item for line in bill_.lines) else ""


def _detailed(stack: str, bill_: Bill) -> Iterator[str]:
    yield f"## `{stack}`, line by line\n"
    yield "| item | how | US dollars a month |\n| --- | --- | ---: |"
    yield from (f"| {line.item} | {line.basis} | {line.dollars:.2f} |" for line in bill_.lines)
    yield f"| **total** | | **{bill_.total:.2f}** |"


def _options(root: Path, stack: str, base: Bill) -> Iterator[str]:
    yield f"## What a setting adds to `{stack}`\n"
    yield "| change | adds | total |\n| --- | ---: | ---: |"
    for option in OPTIONS:
        if option.stack == stack:
            total = bill(root, stack, option.sections).total
            yield f"| {option.text} | {total - base.total:+.2f} | {total:.2f} |"


SAMPLE_TEXT = """## The sample

The column `sample` is the default of aws-samples/aws-mlflow-sagemaker-cdk, described by a configuration of this program
and without what the sample does not have (customer key, flow log, checks for rotated secrets): one NAT gateway, a load
balancer, two tasks, and an Aurora that has paused: {total:.2f}. The sample names no size for its tasks. The figure is
of two tasks of 1 vCPU and 2 GB, which cost the 72 dollars that are known of it; CDK's default of 0.25 vCPU and 0.5 GB
would cost 18, and MLflow 3.17 does not run in it (0.8 GB at rest). Its Aurora Serverless v1, which ended in 2025, is
counted as a paused v2."""


def _prices() -> Iterator[str]:
    yield f"## Unit prices ({REGION}, {DATE})\n"
    yield "| what | US dollars | for one | page |\n| --- | ---: | --- | --- |"
    for name, price in PRICES.items():
        yield f"| {name} | {price.dollars:g} | {price.unit} | <{price.page}> |"
    yield f"\nFargate Spot is taken at {SPOT_DISCOUNT:.0%} below Fargate; its price moves with supply."


def _assumptions() -> Iterator[str]:
    yield "## Taken for granted\n"
    yield "What no plan knows:\n"
    yield from (f"- {item.quantity:,g} {item.unit}: {item.why}." for item in ASSUMPTIONS)
    yield NOT_COUNTED


NOT_COUNTED = """
Not counted: a customer key costs another dollar a month after its first and after its second rotation. Backups of
Aurora and RDS are free up to the size of the database. A paused database that a request wakes costs 0.12 dollars for
each ACU-hour until it pauses again."""


def _free() -> Iterator[str]:
    yield "## Without a price\n"
    yield (
        "Every type of resource that the program registers is either priced above or listed here; `make costs` fails\n"
        "on any other, so that nothing is left out in silence.\n"
    )
    yield "| type | why |\n| --- | --- |"
    yield from (f"| `{type_}` | {why} |" for type_, why in FREE.items())
