"""CP04: machines have IMDSv2, a short way to it, and encrypted disks."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, present, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, cis, nist, well_architected

_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
_MACHINES = ("aws:ec2/instance:Instance", "aws:ec2/spotInstanceRequest:SpotInstanceRequest")


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    # What a machine does not say itself, its launch template says, and is judged there.
    templated = resource.type in _MACHINES and present(resource, "launchTemplate")
    if not templated or present(resource, "metadataOptions"):
        yield from _metadata(resource, settings.number("hopLimit", resource.stack) or 1)
    root = resource.type != _TEMPLATE and not (templated and not present(resource, "rootBlockDevice"))
    for path in (*(["rootBlockDevice"] if root else []), *_disks(resource)):
        if not flag(resource, f"{path}.encrypted"):
            yield Violation(message=f"{path}.encrypted is not on")
    if resource.type == _TEMPLATE and not list(_disks(resource)):
        yield Violation(message="blockDeviceMappings declares no disk, so the image decides whether it is encrypted")


def _metadata(resource: PlannedResource, most: int) -> Iterator[Violation]:
    if text(resource, "metadataOptions.httpEndpoint") == "disabled":
        return
    if text(resource, "metadataOptions.httpTokens") != "required":
        yield Violation(message="metadataOptions.httpTokens is not 'required'")
    hops = text(resource, "metadataOptions.httpPutResponseHopLimit")
    if not hops or int(hops) > most:
        yield Violation(message=f"metadataOptions.httpPutResponseHopLimit is {'over' if hops else 'not set to'} {most}")


def _disks(resource: PlannedResource) -> Iterator[str]:
    if resource.type != _TEMPLATE:
        yield from (f"ebsBlockDevices[{at}]" for at in range(len(resource.items("ebsBlockDevices"))))
        return
    for at in range(len(resource.items("blockDeviceMappings"))):
        if present(resource, f"blockDeviceMappings[{at}].ebs"):
            yield f"blockDeviceMappings[{at}].ebs"


RULE = Rule(
    id="CP04",
    slug="machines",
    title="IMDSv2 with a short hop limit, and encrypted disks",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "IMDSv1 hands the machine's credentials to whoever can make it fetch a URL, a long hop limit to every "
        "container on it; and a disk that is not encrypted can be read from its snapshot."
    ),
    remediation=(
        "Set metadataOptions with httpTokens 'required' and httpPutResponseHopLimit 1, and encrypted on every disk, "
        "the image's root disk included."
    ),
    link="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
    frameworks=(cis("5.6"), cis("2.2.1"), nist("AC-3"), nist("SC-28"), well_architected("SEC08-BP02")),
    types=(_TEMPLATE, _CONFIGURATION, *_MACHINES),
    anchors=("CKV_AWS_79", "CKV_AWS_341", "CKV_AWS_8"),
    check=_check,
    options=(
        Option(
            name="hopLimit",
            description="The greatest hop limit; 2 where containers on the machine need its metadata.",
            default=1,
        ),
    ),
)
