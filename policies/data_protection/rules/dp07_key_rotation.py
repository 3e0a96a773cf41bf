"""DP07: keys rotate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.framework.reading import flag, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, cis, nist, well_architected


def _rotates(resource: PlannedResource) -> bool:
    """Only symmetric keys for encryption, with material from AWS, can rotate by themselves."""
    return text(resource, "customerMasterKeySpec") in ("", "SYMMETRIC_DEFAULT") and not text(
        resource, "customKeyStoreId"
    )


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if _rotates(resource) and not flag(resource, "enableKeyRotation"):
        yield Violation(message="enableKeyRotation is not on")


def _remediate(resource: PlannedResource, _settings: Settings) -> Mapping[str, Any] | None:
    return {"enableKeyRotation": True} if _rotates(resource) and not flag(resource, "enableKeyRotation") else None


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
