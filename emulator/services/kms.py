"""AWS Key Management Service."""

import json
import threading
from collections.abc import Callable
from typing import Any

from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse

from emulator.registry import attributes, corrects

YEARLY = 365
_one_by_one = threading.Lock()


def _period(self: Any) -> dict[str, Any]:
    return attributes(self.kms_backend.keys[self.kms_backend.get_key_id(self._get_param("KeyId"))])


@corrects("kms", "EnableKeyRotation", "drops RotationPeriodInDays", on=KmsResponse)
def enable_key_rotation(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    key = _period(self)
    key["rotation_period"] = self._get_int_param("RotationPeriodInDays") or key.get("rotation_period", YEARLY)
    return answer


@corrects("kms", "GetKeyRotationStatus", "answers no RotationPeriodInDays", on=KmsResponse)
def get_key_rotation_status(original: Callable[..., Any], self: Any) -> str:  # noqa: D103
    status = json.loads(original(self))
    if status["KeyRotationEnabled"]:
        status["RotationPeriodInDays"] = _period(self).get("rotation_period", YEARLY)
    return json.dumps(status)


@corrects(
    "kms",
    "DescribeKey",
    "makes a service's key a customer's, and one for each of those that ask at once",
    on=KmsBackend,
    attribute="_generate_default_keys",
)
def generate_default_keys(original: Callable[..., Any], self: Any, alias_name: str) -> str | None:  # noqa: D103
    with _one_by_one:
        if self.alias_exists(alias_name):
            return self.get_key_id_from_alias(alias_name)
        key = original(self, alias_name)
        if key is not None:
            self.keys[key].key_manager = "AWS"
        return key
