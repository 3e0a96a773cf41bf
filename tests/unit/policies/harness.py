"""Builds planned resources and documents, and asks a single rule about them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from policies.framework.runner import Finding, PlannedResource, evaluate

ACCOUNT = "123456789012"

ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
BUCKET = "aws:s3/bucket:Bucket"
KEY = "aws:kms/key:Key"


def planned(
    type_: str, called: str = "it", /, *, deps: Mapping[str, Sequence[str]] | None = None, **props: Any
) -> PlannedResource:
    """A resource of project `mlplatform`; every property given has its dependencies, as on the engine."""
    return PlannedResource(
        urn=urn(type_, called),
        type=type_,
        name=called,
        props=props,
        property_dependencies={**dict.fromkeys(props, ()), **(deps or {})},
    )


def urn(type_: str, name: str = "it") -> str:
    return f"urn:pulumi:test::mlplatform::{type_}::{name}"


def document(*statements: Mapping[str, Any], **also: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **also})


def allow(action: Any, resource: Any = "arn:aws:s3:::bucket/*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def identity(*statements: Mapping[str, Any]) -> PlannedResource:
    return planned(ROLE_POLICY, policy=document(*statements))


def inline(*statements: Mapping[str, Any]) -> PlannedResource:
    return planned(ROLE, inlinePolicies=[{"name": "a", "policy": document(*statements)}])


def trust(principal: Any, condition: Mapping[str, Any] | None = None, **more: Any) -> PlannedResource:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    if condition is not None:
        statement["Condition"] = condition
    return planned(ROLE, assumeRolePolicy=document(statement))


def judged(rule: str, *resources: PlannedResource, config: Mapping[str, Any] | None = None) -> list[Finding]:
    """What one rule finds."""
    return [finding for finding in evaluate(resources, config=config) if finding.rule == rule]


def messages(rule: str, *resources: PlannedResource, config: Mapping[str, Any] | None = None) -> str:
    return "\n".join(finding.message for finding in judged(rule, *resources, config=config))
