"""Which bearer tokens a task takes: the parameter that its authoriser reads."""

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.encryption import Encryption
from components.http_api import Tokens


def tokens_parameter(
    owner: Component, name: str, *, path: str, tokens: Tokens, encryption: Encryption
) -> aws.ssm.Parameter:
    """Makes the parameter that `MLFLOW_TOKENS_PARAMETER` names (`services/mlflow/mlflow_service/tokens.py`).

    Tasks read it when they start: its `version` belongs into the triggers of their service.

    Args:
        owner: The component that it belongs to.
        name: Name of the resource.
        path: Name of the parameter.
        tokens: Issuer and audience.
        encryption: Its key.
    """
    return aws.ssm.Parameter(
        name,
        name=path,
        type="SecureString",
        key_id=encryption.key_arn,
        description="Issuer and audience of the bearer tokens that tasks take",
        value=pulumi.Output.json_dumps({"issuer": tokens.issuer, "audience": tokens.audience}),
        tags=owner.merged_tags(path),
        opts=pulumi.ResourceOptions(parent=owner),
    )
