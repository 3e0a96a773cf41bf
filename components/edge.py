"""The region in which CloudFront looks for certificates, firewalls and logs, wherever the stack is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import is_config_secret

from components.base import Deployment

EDGE_REGION = "us-east-1"
"""Amazon CloudFront developer guide, "Requirements for using SSL/TLS certificates with CloudFront"."""

TEXTS: Mapping[str, str] = {
    "access_key": "accessKey",
    "custom_ca_bundle": "customCaBundle",
    "ec2_metadata_service_endpoint": "ec2MetadataServiceEndpoint",
    "ec2_metadata_service_endpoint_mode": "ec2MetadataServiceEndpointMode",
    "http_proxy": "httpProxy",
    "https_proxy": "httpsProxy",
    "no_proxy": "noProxy",
    "profile": "profile",
    "retry_mode": "retryMode",
    "s3_us_east1_regional_endpoint": "s3UsEast1RegionalEndpoint",
    "secret_key": "secretKey",
    "sts_region": "stsRegion",
    "tag_policy_compliance": "tagPolicyCompliance",
    "token": "token",
}
"""Texts in the stack's `aws:` configuration, by a provider's argument: an explicit one takes over nothing by itself."""

PARSED: Mapping[str, str] = {
    "allowed_account_ids": "allowedAccountIds",
    "assume_role_with_web_identity": "assumeRoleWithWebIdentity",
    "assume_roles": "assumeRoles",
    "default_tags": "defaultTags",
    "endpoints": "endpoints",
    "forbidden_account_ids": "forbiddenAccountIds",
    "ignore_tags": "ignoreTags",
    "insecure": "insecure",
    "max_retries": "maxRetries",
    "s3_use_path_style": "s3UsePathStyle",
    "shared_config_files": "sharedConfigFiles",
    "shared_credentials_files": "sharedCredentialsFiles",
    "skip_credentials_validation": "skipCredentialsValidation",
    "skip_metadata_api_check": "skipMetadataApiCheck",
    "skip_region_validation": "skipRegionValidation",
    "skip_requesting_account_id": "skipRequestingAccountId",
    "token_bucket_rate_limiter_capacity": "tokenBucketRateLimiterCapacity",
    "use_dualstack_endpoint": "useDualstackEndpoint",
    "use_fips_endpoint": "useFipsEndpoint",
    "user_agents": "userAgents",
}
"""The same for lists, objects, numbers, and yes or no, which are JSON there."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Where CloudFront's own things go.

    Args:
        provider: Provider of us-east-1; None in a stack of that region, whose own provider serves.
    """

    provider: aws.Provider | None

    @classmethod
    def of(cls, deployment: Deployment) -> "Edge":
        """The edge of a stack: a provider of its own where the stack is in another region."""
        if deployment.target.region == EDGE_REGION:
            return cls(provider=None)
        config = pulumi.Config("aws")
        arguments = {**_guard(config, deployment.target.account_id), **_inherited(config)}
        return cls(provider=aws.Provider("edge", region=EDGE_REGION, **arguments))


def _inherited(config: pulumi.Config) -> dict[str, Any]:
    """Arguments that the configuration gives; what is a secret in it stays one."""
    texts = ((argument, key, config.get(key)) for argument, key in TEXTS.items())
    parsed = ((argument, key, config.get_object(key)) for argument, key in PARSED.items())
    return {
        argument: pulumi.Output.secret(value) if is_config_secret(config.full_key(key)) else value
        for argument, key, value in (*texts, *parsed)
        if value is not None
    }


def _guard(config: pulumi.Config, account_id: str) -> dict[str, Any]:
    """The stack's own account as the only one, where the configuration leaves open which it may be."""
    if config.get("allowedAccountIds") or config.get("forbiddenAccountIds"):
        return {}
    # A provider that does not ask for its account takes it for one that is not allowed.
    return {} if config.get_bool("skipRequestingAccountId") else {"allowed_account_ids": [account_id]}
