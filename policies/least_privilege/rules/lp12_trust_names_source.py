"""LP12: trust of a service carries aws:SourceAccount or aws:SourceArn."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import TRUST_TYPES, Kind, each_statement
from policies.iam.scope import condition, quote, specific

# Services that assume a role without a source in the request: the condition would lock them out. AWS has no list of
# them (prowler-cloud/prowler issue 2810 quotes its support); these were found the hard way:
# - EC2, Lambda, API Gateway, AWS Backup, Glue: prowler issue 2810. Lambda's guide shows the condition for execution
#   roles, so that it may work there; demanding it may break functions.
# - CloudTrail (delivery to CloudWatch Logs) and Elastic Transcoder: prowler issue 4714.
# - ECS itself, Lambda@Edge, pods (their role carries the cluster as a session tag) and spot fleets: their guides show
#   a trust without condition.
# With a condition in their guides, and so not here: ECS tasks, Batch, Step Functions, EventBridge and its scheduler,
# SageMaker, CodeBuild, VPC flow logs, enhanced monitoring of RDS, Data Firehose.
WITHOUT_SOURCE = (
    "apigateway.amazonaws.com",
    "backup.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "ec2.amazonaws.com",
    "ecs.amazonaws.com",
    "edgelambda.amazonaws.com",
    "elastictranscoder.amazonaws.com",
    "glue.amazonaws.com",
    "lambda.amazonaws.com",
    "pods.eks.amazonaws.com",
    "spotfleet.amazonaws.com",
)


def _judge(statement: Statement, _resource: PlannedResource, settings: Settings) -> Iterator[str]:
    services = statement.principals.get("Service", ())
    if not statement.allow or not services or _has_source(statement):
        return
    cannot = {*WITHOUT_SOURCE, *settings.strings("servicesWithoutSource")}
    for service in services:
        if service not in cannot:
            yield f"{quote(service)} may assume the role on anyone's behalf: no aws:SourceAccount, no aws:SourceArn"


def _has_source(statement: Statement) -> bool:
    account = condition(statement, "aws:sourceaccount", "StringEquals", "StringLike")
    if account is not None and all(re.fullmatch(r"\d{12}", value) for value in account.values):
        return True
    arn = condition(statement, "aws:sourcearn", "ArnLike", "ArnEquals", "StringEquals", "StringLike")
    return arn is not None and all(_owned(value) for value in arn.values)


def _owned(arn: str) -> bool:
    parts = arn.split(":", 5)
    # An ARN names its owner by the account, or (S3) by a resource whose name is unique in the world.
    return len(parts) == 6 and (re.fullmatch(r"\d{12}", parts[4]) is not None or (not parts[4] and specific(parts[5])))


RULE = Rule(
    id="LP12",
    slug="trust-names-source",
    title="Trust of a service names its source",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "A role that a service assumes carries aws:SourceAccount or aws:SourceArn, where the service supports it."
    ),
    remediation=(
        "Add Condition StringEquals aws:SourceAccount with this account (or ArnLike aws:SourceArn) to the trust."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
    frameworks=(
        nist("AC-3"),
        well_architected("SEC03-BP09"),
    ),
    types=TRUST_TYPES,
    anchors=(),
    check=each_statement(Kind.TRUST, _judge),
    options=(Option(name="servicesWithoutSource", description="Further services that do not send a source."),),
)
