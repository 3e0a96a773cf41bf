"""LP09: AWS-managed policies only from an allowlist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from policies.framework.judge import unknown
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, cis, nist, well_architected
from policies.framework.values import UNKNOWN
from policies.iam.scope import quote

_PATHS = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "policyArn",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": "policyArn",
    "aws:iam/policyAttachment:PolicyAttachment": "policyArn",
    "aws:iam/role:Role": "managedPolicyArns",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "policyArns",
    "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment": "managedPolicyArn",
}
_OURS = "aws:iam/policy:Policy"
_MANAGED = re.compile(r"arn:aws[a-z-]*:iam::aws:policy/(?P<name>.+)")


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    allowed = settings.strings("managedPolicies")
    for arn in _listed(resource.raw(_PATHS[resource.type])):
        found = _MANAGED.fullmatch(arn) if isinstance(arn, str) else None
        if found and found["name"] not in allowed:
            yield Violation(message=f"{quote(arn)} is managed by AWS and not in the allowlist")


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _check_stack(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    # An ARN that is unknown must be that of a policy in this program, whose document is judged itself.
    for resource in graph.of_types(tuple(_PATHS)):
        path = _PATHS[resource.type]
        if path == "managedPolicyArns" and path not in resource.property_dependencies:
            continue  # not given: the provider computes it
        value = resource.raw(path)
        items = _listed(value)
        unknowns = sum(item is UNKNOWN for item in items)
        ours = [source for source in graph.sources(resource, path) if source.type == _OURS]
        if unknowns and (not ours or (isinstance(value, list) and len(ours) < unknowns)):
            yield unknown(resource, path)


RULE = Rule(
    id="LP09",
    slug="managed-policies-listed",
    title="AWS-managed policies only from a list",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="Policies managed by AWS are attached only from an allowlist: most grant on every resource.",
    remediation=(
        "Write a policy of your own with the actions that are called, or list the managed policy in managedPolicies."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html",
    frameworks=(
        cis("1.16"),
        nist("AC-6"),
        well_architected("SEC03-BP02"),
    ),
    types=tuple(_PATHS),
    anchors=("CKV_AWS_274", "AwsSolutions-IAM4"),
    check=_check,
    check_stack=_check_stack,
    options=(
        Option(
            name="managedPolicies",
            description="Names (with path) of AWS-managed policies that may be attached.",
            default=(
                # What a service needs for itself and nobody else can use.
                "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
                "service-role/AmazonRDSEnhancedMonitoringRole",
                "service-role/AWSBackupServiceRolePolicyForBackup",
                "service-role/AWSBackupServiceRolePolicyForRestores",
            ),
        ),
    ),
)
