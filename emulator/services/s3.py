"""Amazon S3."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.s3.models import FakeBucket
from moto.s3.utils import _VersionedKeyStore  # pyright: ignore[reportPrivateUsage]

from emulator.registry import corrects


@corrects(
    "s3",
    "PutObject",
    "takes every conditional Deny of a bucket policy (TLS only, our key only) as met",
    on=IAMPolicyStatement,
    attribute="is_action_permitted",
)
def is_action_permitted(  # noqa: D103, PLR0917
    original: Callable[..., Any],
    self: Any,
    action: str,
    resource: str = "*",
    principal: str | None = None,
    incoming_condition_values: Any = None,
) -> Any:
    # moto has no request context to evaluate a Condition with, so such a statement does not apply.
    statement = self._statement
    if statement.get("Resource") and statement.get("Condition") and not incoming_condition_values:
        return PermissionResult.NEUTRAL
    return original(self, action, resource, principal, incoming_condition_values)


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


@corrects(
    "s3",
    "PutBucketLogging",
    "breaks on a target whose policy names everyone, knows only single resources",
    on=FakeBucket,
    attribute="_log_permissions_enabled_policy",
)
def log_permissions_enabled_policy(  # noqa: D103
    original: Callable[..., Any], _self: Any, target_bucket: Any, target_prefix: str | None
) -> bool:
    if not target_bucket.policy:
        return False
    policy = json.loads(target_bucket.policy.decode())
    plain = [
        {**statement, "Resource": resource, "Principal": {"Service": service}}
        for statement in _listed(policy["Statement"])
        if isinstance(statement.get("Principal"), dict)
        for service in _listed(statement["Principal"].get("Service"))
        for resource in _listed(statement.get("Resource"))
    ]
    view = SimpleNamespace(
        policy=json.dumps({"Statement": plain}).encode(), partition=target_bucket.partition, name=target_bucket.name
    )
    return bool(original(target_bucket=view, target_prefix=target_prefix))


@corrects(
    "s3",
    "DeleteObjects",
    "breaks on a delete marker once versioning is suspended, as emptying a bucket before its end does",
    on=_VersionedKeyStore,
    attribute="pop",
)
def forget_versions(original: Callable[..., Any], self: Any, key: str) -> None:  # noqa: D103
    # Only what holds a body can be disposed of: a delete marker has none.
    self.setlist(key, [version for version in self.getlist(key, []) if hasattr(version, "dispose")])
    original(self, key)
