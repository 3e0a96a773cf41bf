"""LP04: iam:PassRole is limited to services of an allowlist."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement
from policies.iam.scope import condition, quote, speaks_of
from policies.iam.union import each_held


def _judge(statement: Statement, _resource: PlannedResource, settings: Settings) -> Iterator[str]:
    if not statement.allow or not speaks_of(statement, "iam:PassRole"):
        return
    limit = condition(statement, "iam:passedtoservice", "StringEquals")
    if limit is None:
        yield "iam:PassRole without StringEquals iam:PassedToService"
        return
    allowed = settings.strings("passedToServices")
    for service in limit.values:
        if service not in allowed:
            yield f"iam:PassedToService has {quote(service)}, which is not in the allowlist"


RULE = Rule(
    id="LP04",
    slug="pass-role-service",
    title="iam:PassRole names the service",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="iam:PassRole carries StringEquals iam:PassedToService with services from an allowlist.",
    remediation=(
        "Add Condition StringEquals iam:PassedToService with the service that uses the role, such as ecs- "
        "tasks.amazonaws.com."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#ck_PassedToService",
    frameworks=(
        nist("AC-6(1)"),
        well_architected("SEC03-BP02"),
    ),
    types=IDENTITY_TYPES,
    anchors=(),
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=each_held(_judge),
    options=(
        Option(
            name="passedToServices",
            description="Services that roles may be passed to.",
            default=(
                "batch.amazonaws.com",
                "ecs-tasks.amazonaws.com",
                "events.amazonaws.com",
                "lambda.amazonaws.com",
                "sagemaker.amazonaws.com",
                "scheduler.amazonaws.com",
                "states.amazonaws.com",
            ),
        ),
    ),
)
