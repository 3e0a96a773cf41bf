"""Policies of VPC endpoints: closed to this account's principals and, where data flows, to its resources."""

from lib.iam import Conditions, Statement, document, grant
from lib.naming import Target


def gateway_endpoint_policy(target: Target, service: str) -> str:
    """Policy of the `s3` or `dynamodb` gateway endpoint: principals of this account.

    S3 also lets through what AWS itself keeps in its buckets and anonymous or foreign-signed downloads of it: image
    layers of ECR (Amazon ECR user guide, "Minimum Amazon S3 bucket permissions for Amazon ECR").
    """
    own = _own_principals(target, f"{service}:*")
    if service != "s3":
        return document(own)
    layers = target.s3_arn(f"prod-{target.region}-starport-layer-bucket/*")
    return document(own, grant("ImageLayers", "*", ["s3:GetObject"], [layers]))


def interface_endpoint_policy(target: Target) -> str:
    """Policy of an interface endpoint: principals of this account."""
    return document(_own_principals(target, "*"))


def _own_principals(target: Target, actions: str) -> Statement:
    conditions: Conditions = {"StringEquals": {"aws:PrincipalAccount": target.account_id}}
    return grant("OwnAccount", "*", [actions], conditions=conditions)
