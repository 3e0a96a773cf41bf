"""DP04: database clients must use TLS."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.judge import unknown
from policies.framework.reading import present, text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import UnknownPropertyError

_GROUPS = {
    "aws:rds/cluster:Cluster": ("dbClusterParameterGroupName", "aws:rds/clusterParameterGroup:ClusterParameterGroup"),
    "aws:rds/instance:Instance": ("parameterGroupName", "aws:rds/parameterGroup:ParameterGroup"),
}
_PARAMETERS = {"mysql": "require_secure_transport", "mariadb": "require_secure_transport", "postgres": "rds.force_ssl"}
_ON = frozenset({"1", "on", "true"})


def _check(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    for resource in graph.of_types(tuple(_GROUPS)):
        try:
            for message in _judge(graph, resource):
                yield Violation(message=message, urn=resource.urn)
        except UnknownPropertyError as error:  # of this one; the others are judged all the same
            yield unknown(graph.by_urn[error.urn or resource.urn], error.path)


def _judge(graph: Graph, resource: PlannedResource) -> Iterator[str]:
    path, type_ = _GROUPS[resource.type]
    groups = graph.targets(resource, path, (type_,), ("name", "id"))
    if not groups and present(resource, "replicateSourceDb"):
        return  # a replica has its source's parameters
    engine = text(resource, "engine")
    # A copy need not say what it is a copy of; its engine then shows only once it is there.
    needed = {parameter for name, parameter in _PARAMETERS.items() if name in engine or not engine}
    wanted = " or ".join(sorted(needed))
    if not needed:
        yield "no parameter is known that makes its engine demand TLS"
    elif not groups:
        yield f"{path} names no parameter group of this stack that sets {wanted}"
    elif not all(any(_value(group, name).lower() in _ON for name in needed) for group in groups):
        yield f"its parameter group does not set {wanted} to on"


def _value(group: PlannedResource, name: str) -> str:
    for at in range(len(group.items("parameters"))):
        if group.value(f"parameters[{at}].name") == name:
            return str(group.value(f"parameters[{at}].value"))
    return ""


RULE = Rule(
    id="DP04",
    slug="database-tls",
    title="Database clients must use TLS",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="Unless the server demands TLS, a client that forgets it sends password and data in clear.",
    remediation="Give it a parameter group of the stack with require_secure_transport ON (MySQL) or rds.force_ssl 1.",
    link="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html",
    frameworks=(nist("SC-8"), well_architected("SEC09-BP02")),
    types=tuple(_GROUPS),
    check_stack=_check,
)
