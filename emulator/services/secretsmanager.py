"""AWS Secrets Manager."""

import json
import secrets
import string
import time
import uuid
from collections.abc import Callable
from typing import Any

from moto.secretsmanager.models import SecretsManagerBackend

from emulator.registry import corrects

OWNER = "aws:secretsmanager:owningService"


def _owner(secret: Any) -> str | None:
    tags: list[dict[str, str]] = secret.tags or []
    return next((tag["Value"] for tag in tags if tag["Key"] == OWNER), None)


@corrects(
    "secretsmanager",
    "RotateSecret",
    "a secret that a service manages gets a version without a value",
    on=SecretsManagerBackend,
    attribute="rotate_secret",
)
def rotate_secret(  # noqa: D103, PLR0917
    original: Callable[..., Any],
    self: Any,
    secret_id: str,
    client_request_token: str | None = None,
    rotation_lambda_arn: str | None = None,
    rotation_rules: dict[str, Any] | None = None,
    rotate_immediately: bool = True,
) -> str:
    secret = self.secrets.get(secret_id) if self._is_valid_identifier(secret_id) else None
    if secret is None or _owner(secret) != "rds" or secret.is_deleted():
        return original(self, secret_id, client_request_token, rotation_lambda_arn, rotation_rules, rotate_immediately)
    if rotation_rules:
        secret.auto_rotate_after_days = rotation_rules.get("AutomaticallyAfterDays", secret.auto_rotate_after_days)
    secret.rotation_enabled = secret.rotation_requested = True
    if not rotate_immediately:
        return secret.to_short_dict()
    # RDS itself changes the password and stores it: no function runs, and the new version is current at once.
    version = client_request_token or str(uuid.uuid4())
    value = json.loads(secret.versions[secret.default_version_id]["secret_string"])
    value["password"] = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))
    secret.remove_version_stages_from_old_versions(["AWSCURRENT", "AWSPREVIOUS"])
    secret.versions[secret.default_version_id]["version_stages"] = ["AWSPREVIOUS"]
    secret.versions[version] = {
        "createdate": int(time.time()),
        "version_id": version,
        "version_stages": ["AWSCURRENT"],
        "secret_string": json.dumps(value),
    }
    secret.set_default_version_id(version)
    secret.last_rotation_date = secret.last_changed_date = int(time.time())
    return secret.to_short_dict(version_id=version)
