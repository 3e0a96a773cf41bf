"""DP09: image repositories are immutable, scanned and encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, present, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if text(resource, "imageTagMutability") != "IMMUTABLE":
        yield Violation(message="imageTagMutability is not IMMUTABLE, so a tag may mean another image tomorrow")
    if not flag(resource, "imageScanningConfiguration.scanOnPush"):
        yield Violation(message="imageScanningConfiguration.scanOnPush is not on")
    if text(resource, "encryptionConfigurations[0].encryptionType") not in ("KMS", "KMS_DSSE"):
        yield Violation(message="encryptionConfigurations does not name KMS")
    elif not present(resource, "encryptionConfigurations[0].kmsKey"):
        yield Violation(message="encryptionConfigurations[0].kmsKey is not set, so AWS's own key is used")


RULE = Rule(
    id="DP09",
    slug="image-repositories",
    title="Image repositories are immutable, scanned and encrypted under our key",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="What was tested must be what runs, its known faults must show, and its layers hold our code.",
    remediation=(
        "Set imageTagMutability to IMMUTABLE, imageScanningConfiguration.scanOnPush, and encryptionConfigurations with "
        "encryptionType KMS and kmsKey."
    ),
    link="https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",
    frameworks=(nist("RA-5"), nist("SI-7"), nist("SC-28"), well_architected("SEC06-BP01")),
    types=("aws:ecr/repository:Repository",),
    anchors=("CKV_AWS_51", "CKV_AWS_163", "CKV_AWS_136"),
    check=_check,
)
