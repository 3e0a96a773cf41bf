"""LP10: no users, no long-lived credentials."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, cis, nist, well_architected

_WHAT = {
    "aws:iam/user:User": "a user",
    "aws:iam/accessKey:AccessKey": "an access key",
    "aws:iam/userLoginProfile:UserLoginProfile": "a password",
    "aws:iam/serviceSpecificCredential:ServiceSpecificCredential": "a credential of a user",
    "aws:iam/signingCertificate:SigningCertificate": "a signing certificate of a user",
    "aws:iam/sshKey:SshKey": "an SSH key of a user",
}


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    yield Violation(message=f"{_WHAT[resource.type]}, whose credentials stay valid until somebody removes them")


RULE = Rule(
    id="LP10",
    slug="no-users",
    title="No users, no access keys",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="People and machines get temporary credentials of roles; there are no IAM users and no keys of theirs.",
    remediation=(
        "For people use IAM Identity Center, for machines outside of AWS a role that trusts their identity provider "
        "(aws.iam.OpenIdConnectProvider) or IAM Roles Anywhere, inside of AWS the role of the task or function."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#bp-users-federation-idp",
    frameworks=(
        cis("1.21"),
        nist("AC-2"),
        nist("IA-5"),
        well_architected("SEC02-BP02"),
        well_architected("SEC02-BP04"),
    ),
    types=tuple(_WHAT),
    anchors=("CKV_AWS_273",),
    check=_check,
)
