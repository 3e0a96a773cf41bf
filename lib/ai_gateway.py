"""The AI gateway's configuration file, and which secret its task puts where: pure functions of the settings."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from settings.ai_gateway import GatewayEndpoint


def variable(endpoint: str, key: str) -> str:
    """Environment variable of the task through which a secret reaches an endpoint's configuration."""
    return re.sub(r"\W", "_", f"AI_GATEWAY_{endpoint}_{key}").upper()


def configuration(endpoints: Sequence[GatewayEndpoint]) -> dict[str, Any]:
    """The configuration as `mlflow gateway start` reads it (MLflow AI Gateway, "Configuring the AI Gateway").

    It holds no secret: a key is named by the variable that has it (`$AI_GATEWAY_…`).
    """
    return {"endpoints": [_endpoint(endpoint) for endpoint in endpoints]}


def secrets(endpoints: Sequence[GatewayEndpoint]) -> Mapping[str, str]:
    """ARNs of secrets by the variable that gets the value."""
    return {variable(endpoint.name, key): arn for endpoint in endpoints for key, arn in endpoint.secrets.items()}


def _endpoint(endpoint: GatewayEndpoint) -> dict[str, Any]:
    keys = {key: f"${variable(endpoint.name, key)}" for key in endpoint.secrets}
    limit = endpoint.limit
    return {
        "name": endpoint.name,
        "endpoint_type": endpoint.endpoint_type.value,
        "model": {
            "provider": endpoint.provider,
            "name": endpoint.model,
            # MLflow wants Bedrock's even where it is empty.
            "config": {**({"aws_config": {}} if endpoint.is_bedrock else {}), **endpoint.config, **keys},
        },
        **({"limit": {"calls": limit.calls, "renewal_period": limit.renewal_period}} if limit else {}),
    }
