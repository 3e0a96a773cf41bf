"""What Metaflow's client is told about a stack: a pure function of the stack's outputs."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from cli.aws import aws_client

AUTH_KEY = "METAFLOW_SERVICE_AUTH_KEY"
"""The API key, which Metaflow sends as the header `x-api-key`."""

TOKEN_STACK, TOKEN_URL = "METAFLOW_MLPLATFORM_STACK", "METAFLOW_MLPLATFORM_SERVICE_URL"
"""Whose tokens the extension in `client/` sends, and to which service alone."""

SECRET = frozenset({AUTH_KEY})
"""Variables whose values are never shown."""

KNOWN = frozenset(
    {
        AUTH_KEY,
        TOKEN_STACK,
        TOKEN_URL,
        "METAFLOW_BATCH_CONTAINER_IMAGE",
        "METAFLOW_BATCH_EMIT_TAGS",
        "METAFLOW_BATCH_JOB_QUEUE",
        "METAFLOW_DATASTORE_SYSROOT_S3",
        "METAFLOW_DATATOOLS_S3ROOT",
        "METAFLOW_DEFAULT_DATASTORE",
        "METAFLOW_DEFAULT_METADATA",
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE",
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE",
        "METAFLOW_SERVICE_INTERNAL_URL",
        "METAFLOW_SERVICE_URL",
        "METAFLOW_SFN_DYNAMO_DB_TABLE",
        "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN",
        "METAFLOW_SFN_IAM_ROLE",
        "METAFLOW_SFN_STATE_MACHINE_PREFIX",
        "METAFLOW_UI_URL",
    }
)
"""Variables that a stack decides; one that a stack does not have is taken out of a configuration file."""


class MetaflowError(Exception):
    """Metaflow's client cannot be configured; the message says what to do."""


@contextmanager
def asking_aws() -> Generator[None]:
    """Around what asks AWS.

    Raises:
        MetaflowError: AWS cannot be asked.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise MetaflowError(
            f"AWS cannot be asked ({error}): log in to the stack's account, and check the network"
        ) from None


def variables(stack: str, outputs: Mapping[str, Any], api_key: str | None = None) -> dict[str, str]:
    """Variables of Metaflow's client, sorted; empty where the stack has no Metaflow.

    Args:
        stack: Name of the stack.
        outputs: Its outputs.
        api_key: Value of its API key, where it is wanted.
    """
    found = {str(name): str(value) for name, value in _object(outputs, "metaflowConfig").items()}
    if found and takes_tokens(outputs):
        found |= {TOKEN_STACK: stack, TOKEN_URL: found["METAFLOW_SERVICE_URL"]}
    if found and api_key is not None:
        found[AUTH_KEY] = api_key
    return dict(sorted(found.items()))


def required(stack: str, outputs: Mapping[str, Any], output: str) -> dict[str, Any]:
    """An output that a stack with Metaflow has.

    Args:
        stack: Name of the stack.
        outputs: Its outputs.
        output: Name of the output, whose value is an object.

    Raises:
        MetaflowError: There is none.
    """
    if found := _object(outputs, output):
        return found
    raise MetaflowError(
        f"stack {stack} has no output {output}: is mlplatform:metaflow.enabled true, and this release deployed?"
    )


def takes_tokens(outputs: Mapping[str, Any]) -> bool:
    """Whether the API takes tokens of the stack's users, and no key."""
    return outputs.get("metaflowAuth") == "token"


def takes_key(outputs: Mapping[str, Any]) -> bool:
    """Whether the API takes a key."""
    return outputs.get("metaflowAuth") == "apiKey"


def read_api_key(outputs: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    """Value of the API key, read with the caller's own rights.

    Args:
        outputs: The stack's outputs.
        environment: Where its account is, if that is the emulator.

    Raises:
        MetaflowError: It cannot be read.
    """
    key_id, region = outputs.get("ApiKeyId"), str(outputs["region"])
    try:
        client = aws_client("apigateway", region, environment)
        return str(client.get_api_key(apiKey=key_id, includeValue=True)["value"])
    except (BotoCoreError, ClientError) as error:
        raise MetaflowError(
            f"API key {key_id} in {region} cannot be read ({error}): your role needs apigateway:GET on it"
        ) from None


def _object(outputs: Mapping[str, Any], output: str) -> dict[str, Any]:
    return cast("dict[str, Any]", outputs.get(output) or {})
