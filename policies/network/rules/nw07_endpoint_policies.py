"""NW07: policies of VPC endpoints are not open."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.globs import is_glob
from policies.framework.judge import unknown_message
from policies.framework.reading import given, present, text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import UNKNOWN
from policies.iam.document import DocumentError, Statement, parse
from policies.iam.scope import everything, limits_callers, limits_resources

_ENDPOINT, _POLICY = "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"


def _check(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    # With the stack throughout: once an endpoint is made, its outputs hold the open policy that AWS gave it.
    policies = graph.of_types((_POLICY,))
    written = {
        endpoint.urn
        for policy in policies
        for endpoint in graph.targets(policy, "vpcEndpointId", (_ENDPOINT,), ("id",))
    }
    bare = [endpoint for endpoint in graph.of_types((_ENDPOINT,)) if endpoint.urn not in written]
    for resource in (*policies, *filter(_takes_policy, bare)):
        for message in _judge(resource):
            yield Violation(message=message, urn=resource.urn)


def _judge(resource: PlannedResource) -> Iterator[str]:
    if not (given(resource, "policy") and present(resource, "policy")):
        yield "policy is not set, which allows everyone everything"
        return
    if resource.raw("policy") is UNKNOWN:
        yield unknown_message(resource, "policy")
        return
    try:
        statements = parse(resource.raw("policy"), principals=True)
    except DocumentError as error:
        yield f"policy {error}"
        return
    for statement in statements:
        if _open(statement):
            yield f"policy, statement {statement.index + 1}: allows everyone everything"


def _open(statement: Statement) -> bool:
    everyone = bool(statement.not_principals) or any(
        is_glob(principal) for principals in statement.principals.values() for principal in principals
    )
    # An endpoint leads to one service, so that `service:*` is as wide as `*`.
    actions = not statement.actions or any(action == "*" or action.endswith(":*") for action in statement.actions)
    resources = not statement.resources or any(everything(pattern) for pattern in statement.resources)
    limited = limits_callers(statement) or limits_resources(statement)
    return statement.allow and everyone and actions and resources and not limited


def _takes_policy(endpoint: PlannedResource) -> bool:
    """Whether AWS judges by a policy there: not in front of appliances, nor of services that others offer."""
    kind = text(endpoint, "vpcEndpointType")
    return kind in ("", "Gateway", "Interface") and ".vpce." not in text(endpoint, "serviceName")


RULE = Rule(
    id="NW07",
    slug="endpoint-policies",
    title="Endpoint policies are not open",
    level=Level.ADVISORY,
    severity=Severity.MEDIUM,
    description=(
        "Through an open endpoint whoever is in the VPC can carry data to any account, with that account's credentials."
    ),
    remediation=(
        "Set a policy that allows this account's principals (aws:PrincipalAccount or aws:PrincipalOrgID), or names the "
        "resources."
    ),
    link="https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",
    frameworks=(nist("AC-4"), nist("SC-7"), well_architected("SEC03-BP05")),
    types=(_ENDPOINT, _POLICY),
    check_stack=_check,
)
