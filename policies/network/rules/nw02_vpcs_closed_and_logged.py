"""NW02: every VPC has a closed default security group and a flow log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from policies.framework.judge import unknown
from policies.framework.reading import text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, cis, nist, well_architected
from policies.framework.values import UNKNOWN

_VPCS = ("aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc")
_GROUP, _LOG = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "aws:ec2/flowLog:FlowLog"
_RULES = (
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)


def _check(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    vpcs = graph.of_types(_VPCS)
    groups, logs = _by_vpc(graph, vpcs, _GROUP), _by_vpc(graph, vpcs, _LOG)
    opened = {
        group.urn
        for rule in graph.of_types(_RULES)
        for group in graph.targets(rule, "securityGroupId", (_GROUP,), ("id",))
    }
    for vpc in vpcs:
        if not groups.get(vpc.urn):
            yield Violation(message="no DefaultSecurityGroup closes its default security group", urn=vpc.urn)
        for group in groups.get(vpc.urn, ()):
            yield from _closed(group, opened=group.urn in opened)
        # Half a log is none: rejected traffic must be in it.
        if not any(text(log, "trafficType") != "ACCEPT" for log in logs.get(vpc.urn, ())):
            yield Violation(message="no FlowLog records its traffic, or only what is accepted", urn=vpc.urn)


def _closed(group: PlannedResource, *, opened: bool) -> Iterator[Violation]:
    for path in ("ingress", "egress"):
        if group.raw(path) is UNKNOWN:
            yield unknown(group, path)
        elif group.raw(path):
            yield Violation(message=f"{path} leaves the default security group open", urn=group.urn)
    if opened:
        yield Violation(message="rules of their own open the default security group", urn=group.urn)


def _by_vpc(graph: Graph, vpcs: Sequence[PlannedResource], type_: str) -> Mapping[str, list[PlannedResource]]:
    """Return resources of a type by the VPC that they are about."""
    inside: dict[str, list[PlannedResource]] = {}
    by_id: dict[str, PlannedResource] = {}
    for vpc in vpcs:
        inside.setdefault(vpc.parent or "", []).append(vpc)
        if isinstance(vpc.raw("id"), str):
            by_id[vpc.raw("id")] = vpc
    found: dict[str, list[PlannedResource]] = {}
    for resource in graph.of_types((type_,)):
        value = resource.raw("vpcId")
        meant = [by_id[value]] if isinstance(value, str) and value in by_id else _sources(graph, resource, inside)
        if len(meant) == 1:  # of several, nobody can say which
            found.setdefault(meant[0].urn, []).append(resource)
    return found


def _sources(
    graph: Graph, resource: PlannedResource, inside: Mapping[str, list[PlannedResource]]
) -> list[PlannedResource]:
    """Return the VPCs that a property is computed from: themselves, or the component around them."""
    named = [source for source in graph.sources(resource, "vpcId") if source.type in _VPCS]
    return named or [vpc for urn in resource.property_dependencies.get("vpcId", ()) for vpc in inside.get(urn, ())]


RULE = Rule(
    id="NW02",
    slug="vpcs-closed-and-logged",
    title="Every VPC has a closed default security group and a flow log",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "Whatever names no security group gets the default one, which lets its members talk to each other and to the "
        "world; and without a flow log nobody can tell afterwards who talked to whom."
    ),
    remediation=(
        "Add a DefaultSecurityGroup for the VPC without ingress and egress, and a FlowLog with its vpcId and "
        "trafficType ALL."
    ),
    link="https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",
    frameworks=(cis("3.7"), cis("5.4"), nist("SC-7"), nist("AU-12"), well_architected("SEC04-BP01")),
    types=_VPCS,
    anchors=("CKV2_AWS_11", "CKV2_AWS_12", "AwsSolutions-VPC7"),
    check_stack=_check,
)
