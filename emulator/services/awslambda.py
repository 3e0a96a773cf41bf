"""AWS Lambda."""

from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaFunction

from emulator.registry import attributes, corrects

KEPT = ("LoggingConfig", "DeadLetterConfig", "FileSystemConfigs", "SnapStart")


@corrects(
    "lambda",
    "CreateFunction",
    "drops logging, dead-letter and file-system settings",
    on=LambdaFunction,
    attribute="__init__",
)
def create(  # noqa: D103, PLR0917
    original: Callable[..., Any], self: Any, account_id: str, spec: dict[str, Any], region: str, version: int = 1
) -> None:
    original(self, account_id, spec, region, version)
    attributes(self)["_members"] = {key: spec[key] for key in KEPT if spec.get(key)}


@corrects(
    "lambda", "GetFunctionConfiguration", "answers no LoggingConfig", on=LambdaFunction, attribute="get_configuration"
)
def get_configuration(  # noqa: D103
    original: Callable[..., Any], self: Any, *args: object, **kwargs: object
) -> dict[str, Any]:
    default = {"LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"}}
    members = {key: value for key, value in self._members.items() if key != "SnapStart"}
    return {**original(self, *args, **kwargs), **default, **members}


@corrects(
    "lambda",
    "UpdateFunctionConfiguration",
    "drops logging, key, tracing and storage",
    on=LambdaFunction,
    attribute="update_configuration",
)
def update_configuration(original: Callable[..., Any], self: Any, new: dict[str, Any]) -> Any:  # noqa: D103
    self._members.update({key: new[key] for key in KEPT if key in new})
    self.kms_key_arn = new.get("KMSKeyArn", self.kms_key_arn)
    self.tracing_config = new.get("TracingConfig", self.tracing_config)
    self.ephemeral_storage = new.get("EphemeralStorage", {}).get("Size", self.ephemeral_storage)
    return original(self, new)
