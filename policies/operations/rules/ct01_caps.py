"""CT01: gateways, instance classes and vCPUs stay within the environment's caps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from policies.framework.globs import matches
from policies.framework.judge import unknown
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import UNKNOWN, UnknownPropertyError

_GATEWAY = "aws:ec2/natGateway:NatGateway"
_COMPUTE = "aws:batch/computeEnvironment:ComputeEnvironment"
_VCPUS = "computeResources.maxVcpus"


def _apps(settings: str) -> tuple[str, ...]:
    """Return the places where Studio's settings name an instance type."""
    apps = ("codeEditor", "jupyterLab", "jupyterServer", "kernelGateway", "rSession", "tensorBoard")
    return tuple(f"{settings}.{app}AppSettings.defaultResourceSpec.instanceType" for app in apps)


_CLASSES: Mapping[str, tuple[str, ...]] = {
    "aws:autoscaling/group:Group": ("mixedInstancesPolicy.launchTemplate.overrides.instanceType",),
    "aws:docdb/clusterInstance:ClusterInstance": ("instanceClass",),
    "aws:ec2/fleet:Fleet": ("launchTemplateConfigs.overrides.instanceType",),
    "aws:ec2/instance:Instance": ("instanceType",),
    "aws:ec2/launchConfiguration:LaunchConfiguration": ("instanceType",),
    "aws:ec2/launchTemplate:LaunchTemplate": ("instanceType",),
    "aws:ec2/spotFleetRequest:SpotFleetRequest": (
        "launchSpecifications.instanceType",
        "launchTemplateConfigs.overrides.instanceType",
    ),
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest": ("instanceType",),
    "aws:eks/nodeGroup:NodeGroup": ("instanceTypes",),
    "aws:elasticache/cluster:Cluster": ("nodeType",),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("nodeType",),
    "aws:emr/cluster:Cluster": ("masterInstanceGroup.instanceType", "coreInstanceGroup.instanceType"),
    "aws:emr/instanceGroup:InstanceGroup": ("instanceType",),
    "aws:neptune/clusterInstance:ClusterInstance": ("instanceClass",),
    "aws:rds/cluster:Cluster": ("dbClusterInstanceClass",),
    "aws:rds/clusterInstance:ClusterInstance": ("instanceClass",),
    "aws:rds/instance:Instance": ("instanceClass",),
    "aws:sagemaker/app:App": ("resourceSpec.instanceType",),
    "aws:sagemaker/domain:Domain": (*_apps("defaultUserSettings"), *_apps("defaultSpaceSettings")),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": (
        "productionVariants.instanceType",
        "shadowProductionVariants.instanceType",
    ),
    "aws:sagemaker/notebookInstance:NotebookInstance": ("instanceType",),
    "aws:sagemaker/space:Space": _apps("spaceSettings"),
    "aws:sagemaker/userProfile:UserProfile": _apps("userSettings"),
}
_SMALL = (
    *("db.serverless", "system"),  # Aurora has capacity units instead; Studio's own servers cost nothing
    *("*.nano", "*.micro", "*.small", "*.medium", "*.large", "*.xlarge"),
)


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    if resource.type == _COMPUTE:
        cap, vcpus = settings.number("batchVcpus", resource.stack), resource.raw(_VCPUS)
        if cap is not None and vcpus is not UNKNOWN and int(vcpus or 0) > cap:  # the unknown are the stack's affair
            yield Violation(message=f"{_VCPUS} is above the {cap} vCPUs that Batch has in this stack (batchVcpus)")
        return
    allowed = settings.strings("instanceClasses", resource.stack)
    for path in _CLASSES.get(resource.type, ()):
        for where, value in _values(resource.props, path.split("."), ""):
            if not any(matches(pattern, str(value)) for pattern in allowed):
                yield Violation(message=f"{where} is a class that this stack may not use (instanceClasses)")


def _values(value: Any, steps: Sequence[str], path: str) -> Iterator[tuple[str, Any]]:
    """Yield what stands at a path, in every entry of the lists on the way."""
    if value is UNKNOWN:
        raise UnknownPropertyError(path=path)
    if isinstance(value, list):
        for at, entry in enumerate(cast("list[Any]", value)):
            yield from _values(entry, steps, f"{path}[{at}]")
    elif steps and isinstance(value, Mapping):
        below = cast("Mapping[str, Any]", value).get(steps[0])
        yield from _values(below, steps[1:], f"{path}.{steps[0]}".removeprefix("."))
    elif not steps and value is not None:
        yield path, value


def _check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
    cap, gateways = settings.number("natGateways", graph.stack), len(graph.of_types((_GATEWAY,)))
    if cap is not None and gateways > cap:
        yield Violation(message=f"{gateways} NAT gateways, and this stack may have {cap} (natGateways)")
    cap, vcpus = settings.number("batchVcpus", graph.stack), list[int]()
    for environment in graph.of_types((_COMPUTE,)):
        if environment.raw(_VCPUS) is UNKNOWN:
            yield unknown(environment, _VCPUS)
        else:
            vcpus.append(int(environment.raw(_VCPUS) or 0))
    # One that is too large alone is reported where it stands.
    if cap is not None and vcpus and sum(vcpus) > cap >= max(vcpus):
        yield Violation(message=f"Batch may start {sum(vcpus)} vCPUs, and this stack may have {cap} (batchVcpus)")


RULE = Rule(
    id="CT01",
    slug="caps",
    title="Gateways, instance classes and vCPUs stay within the environment's caps",
    level=Level.MANDATORY,
    severity=Severity.MEDIUM,
    description=(
        "What costs by the hour whether used or not, and what one job can start, is agreed beforehand for each "
        "environment, so that a slip of a digit is found before the bill."
    ),
    remediation=(
        "Take a smaller class, fewer NAT gateways (VPC endpoints replace them) or a lower maxVcpus; or raise the "
        "stack's natGateways, instanceClasses or batchVcpus once that is agreed."
    ),
    link="https://docs.aws.amazon.com/wellarchitected/latest/cost-optimization-pillar/cost_govern_usage_controls.html",
    frameworks=(nist("SC-6"), well_architected("COST02-BP05")),
    types=(*_CLASSES, _GATEWAY, _COMPUTE),
    check=_check,
    check_stack=_check_stack,
    options=(
        Option(
            name="natGateways",
            description="Most NAT gateways, by patterns of stack names.",
            by_stack={"prod*": 3, "*": 1},
        ),
        Option(
            name="instanceClasses",
            description="Patterns of the instance classes that may be used, by patterns of stack names.",
            by_stack={"prod*": (*_SMALL, "*.2xlarge", "*.4xlarge"), "*": _SMALL},
        ),
        Option(
            name="batchVcpus",
            description="Most vCPUs that Batch may start in the whole stack, by patterns of stack names.",
            by_stack={"prod*": 256, "*": 64},
        ),
    ),
)
