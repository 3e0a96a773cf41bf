"""CP05: SageMaker domains stay in the VPC, under our key."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import present, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if text(resource, "appNetworkAccessType") != "VpcOnly":
        yield Violation(message="appNetworkAccessType is not VpcOnly")
    if not present(resource, "kmsKeyId"):
        yield Violation(message="kmsKeyId is not set, so AWS's own key is used")


RULE = Rule(
    id="CP05",
    slug="studio-domains",
    title="SageMaker domains are VPC-only and under our key",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "Unless told otherwise, notebooks reach the internet past the VPC's rules and logs, and home directories are "
        "under a key that cannot be revoked. Neither can be changed later without a new domain."
    ),
    remediation="Set appNetworkAccessType to VpcOnly and kmsKeyId to our key.",
    link="https://docs.aws.amazon.com/sagemaker/latest/dg/studio-notebooks-and-internet-access.html",
    frameworks=(nist("SC-7"), nist("SC-28"), well_architected("SEC05-BP02"), well_architected("SEC08-BP02")),
    types=("aws:sagemaker/domain:Domain",),
    anchors=("CKV_AWS_187",),
    check=_check,
)
