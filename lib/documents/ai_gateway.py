"""What the AI gateway's tasks may do."""

from collections.abc import Sequence

from lib.bedrock import INVOKE, THROUGH_PROFILE, calls
from lib.iam import Statement, allow, document
from lib.naming import Target
from settings.ai_gateway import GatewayEndpoint


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
    return document(
        allow("Tokens", ["ssm:GetParameter"], [target.arn("ssm", f"parameter{tokens_parameter}")]),
        *([allow("Keys", ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], arns)] if arns else []),
        *_bedrock(target, endpoints),
        use_key,
    )


def _bedrock(target: Target, endpoints: Sequence[GatewayEndpoint]) -> list[Statement]:
    """What endpoints call, and for each inference profile the model behind it, through this profile alone (Amazon
    Bedrock user guide, "Prerequisites for inference profiles")."""
    called = calls(target, endpoints)
    profiles = [each for each in called if each.models]
    return [
        *([allow("Bedrock", INVOKE, [each.arn for each in called])] if called else []),
        *(
            allow(
                f"BedrockProfile{number}",
                INVOKE,
                profile.models,
                conditions={"StringEquals": {THROUGH_PROFILE: profile.arn}},
            )
            for number, profile in enumerate(profiles, 1)
        ),
    ]
