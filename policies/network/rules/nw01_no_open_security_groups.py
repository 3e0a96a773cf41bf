"""NW01: security groups are not open to the world."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from policies.framework.reading import flag, text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, cis, nist, well_architected
from policies.framework.values import UNKNOWN, UnknownPropertyError
from policies.network.names import listed

_GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
_EITHER = "aws:ec2/securityGroupRule:SecurityGroupRule"
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
_APART = (_EITHER, _INGRESS, _EGRESS)
_RANGES = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")

_LEAST_PREFIX = {4: 8, 6: 16}
"""What is wider holds a good part of all addresses; several such ranges are the usual way to avoid writing /0."""
_LOCAL = ipaddress.IPv6Network("fc00::/7")


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """A rule of a security group: a resource of its own, or an item in its group's list."""

    holder: PlannedResource
    ingress: bool
    at: str = ""

    @property
    def world(self) -> bool:
        """Whether one of its ranges is as good as the world."""
        return any(_wide(self.holder, path) for path in self._ranges())

    @property
    def every_protocol(self) -> bool:
        return self._protocol() in ("-1", "all", "")

    @property
    def https_only(self) -> bool:
        ports = {text(self.holder, f"{self.at}{port}") for port in ("fromPort", "toPort")}
        return self._protocol() in ("tcp", "6") and ports == {"443"}

    def _protocol(self) -> str:
        return (text(self.holder, f"{self.at}protocol") or text(self.holder, f"{self.at}ipProtocol")).lower()

    def _ranges(self) -> Iterator[str]:
        for name in _RANGES:
            path = f"{self.at}{name}"
            if isinstance(self.holder.value(path), list):
                yield from (f"{path}[{at}]" for at in range(len(self.holder.items(path))))
            else:
                yield path


def _wide(resource: PlannedResource, path: str) -> bool:
    given = text(resource, path)
    if not given:
        return False
    network = ipaddress.ip_network(given, strict=False)
    local = isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_LOCAL)
    return network.prefixlen < _LEAST_PREFIX[network.version] and not local


def _rules(resource: PlannedResource) -> Iterator[_Rule]:
    if resource.type in _APART:
        ingress = text(resource, "type") == "ingress" if resource.type == _EITHER else resource.type == _INGRESS
        yield _Rule(holder=resource, ingress=ingress)
        return
    for path in ("ingress", "egress"):
        for at, item in enumerate(resource.items(path)):
            if item is UNKNOWN:
                raise UnknownPropertyError(path=f"{path}[{at}]", urn=resource.urn)
            yield _Rule(holder=resource, ingress=path == "ingress", at=f"{path}[{at}].")


def _public(group: PlannedResource, settings: Settings) -> bool:
    return flag(group, "tags.PublicLoadBalancer") or listed(group, settings, "publicSecurityGroups")


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    for rule in _rules(resource):
        where = rule.at.removesuffix(".") or "the rule"
        if not rule.ingress:
            if rule.every_protocol and rule.world:
                yield Violation(message=f"{where} lets every protocol out to the world")
        elif rule.world and not rule.https_only:
            yield Violation(message=f"{where} lets the world in on more than TCP 443")
        elif rule.at and rule.world and not _public(resource, settings):
            yield Violation(message=f"{where} lets the world in, and the group is not declared public")


def _check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
    # A rule that stands apart from its group is judged with it: the group's id is known only after the update.
    for resource in filter(_lets_https_in, graph.of_types(_APART)):
        groups = graph.targets(resource, "securityGroupId", _GROUPS, ("id",))
        if not groups or not all(_public(group, settings) for group in groups):
            yield Violation(
                message="the rule lets the world in, and no group declared public is its group", urn=resource.urn
            )


def _lets_https_in(resource: PlannedResource) -> bool:
    try:
        return any(rule.ingress and rule.world and rule.https_only for rule in _rules(resource))
    except UnknownPropertyError:
        return False  # the resource's own check has said so


RULE = Rule(
    id="NW01",
    slug="no-open-security-groups",
    title="Security groups are not open to the world",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "The world reaches nothing but TCP 443 of load balancers that are declared public, and nothing may leave on "
        "every protocol. A range counts as the world that is wider than /8 (IPv6: /16)."
    ),
    remediation=(
        "Name the security group, prefix list or range that calls; tag a public load balancer's group "
        "PublicLoadBalancer=true or list it in publicSecurityGroups; let out only the protocol and port that are used."
    ),
    link="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    frameworks=(cis("5.2"), cis("5.3"), nist("SC-7"), nist("AC-4"), well_architected("SEC05-BP02")),
    types=(*_GROUPS, *_APART),
    anchors=(
        "CKV_AWS_24",
        "CKV_AWS_260",
        "CKV_AWS_277",
        "CKV_AWS_382",
        "AwsSolutions-EC23",
        "CKV_AWS_25",
    ),
    check=_check,
    check_stack=_check_stack,
    options=(
        Option(
            name="publicSecurityGroups",
            description="Patterns of the logical names of security groups whose TCP 443 the world may reach.",
        ),
    ),
)
