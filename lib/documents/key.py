"""Policy of the platform's customer key."""

from lib.iam import Statement, document, grant
from lib.naming import Target

SERVICES = (
    "backup",
    "dynamodb",
    "ecr",
    "elasticfilesystem",
    "lambda",
    "rds",
    "s3",
    "sagemaker",
    "secretsmanager",
    "ssm",
)
"""Services that keep the platform's data under the key, on behalf of whoever calls them in this account."""


def key_policy(target: Target, *, distributions: bool = False) -> str:
    """Administration by the account's own IAM policies, use only through the services that keep our data.

    The account's principals can administer the key but not use it directly: cryptographic use must come through one of
    `SERVICES` (AWS KMS developer guide, "kms:ViaService"). CloudWatch Logs uses it for log groups of this account.

    Args:
        target: The account.
        distributions: Whether CloudFront decrypts what its distributions of this account read from S3 (Amazon
            CloudFront developer guide, "Restrict access to an Amazon S3 origin").
    """
    root = {"AWS": target.global_arn("iam", "root")}
    logs_in_account = target.arn("logs", "log-group:*")
    return document(
        grant(
            "Administration",
            root,
            [
                *("kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*"),
                *("kms:Disable*", "kms:Get*", "kms:Delete*", "kms:TagResource", "kms:UntagResource"),
                *("kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion", "kms:RotateKeyOnDemand"),
            ],
        ),
        grant(
            "UseThroughServices",
            root,
            ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            conditions={"StringEquals": {"kms:ViaService": [target.service_host(service) for service in SERVICES]}},
        ),
        grant(
            "GrantsForServices",
            root,
            ["kms:CreateGrant"],
            conditions={
                "Bool": {"kms:GrantIsForAWSResource": "true"},
                "StringEquals": {"kms:ViaService": [target.service_host(service) for service in SERVICES]},
            },
        ),
        grant(
            "Logs",
            {"Service": target.service_host("logs")},
            ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": logs_in_account}},
        ),
        *([_distributions(target)] if distributions else []),
    )


def _distributions(target: Target) -> Statement:
    return grant(
        "Distributions",
        {"Service": "cloudfront.amazonaws.com"},
        ["kms:Decrypt"],
        conditions={"ArnLike": {"aws:SourceArn": target.global_arn("cloudfront", "distribution/*")}},
    )
