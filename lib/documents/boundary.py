"""The platform's permissions boundary: what its roles may do at most, and what they may never do."""

import re
from collections.abc import Sequence

from lib.bedrock import THROUGH_PROFILE
from lib.iam import allow, deny, document
from lib.naming import Target

MANAGED_POLICY_LIMIT = 6144
"""Characters of a managed policy, white space aside (IAM user guide, "IAM and AWS STS quotas")."""

SERVICES = (
    "apigateway",
    "backup",
    "batch",
    "bedrock",
    "cloudwatch",
    "dynamodb",
    "ecr",
    "ecs",
    "events",
    "kms",
    "logs",
    "rds",
    "s3",
    "sagemaker",
    "secretsmanager",
    "ssm",
    "states",
    "xray",
)
"""Services that roles of the platform call; a test holds them against the roles' policies, both ways."""

GLOBAL_SERVICES = ("cloudfront", "iam", "organizations", "route53", "sts", "support")
"""Services whose requests count as made in one region wherever they come from (IAM user guide, "AWS: Denies access to
AWS based on the requested Region")."""

_ROLE_CHANGES = (
    *("iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
    *("iam:PassRole", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy"),
    *("iam:UpdateRole", "iam:UpdateRoleDescription"),
)
_IDENTITIES = (
    *(
        "iam:*AccessKey*",
        "iam:*Group*",
        "iam:*LoginProfile*",
        "iam:*MFADevice*",
        "iam:*Provider*",
        "iam:*SSHPublicKey*",
    ),
    *("iam:*ServiceSpecificCredential*", "iam:*SigningCertificate*", "iam:*User*", "iam:*AccountAlias*"),
    *("iam:*AccountPasswordPolicy", "account:*", "organizations:*"),
)


def boundary_policy(
    target: Target,
    *,
    arn: str,
    role_path: str,
    regions: Sequence[str],
    extra_arns: Sequence[str] = (),
    inference_profiles: Sequence[str] = (),
) -> str:
    """The boundary of every role of the platform.

    It allows the platform's services on resources of this account in the listed regions, and to pass roles on the
    platform's path. It denies what would undo it: taking a boundary away or putting another, changing the boundary
    itself, touching roles outside the path, users and keys, the organization and the account, and leaving the regions.

    Args:
        target: The account.
        arn: ARN of the boundary itself.
        role_path: Path of the platform's roles.
        regions: Regions in which roles may act.
        extra_arns: ARNs of other accounts that are allowed as well.
        inference_profiles: Bedrock's inference profiles, which may lead to models in other regions.

    Raises:
        ValueError: The document is larger than IAM takes.
    """
    everywhere = sorted({target.region, *regions})
    roles = target.global_arn("iam", f"role{role_path}*")
    own = {"aws:ResourceAccount": target.account_id}
    services = [f"{service}:*" for service in SERVICES]
    statements = [
        # IfExists, because a few requests name no resource and so no account.
        allow("OwnAccount", services, ["*"], conditions={"StringEqualsIfExists": own}),
        *([allow("OtherAccounts", services, extra_arns)] if extra_arns else []),
        allow("OwnRoles", ["iam:GetRole", "iam:PassRole"], [roles]),
        deny("BoundariesStay", ["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"]),
        deny(
            "NoOtherBoundary",
            ["iam:CreateRole", "iam:PutRolePermissionsBoundary"],
            conditions={"StringNotEquals": {"iam:PermissionsBoundary": arn}},
        ),
        deny(
            "BoundaryStaysAsItIs",
            ["iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion"],
            [arn],
        ),
        {"Sid": "OtherRoles", "Effect": "Deny", "Action": sorted(_ROLE_CHANGES), "NotResource": [roles]},
        deny("IdentitiesAndAccount", _IDENTITIES),
        {
            "Sid": "OtherRegions",
            "Effect": "Deny",
            "NotAction": [f"{service}:*" for service in GLOBAL_SERVICES],
            "Resource": "*",
            "Condition": {
                "StringNotEquals": {
                    "aws:RequestedRegion": everywhere,
                    # Bedrock asks once more for the region it chose, `unspecified` for a global profile. No request
                    # but to a model has this key, and one without it is denied as before.
                    **({THROUGH_PROFILE: sorted(inference_profiles)} if inference_profiles else {}),
                }
            },
        },
    ]
    text = document(*statements)
    size = len(re.sub(r"\s", "", text))
    if size > MANAGED_POLICY_LIMIT:
        raise ValueError(
            "mlplatform:iam.boundaryExtraArns: with them, and the inference profiles of aiGateway.endpoints, the "
            f"permissions boundary has {size} characters, and IAM takes {MANAGED_POLICY_LIMIT}; use wildcards or fewer "
            "profiles, or give an existing boundary in iam.permissionsBoundary"
        )
    return text
