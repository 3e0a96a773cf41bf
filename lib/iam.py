"""IAM policy documents as plain data: statements, conditions, trust."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lib.naming import Target

Statement = dict[str, Any]
Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    conditions: Conditions | None = None,
) -> Statement:
    """A statement of an identity's policy that allows `actions` on `resources`."""
    return _statement(sid, "Allow", actions, {"Resource": sorted(resources)}, conditions)


def deny(
    sid: str, actions: Sequence[str], resources: Sequence[str] = ("*",), *, conditions: Conditions | None = None
) -> Statement:
    """A statement of an identity's policy or a boundary that denies `actions` on `resources`."""
    return _statement(sid, "Deny", actions, {"Resource": sorted(resources)}, conditions)


def grant(
    sid: str,
    principal: str | Mapping[str, str | Sequence[str]],
    actions: Sequence[str],
    resources: Sequence[str] = ("*",),
    *,
    effect: str = "Allow",
    conditions: Conditions | None = None,
) -> Statement:
    """A statement of a resource's policy; `*` as resource means the resource that carries the policy."""
    return _statement(sid, effect, actions, {"Principal": principal, "Resource": sorted(resources)}, conditions)


def _statement(
    sid: str, effect: str, actions: Sequence[str], who: Mapping[str, Any], conditions: Conditions | None
) -> Statement:
    condition = {"Condition": {k: dict(v) for k, v in conditions.items()}} if conditions else {}
    return {"Sid": sid, "Effect": effect, "Action": sorted(actions), **who, **condition}


def document(*statements: Statement) -> str:
    """The statements as a policy document, in JSON that is the same on every run."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))


def service_trust(target: Target, *services: str, source_account: bool = True) -> str:
    """A role's trust in AWS services, such as `ecs-tasks`, on behalf of this account only.

    Args:
        target: The account.
        services: Service names without domain.
        source_account: Off only for services that send no `aws:SourceAccount`.
    """
    conditions = {"StringEquals": {"aws:SourceAccount": target.account_id}}
    statement = {
        "Sid": "Service",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        # Service principals are `<service>.amazonaws.com` in all partitions but for a few services in China.
        "Principal": {"Service": [f"{service}.amazonaws.com" for service in services]},
        **({"Condition": conditions} if source_account else {}),
    }
    return document(statement)


def principal_trust(principals: Sequence[str], *, external_id: str | None, mfa: bool) -> str:
    """A role's trust in users, roles or accounts.

    Args:
        principals: Their ARNs.
        external_id: What they must give along, if anything.
        mfa: Whether they must have logged in with a second factor.
    """
    conditions: dict[str, Mapping[str, str]] = {
        **({"StringEquals": {"sts:ExternalId": external_id}} if external_id else {}),
        **({"Bool": {"aws:MultiFactorAuthPresent": "true"}} if mfa else {}),
    }
    statement = {
        "Sid": "Principals",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": sorted(principals)},
        **({"Condition": conditions} if conditions else {}),
    }
    return document(statement)


def via_key(
    target: Target, alias: str | None, key_arn: str | None, services: Sequence[str], sid: str, *, write: bool
) -> Statement:
    """Use of the platform's key through `services` only.

    A created key's id is not known before it exists, so the statement names it by its alias
    (condition key `kms:ResourceAliases`, AWS KMS developer guide); an existing key is named by its ARN.
    """
    by_service = {"StringEquals": {"kms:ViaService": [target.service_host(service) for service in sorted(services)]}}
    by_alias: Conditions = _by_alias(alias) if key_arn is None else {}
    return allow(
        sid,
        ["kms:Decrypt", *(["kms:GenerateDataKey"] if write else [])],
        [key_arn or target.arn("kms", "key/*")],
        conditions={**by_service, **by_alias},
    )


def lend_key(target: Target, alias: str | None, key_arn: str | None, sid: str) -> list[Statement]:
    """Lets AWS services go on using the platform's key on a role's behalf after its call, as for snapshots that they
    make (AWS KMS developer guide, "kms:GrantIsForAWSResource"). The key is named as in `via_key`."""
    by_alias: Conditions = _by_alias(alias) if key_arn is None else {}
    keys = [key_arn or target.arn("kms", "key/*")]
    return [
        allow(f"{sid}Describe", ["kms:DescribeKey"], keys, conditions=by_alias),
        allow(
            f"{sid}Grant",
            ["kms:CreateGrant"],
            keys,
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}, **by_alias},
        ),
    ]


def _by_alias(alias: str | None) -> Conditions:
    return {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"}}
