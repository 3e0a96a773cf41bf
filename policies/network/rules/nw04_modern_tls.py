"""NW04: connections use TLS 1.2 or later; plain HTTP only redirects, or is internal and declared."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.globs import matches
from policies.framework.reading import flag, text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.network.names import listed

_LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")
_RULES = ("aws:lb/listenerRule:ListenerRule", "aws:alb/listenerRule:ListenerRule")
_BALANCERS = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_DOMAINS = ("aws:opensearch/domain:Domain", "aws:elasticsearch/domain:Domain")

_BALANCER_POLICIES = tuple(f"ELBSecurityPolicy-{kind}-*" for kind in ("TLS13-1-2", "TLS13-1-3", "TLS-1-2", "FS-1-2"))
_API_POLICIES = ("TLS_1_2", "SecurityPolicy_TLS12_*", "SecurityPolicy_TLS13_*")
_POLICIES = {
    **dict.fromkeys(_LISTENERS, ("sslPolicy", _BALANCER_POLICIES)),
    "aws:apigatewayv2/domainName:DomainName": ("domainNameConfiguration.securityPolicy", _API_POLICIES),
    "aws:apigateway/domainName:DomainName": ("securityPolicy", _API_POLICIES),
    _DISTRIBUTION: ("viewerCertificate.minimumProtocolVersion", ("TLSv1.2_*", "TLSv1.3_*")),
    **dict.fromkeys(_DOMAINS, ("domainEndpointOptions.tlsSecurityPolicy", ("Policy-Min-TLS-1-2-*",))),
}
"""Where each type names its policy, and the names that leave out TLS 1.0 and 1.1."""


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    if resource.type in _LISTENERS:
        protocol = text(resource, "protocol")
        if _plain(resource):
            if not _redirects(resource, "defaultActions") and not listed(resource, settings, "plainHttpInternal"):
                yield Violation(message="the listener serves plain HTTP and does not only redirect to HTTPS")
            return
        if protocol not in ("HTTPS", "TLS"):
            return
    if resource.type == _DISTRIBUTION:
        yield from _behaviours(resource)
        if flag(resource, "viewerCertificate.cloudfrontDefaultCertificate"):
            if resource.items("aliases") or not listed(resource, settings, "defaultCertificate"):
                yield Violation(message="CloudFront's own certificate comes with TLS 1.0")
            return
    if resource.type in _DOMAINS and text(resource, "domainEndpointOptions.enforceHttps").lower() == "false":
        yield Violation(message="domainEndpointOptions.enforceHttps is off")
    path, modern = _POLICIES[resource.type]
    policy = text(resource, path)
    if not any(matches(pattern, policy) for pattern in modern):
        yield Violation(message=f"{path} {'allows' if policy else 'is not set, which allows'} TLS older than 1.2")


def _behaviours(resource: PlannedResource) -> Iterator[Violation]:
    ordered = range(len(resource.items("orderedCacheBehaviors")))
    for behaviour in ("defaultCacheBehavior", *(f"orderedCacheBehaviors[{at}]" for at in ordered)):
        if text(resource, f"{behaviour}.viewerProtocolPolicy") not in ("redirect-to-https", "https-only"):
            yield Violation(message=f"{behaviour}.viewerProtocolPolicy serves plain HTTP")


def _check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
    for listener in graph.of_types(_LISTENERS):
        declared = _plain(listener) and listed(listener, settings, "plainHttpInternal")
        if declared and not _internal(graph, listener):
            yield Violation(
                message="plain HTTP is declared for it, but it stands on no internal load balancer of this program",
                urn=listener.urn,
            )
    for rule in graph.of_types(_RULES):
        for listener in graph.targets(rule, "listenerArn", _LISTENERS, ("arn", "id")):
            plain = _plain(listener) and not listed(listener, settings, "plainHttpInternal")
            if plain and not _redirects(rule, "actions"):
                yield Violation(message="the rule serves plain HTTP and does not redirect to HTTPS", urn=rule.urn)


def _internal(graph: Graph, listener: PlannedResource) -> bool:
    balancers = graph.targets(listener, "loadBalancerArn", _BALANCERS, ("arn", "id"))
    return bool(balancers) and all(flag(balancer, "internal") for balancer in balancers)


def _plain(listener: PlannedResource) -> bool:
    """Whether a listener speaks plain HTTP, as one with a port does unless told otherwise."""
    protocol = listener.raw("protocol")
    return protocol == "HTTP" or (protocol in (None, "") and listener.raw("port") is not None)


def _redirects(resource: PlannedResource, path: str) -> bool:
    actions = range(len(resource.items(path)))
    return bool(actions) and all(
        text(resource, f"{path}[{at}].type") == "redirect"
        and text(resource, f"{path}[{at}].redirect.protocol") == "HTTPS"
        for at in actions
    )


RULE = Rule(
    id="NW04",
    slug="modern-tls",
    title="TLS 1.2 or later; plain HTTP only redirects, or is internal and declared",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "TLS 1.0 and 1.1 have known weaknesses, and plain HTTP shows passwords to whoever listens. Most services offer "
        "the old versions unless a policy is named."
    ),
    remediation=(
        "Name a policy such as ELBSecurityPolicy-TLS13-1-2-2021-06, TLS_1_2, TLSv1.2_2021 or "
        "Policy-Min-TLS-1-2-2019-07; redirect HTTP to HTTPS; list a listener of an internal load balancer in "
        "plainHttpInternal if its clients cannot use TLS."
    ),
    link="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html",
    frameworks=(nist("SC-8"), nist("SC-8(1)"), well_architected("SEC09-BP02")),
    types=tuple(_POLICIES),
    anchors=("CKV_AWS_2", "CKV_AWS_103", "CKV_AWS_34", "CKV_AWS_174", "CKV_AWS_206", "CKV_AWS_83", "CKV_AWS_228"),
    check=_check,
    check_stack=_check_stack,
    options=(
        Option(
            name="plainHttpInternal",
            description="Patterns of the logical names of listeners that may serve plain HTTP inside the VPC.",
        ),
        Option(
            name="defaultCertificate",
            description="Patterns of the logical names of distributions that need no certificate while they have no "
            "name of their own.",
        ),
    ),
)
