"""The region in which CloudFront looks for certificates, firewalls and logs, wherever the stack is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Deployment

EDGE_REGION = "us-east-1"
"""Amazon CloudFront developer guide, "Requirements for using SSL/TLS certificates with CloudFront"."""

INHERITED: Mapping[str, str] = {
    "access_key": "accessKey",
    "secret_key": "secretKey",
    "token": "token",
    "profile": "profile",
    "allowed_account_ids": "allowedAccountIds",
    "forbidden_account_ids": "forbiddenAccountIds",
    "assume_roles": "assumeRoles",
    "skip_metadata_api_check": "skipMetadataApiCheck",
    "skip_credentials_validation": "skipCredentialsValidation",
    "s3_use_path_style": "s3UsePathStyle",
    "shared_config_files": "sharedConfigFiles",
    "shared_credentials_files": "sharedCredentialsFiles",
    "use_fips_endpoint": "useFipsEndpoint",
    "use_dualstack_endpoint": "useDualstackEndpoint",
}
"""What an explicit provider would not take over from the stack's `aws:` configuration by itself."""


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
        return cls(provider=aws.Provider("edge", region=EDGE_REGION, **_inherited()))


def _inherited() -> dict[str, Any]:
    config = pulumi.Config("aws")
    given = {argument: config.get(key) for argument, key in INHERITED.items()}
    return {argument: _value(config, INHERITED[argument]) for argument, text in given.items() if text is not None}


def _value(config: pulumi.Config, key: str) -> Any:
    text = config.get(key) or ""
    if text[:1] in "[{" or text in ("true", "false"):
        return config.require_object(key)
    return config.require_secret(key) if key in ("accessKey", "secretKey", "token") else text
