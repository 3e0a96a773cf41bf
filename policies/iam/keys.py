"""Which condition keys exist."""

from __future__ import annotations

from policies.iam import catalogue

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html, read 2026-11
_GLOBAL = frozenset(
    f"aws:{key.lower()}"
    for key in [
        "AssumedRoot",
        "CalledVia",
        "CalledViaFirst",
        "CalledViaLast",
        "ChatbotSourceArn",
        "CurrentTime",
        "Ec2InstanceSourceVpc",
        "Ec2InstanceSourcePrivateIPv4",
        "EpochTime",
        "FederatedProvider",
        "IsMcpServiceAction",
        "MultiFactorAuthAge",
        "MultiFactorAuthPresent",
        "PrincipalAccount",
        "PrincipalArn",
        "PrincipalIsAWSService",
        "PrincipalOrgID",
        "PrincipalOrgPaths",
        "PrincipalServiceName",
        "PrincipalServiceNamesList",
        "PrincipalType",
        "Referer",
        "RequestedRegion",
        "ResourceAccount",
        "ResourceOrgID",
        "ResourceOrgPaths",
        "SecureTransport",
        "SourceAccount",
        "SourceArn",
        "SourceIdentity",
        "SourceIp",
        "SourceOrgID",
        "SourceOrgPaths",
        "SourceOwner",
        "SourceVpc",
        "SourceVpcArn",
        "SourceVpce",
        "TagKeys",
        "TokenIssueTime",
        "UserAgent",
        "userid",
        "username",
        "ViaAWSMCPService",
        "ViaAWSService",
        "VpcSourceIp",
        "VpceAccount",
        "VpceOrgID",
        "VpceOrgPaths",
        "SignInSessionArn",
    ]
)
_GLOBAL_PREFIXES = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/")


def exists(key: str) -> bool:
    """Whether a condition key (lower case) exists; true where the data cannot tell."""
    prefix, _, name = key.partition(":")
    if not name:
        return False
    if prefix == "aws":
        return key in _GLOBAL or any(key.startswith(p) and len(key) > len(p) for p in _GLOBAL_PREFIXES)
    if "." in prefix:
        return True  # an identity provider's own keys
    known = catalogue.service(prefix)
    if known is None:
        return catalogue.exists_elsewhere(prefix) or prefix == "saml"
    return any(_fits(key, template) for template in known.condition_keys)


def _fits(key: str, template: str) -> bool:
    for mark in ("${", "<", "tag-key"):
        if mark in template:
            fixed = template.split(mark, 1)[0]
            return key.startswith(fixed) and len(key) > len(fixed)
    return key == template
