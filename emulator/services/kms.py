"""AWS Key Management Service."""

import json
from collections.abc import Callable
from typing import Any

from moto.kms.responses import KmsResponse

from emulator.registry import attributes, corrects

YEARLY = 365


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
