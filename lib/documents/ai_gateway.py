"""What the AI gateway's tasks may do."""

from collections.abc import Iterator, Sequence

from lib.iam import Statement, allow, document
from lib.naming import Target
from settings.ai_gateway import GatewayEndpoint

BEDROCK = ("bedrock", "amazon-bedrock")
"""Providers that the task calls as its own role, where the endpoint names no secret."""


def gateway_policy(
    target: Target, *, endpoints: Sequence[GatewayEndpoint], tokens_parameter: str, use_key: Statement
) -> str:
    """Lets the gateway read its endpoints' secrets and call Bedrock's models, and the authoriser its parameter.

    Args:
        target: The account.
        endpoints: The gateway's endpoints.
        tokens_parameter: Name of the parameter with issuer and audience of the tokens.
        use_key: Statement that allows to decrypt with the platform's key.
    """
    arns = sorted({arn for endpoint in endpoints for arn in endpoint.secrets.values()})
    models = sorted(set(_models(target, endpoints)))
    return document(
        allow("Tokens", ["ssm:GetParameter"], [target.arn("ssm", f"parameter{tokens_parameter}")]),
        *([allow("Keys", ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], arns)] if arns else []),
        *(
            [allow("Bedrock", ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"], models)]
            if models
            else []
        ),
        use_key,
    )


def _models(target: Target, endpoints: Sequence[GatewayEndpoint]) -> Iterator[str]:
    """ARNs of foundation models (service authorization reference, Amazon Bedrock: they belong to no account)."""
    for endpoint in endpoints:
        if endpoint.provider in BEDROCK and not endpoint.secrets:
            config = endpoint.config.get("aws_config", {})
            region = config.get("aws_region") or target.region
            yield f"arn:{target.partition}:bedrock:{region}::foundation-model/{endpoint.model}"
