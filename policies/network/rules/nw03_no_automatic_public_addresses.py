"""NW03: public addresses are given automatically only in the public tier."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.network.names import listed

_SUBNET, _DEFAULT_SUBNET = "aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_PATHS = {
    _SUBNET: "mapPublicIpOnLaunch",
    _DEFAULT_SUBNET: "mapPublicIpOnLaunch",
    "aws:ecs/service:Service": "networkConfiguration.assignPublicIp",
    "aws:ecs/taskSet:TaskSet": "networkConfiguration.assignPublicIp",
    "aws:cloudwatch/eventTarget:EventTarget": "ecsTarget.networkConfiguration.assignPublicIp",
    "aws:scheduler/schedule:Schedule": "target.ecsParameters.networkConfiguration.assignPublicIp",
    "aws:ec2/instance:Instance": "associatePublicIpAddress",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest": "associatePublicIpAddress",
    "aws:ec2/launchConfiguration:LaunchConfiguration": "associatePublicIpAddress",
}


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    for path in _paths(resource):
        # AWS's own default subnets give addresses unless told otherwise.
        on = flag(resource, path) or (resource.type == _DEFAULT_SUBNET and resource.value(path) is None)
        if on and not _public(resource, settings):
            yield Violation(message=f"{path} is on outside the public tier")


def _paths(resource: PlannedResource) -> Iterator[str]:
    if resource.type != _TEMPLATE:
        yield _PATHS[resource.type]
        return
    for at in range(len(resource.items("networkInterfaces"))):
        yield f"networkInterfaces[{at}].associatePublicIpAddress"


def _public(resource: PlannedResource, settings: Settings) -> bool:
    tagged = resource.type in (_SUBNET, _DEFAULT_SUBNET) and any(
        text(resource, f"tags.{tag}").lower() == "public" for tag in ("SubnetType", "Tier")
    )
    return tagged or listed(resource, settings, "publicTier")


RULE = Rule(
    id="NW03",
    slug="no-automatic-public-addresses",
    title="No automatic public address outside the public tier",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="What has a public address is one security-group rule away from the internet, and costs by the hour.",
    remediation=(
        "Turn it off and leave by NAT or endpoints; tag a public subnet SubnetType or Tier with Public, or list the "
        "resource in publicTier."
    ),
    link="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html",
    frameworks=(nist("SC-7"), nist("AC-4"), well_architected("SEC05-BP01")),
    types=(*_PATHS, _TEMPLATE),
    anchors=("CKV_AWS_130", "CKV_AWS_333", "CKV_AWS_88"),
    check=_check,
    options=(
        Option(
            name="publicTier",
            description="Patterns of the logical names of subnets, services and machines that belong there.",
        ),
    ),
)
