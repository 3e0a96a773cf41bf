"""NW06: access is logged, and what is public has a web ACL."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, given, present, text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_REST_STAGE, _HTTP_STAGE = "aws:apigateway/stage:Stage", "aws:apigatewayv2/stage:Stage"
_REST_API = "aws:apigateway/restApi:RestApi"
_BALANCERS = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_DELIVERY = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
_ASSOCIATIONS = (
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafregional/webAclAssociation:WebAclAssociation",
)


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if resource.type in (_REST_STAGE, _HTTP_STAGE) and not present(resource, "accessLogSettings.destinationArn"):
        yield Violation(message="accessLogSettings is not set")
    balancer = resource.type in _BALANCERS and text(resource, "loadBalancerType") != "gateway"
    if balancer and not flag(resource, "accessLogs.enabled"):
        yield Violation(message="accessLogs is not enabled")


def _check_stack(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    guarded = _meant(graph, _ASSOCIATIONS, (_REST_STAGE, *_BALANCERS))
    logged = _meant(graph, (_DELIVERY,), (_DISTRIBUTION,))
    for distribution in graph.of_types((_DISTRIBUTION,)):
        if not _set(distribution, "loggingConfig") and distribution.urn not in logged:
            yield Violation(message="neither loggingConfig nor a log delivery is set", urn=distribution.urn)
        if not _set(distribution, "webAclId"):
            yield Violation(message="webAclId is not set", urn=distribution.urn)
    for resource in graph.of_types((_REST_STAGE, *_BALANCERS)):
        if _public(graph, resource) and resource.urn not in guarded:
            yield Violation(message="it is public, and no web ACL is associated with it", urn=resource.urn)


def _set(resource: PlannedResource, path: str) -> bool:
    return given(resource, path) and present(resource, path)


def _meant(graph: Graph, types: tuple[str, ...], targets: tuple[str, ...]) -> set[str]:
    return {
        target.urn
        for resource in graph.of_types(types)
        for target in graph.targets(resource, "resourceArn", targets, ("arn",))
    }


def _public(graph: Graph, resource: PlannedResource) -> bool:
    if resource.type in _BALANCERS:
        return text(resource, "loadBalancerType") in ("", "application") and not flag(resource, "internal")
    apis = graph.targets(resource, "restApi", (_REST_API,), ("id",))
    return not any("PRIVATE" in api.items("endpointConfiguration.types") for api in apis)


RULE = Rule(
    id="NW06",
    slug="logged-and-filtered",
    title="Access logs on stages, balancers and distributions; a web ACL on public ones",
    level=Level.ADVISORY,
    severity=Severity.MEDIUM,
    description=(
        "Without access logs nobody can tell who called, and without a web ACL nobody stops what floods or probes. "
        "Stages of HTTP APIs cannot have a web ACL, so none is asked of them."
    ),
    remediation=(
        "Set accessLogSettings on stages, accessLogs on load balancers and loggingConfig on distributions; associate a "
        "web ACL with public REST stages and load balancers, and set webAclId on distributions."
    ),
    link="https://docs.aws.amazon.com/waf/latest/developerguide/how-aws-waf-works-resources.html",
    frameworks=(nist("AU-12"), nist("SC-5"), well_architected("SEC04-BP01"), well_architected("SEC05-BP03")),
    types=(_REST_STAGE, _HTTP_STAGE, *_BALANCERS, _DISTRIBUTION),
    anchors=(
        "CKV_AWS_76",
        "CKV_AWS_91",
        "CKV_AWS_86",
        "CKV_AWS_68",
        "CKV2_AWS_28",
        "CKV2_AWS_29",
        "AwsSolutions-APIG1",
    ),
    check=_check,
    check_stack=_check_stack,
)
