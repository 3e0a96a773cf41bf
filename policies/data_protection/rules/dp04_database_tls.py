"""DP04: database clients must use TLS."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_GROUPS = {
    "aws:rds/cluster:Cluster": ("dbClusterParameterGroupName", "aws:rds/clusterParameterGroup:ClusterParameterGroup"),
    "aws:rds/instance:Instance": ("parameterGroupName", "aws:rds/parameterGroup:ParameterGroup"),
}
_PARAMETERS = {"mysql": "require_secure_transport", "mariadb": "require_secure_transport", "postgres": "rds.force_ssl"}
_ON = frozenset({"1", "on", "true"})


def _check(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    for resource in graph.of_types(tuple(_GROUPS)):
        engine = str(resource.value("engine") or "")
        needed = next((name for key, name in _PARAMETERS.items() if key in engine), "")
        if not engine and any(resource.raw(path) for path in ("replicateSourceDb", "snapshotIdentifier")):
            continue
        if not needed:
            yield Violation(message="no parameter is known that makes its engine demand TLS", urn=resource.urn)
            continue
        path, type_ = _GROUPS[resource.type]
        groups = graph.targets(resource, path, (type_,), ("name", "id"))
        if not groups:
            yield Violation(
                message=f"{path} names no parameter group of this stack that sets {needed}", urn=resource.urn
            )
        for group in groups:
            if _value(group, needed).lower() not in _ON:
                yield Violation(message=f"its parameter group does not set {needed} to on", urn=resource.urn)


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
