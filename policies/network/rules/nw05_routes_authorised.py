"""NW05: every route of an API is authorised."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.framework.reading import flag, present, text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.network.names import listed

_METHOD, _ROUTE = "aws:apigateway/method:Method", "aws:apigatewayv2/route:Route"
_API, _URL = "aws:apigatewayv2/api:Api", "aws:lambda/functionUrl:FunctionUrl"
_PATHS = {_METHOD: "authorization", _ROUTE: "authorizationType", _URL: "authorizationType"}


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    if resource.type == _API:
        if present(resource, "target") and not _declared(resource, settings):
            yield Violation(message="target makes a route that nobody authorises; write the route itself")
    elif not _judged_with_its_api(resource) and _anyone(resource) and not _declared(resource, settings):
        yield Violation(message=f"{_PATHS[resource.type]} lets everyone call it")


def _check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
    for route in graph.of_types((_ROUTE,)):
        if not _judged_with_its_api(route) or not _anyone(route) or _declared(route, settings):
            continue
        apis = graph.targets(route, "apiId", (_API,), ("id",))
        # What goes over a WebSocket was authorised when it was opened.
        if not apis or any(text(api, "protocolType") != "WEBSOCKET" for api in apis):
            yield Violation(message="authorizationType lets everyone call it", urn=route.urn)


def _judged_with_its_api(resource: PlannedResource) -> bool:
    """Whether only the API tells what a route is: `$connect` and those with a method, as HTTP APIs have, are clear."""
    return resource.type == _ROUTE and not re.match(r"[A-Z]+ /|\$connect$", str(resource.raw("routeKey")))


def _anyone(resource: PlannedResource) -> bool:
    if text(resource, _PATHS[resource.type]) not in ("", "NONE"):
        return False
    if text(resource, "httpMethod") == "OPTIONS" or text(resource, "routeKey").startswith("OPTIONS "):
        return False  # browsers ask beforehand without credentials
    return not (resource.type == _METHOD and flag(resource, "apiKeyRequired"))  # HTTP APIs have no keys


def _declared(resource: PlannedResource, settings: Settings) -> bool:
    return any(
        listed(resource, settings, option) or text(resource, "routeKey") in settings.strings(option, resource.stack)
        for option in ("routesAuthorisedBehind", "publicRoutes")
    )


RULE = Rule(
    id="NW05",
    slug="routes-authorised",
    title="Every route is authorised",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "A route without authorisation is open to everyone who finds it. Where what stands behind it authorises each "
        "request itself, or where everyone is meant to call, as with a login, that is declared."
    ),
    remediation=(
        "Set an authorizer, AWS_IAM or, on REST methods, an API key; list routes that a back end authorises in "
        "routesAuthorisedBehind, and those for everyone in publicRoutes."
    ),
    link="https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control.html",
    frameworks=(nist("AC-3"), nist("IA-2"), well_architected("SEC09-BP03")),
    types=(_METHOD, _ROUTE, _API, _URL),
    anchors=("CKV_AWS_59", "CKV_AWS_309", "CKV_AWS_258", "AwsSolutions-APIG4"),
    check=_check,
    check_stack=_check_stack,
    options=(
        Option(
            name="routesAuthorisedBehind",
            description="Patterns of logical names, or route keys, of routes that a back end authorises.",
        ),
        Option(
            name="publicRoutes",
            description="Patterns of logical names, or route keys, of routes that everyone is meant to call.",
        ),
    ),
)
