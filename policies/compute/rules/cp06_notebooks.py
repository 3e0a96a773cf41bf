"""CP06: notebook instances have neither direct internet nor root, and stand in the VPC."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import present, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    for path in ("directInternetAccess", "rootAccess"):
        if text(resource, path) != "Disabled":
            yield Violation(message=f"{path} is not Disabled")
    if not present(resource, "subnetId"):
        yield Violation(message="subnetId is not set, so it stands outside the VPC")


RULE = Rule(
    id="CP06",
    slug="notebooks",
    title="Notebook instances without direct internet or root, in the VPC",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="A notebook with a way of its own to the internet passes by the VPC's rules; with root, by its own.",
    remediation="Set directInternetAccess and rootAccess to Disabled, and subnetId to a private subnet.",
    link="https://docs.aws.amazon.com/sagemaker/latest/dg/appendix-notebook-and-internet-access.html",
    frameworks=(nist("SC-7"), nist("AC-6"), well_architected("SEC05-BP02")),
    types=("aws:sagemaker/notebookInstance:NotebookInstance",),
    anchors=(
        "CKV_AWS_122",
        "CKV_AWS_307",
        "AwsSolutions-SM1",
        "AwsSolutions-SM3",
        "CKV_AWS_306",
    ),
    check=_check,
)
