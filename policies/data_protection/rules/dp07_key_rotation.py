"""DP07: keys rotate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.framework.reading import flag, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, cis, nist, well_architected
from policies.framework.values import UNKNOWN

_READ = ("customerMasterKeySpec", "customKeyStoreId", "enableKeyRotation")


def _stands_still(resource: PlannedResource) -> bool:
    """Only symmetric keys for encryption, with material from AWS, can rotate by themselves."""
    can = text(resource, "customerMasterKeySpec") in ("", "SYMMETRIC_DEFAULT") and not text(
        resource, "customKeyStoreId"
    )
    return can and not flag(resource, "enableKeyRotation")


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if _stands_still(resource):
        yield Violation(message="enableKeyRotation is not on")


def _remediate(resource: PlannedResource, _settings: Settings) -> Mapping[str, Any] | None:
    if any(resource.raw(path) is UNKNOWN for path in _READ):
        return None  # which the check reports
    return {"enableKeyRotation": True} if _stands_still(resource) else None


RULE = Rule(
    id="DP07",
    slug="key-rotation",
    title="Keys rotate",
    level=Level.REMEDIATE,
    severity=Severity.MEDIUM,
    description="Rotation bounds what one key's material protects; it costs little and needs no re-encryption.",
    remediation="Set enableKeyRotation; the engine does so by itself.",
    link="https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",
    frameworks=(cis("3.6"), nist("SC-12"), well_architected("SEC08-BP01")),
    types=("aws:kms/key:Key",),
    anchors=("CKV_AWS_7",),
    check=_check,
    remediate=_remediate,
)
