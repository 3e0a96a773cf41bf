"""LP07: data is not read without scope."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement
from policies.iam.scope import actions, concerns, limits_resources, names, names_something, quote, resources, speaks_of
from policies.iam.union import each_held

READS = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "secretsmanager:GetSecretValue",
    "kms:Decrypt",
    "dynamodb:Scan",
    "dynamodb:Query",
    "dynamodb:GetItem",
    "dynamodb:BatchGetItem",
    "dynamodb:PartiQLSelect",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "ssm:GetParameterHistory",
    "sqs:ReceiveMessage",
)


def _judge(statement: Statement, _resource: PlannedResource, _settings: Settings) -> Iterator[str]:
    if not statement.allow or limits_resources(statement):
        return
    reads = [action for action in READS if speaks_of(statement, action)]
    # What an action does that there is no data on, nobody knows; it may read.
    reads += [str(action) for action in actions(statement) if not action.known]
    for pattern in resources(statement):
        concerned = [action for action in reads if concerns(pattern, action.partition(":")[0])]
        if concerned and not names_something(pattern):
            yield f"{names(concerned)} on {quote(pattern)}, which names no particular resource"


RULE = Rule(
    id="LP07",
    slug="no-unscoped-reads",
    title="No unscoped reads of data",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "Actions that read data (objects, secrets, parameters, items, plain text) are granted on named resources only."
    ),
    remediation=(
        "Name the resource (a bucket, secret, key or table, or a prefix of names), or limit it by a condition "
        "that identifies it: kms:ResourceAliases, aws:ResourceTag/<key>."
    ),
    link="https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_permissions_least_privileges.html",
    frameworks=(
        nist("AC-3"),
        nist("AC-6"),
        well_architected("SEC03-BP02"),
    ),
    types=IDENTITY_TYPES,
    anchors=("CKV_AWS_288",),
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=each_held(_judge),
)
