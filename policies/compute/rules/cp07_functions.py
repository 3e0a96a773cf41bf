"""CP07: functions run on a supported runtime, are traced, keep what fails and leave capacity to others."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.globs import matches
from policies.framework.reading import given, present, text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected

_FUNCTION = "aws:lambda/function:Function"
_INVOKE = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
_PERMISSION = "aws:lambda/permission:Permission"
# Callers that wait for the answer and see the failure themselves (AWS Lambda developer guide, "Invoking Lambda with
# events from other AWS services"); Lambda keeps no event of theirs that could be lost.
_WAITING = (
    *("apigateway.amazonaws.com", "cognito-idp.amazonaws.com", "elasticloadbalancing.amazonaws.com"),
    *("lex.amazonaws.com", "lexv2.amazonaws.com", "alexa-appkit.amazon.com"),
)


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    runtime, supported = text(resource, "runtime"), settings.strings("runtimes", resource.stack)
    if text(resource, "packageType") != "Image" and not any(matches(pattern, runtime) for pattern in supported):
        yield Violation(message="runtime is not among those that AWS still supports")
    if text(resource, "tracingConfig.mode") != "Active":
        yield Violation(message="tracingConfig.mode is not Active")
    if int(text(resource, "reservedConcurrentExecutions") or -1) < 0:
        yield Violation(message="reservedConcurrentExecutions is not set")


def _check_stack(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    kept = {
        function.urn
        for invoke in graph.of_types((_INVOKE,))
        if present(invoke, "destinationConfig.onFailure")
        for function in graph.targets(invoke, "functionName", (_FUNCTION,), ("name", "arn"))
    }
    for function in graph.of_types((_FUNCTION,)):
        own = given(function, "deadLetterConfig") and present(function, "deadLetterConfig")
        if not own and function.urn not in kept and not _awaited(function, graph):
            yield Violation(message="neither deadLetterConfig nor an onFailure destination is set", urn=function.urn)


def _awaited(function: PlannedResource, graph: Graph) -> bool:
    """Whether all who may call the function wait for its answer."""
    permissions = [
        permission
        for permission in graph.of_types((_PERMISSION,))
        if any(
            target.urn == function.urn
            for target in graph.targets(permission, "function", (_FUNCTION,), ("name", "arn"))
        )
    ]
    return bool(permissions) and all(text(permission, "principal") in _WAITING for permission in permissions)


RULE = Rule(
    id="CP07",
    slug="functions",
    title="Lambda: supported runtime, tracing, dead letters, concurrency",
    level=Level.ADVISORY,
    severity=Severity.MEDIUM,
    description=(
        "An old runtime gets no patches, an untraced function cannot be followed, an event that failed three times is "
        "gone, and a function without a limit can take the account's whole concurrency."
    ),
    remediation=(
        "Choose a current runtime; set tracingConfig.mode to Active, deadLetterConfig or an onFailure destination "
        "(unless only services that wait for the answer may call it), and reservedConcurrentExecutions."
    ),
    link="https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html",
    frameworks=(
        nist("SI-2"),
        nist("AU-12"),
        nist("SC-5"),
        well_architected("SEC06-BP01"),
        well_architected("SEC04-BP01"),
    ),
    types=(_FUNCTION,),
    anchors=("CKV_AWS_363", "CKV_AWS_50", "CKV_AWS_116", "CKV_AWS_115", "AwsSolutions-L1"),
    check=_check,
    check_stack=_check_stack,
    options=(
        Option(
            name="runtimes",
            description="Patterns of the runtimes that are supported.",
            default=(
                *("python3.11", "python3.12", "python3.13", "python3.14"),
                *("nodejs22.x", "nodejs24.x", "java8.al2", "java11", "java17", "java21", "java25", "dotnet10"),
                *("ruby3.3", "ruby3.4", "provided.al2023"),
            ),
        ),
    ),
)
