"""`gateway`: runs MLflow's AI gateway as a child and ends when a key that it uses rotates."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from platform_service.aws import Aws
from platform_service.environment import Environment
from platform_service.supervise import Pace, Stop, supervise

from .settings import NUMBERS, SERVER_NUMBERS

DEFAULT_FILE = "/tmp/ai-gateway.json"


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """The checked environment of `gateway`.

    Attributes:
        configuration: The gateway's configuration, which names its keys as `$VARIABLE`.
        secrets: ARNs of Secrets Manager by the variable that gets their value.
        file: Where the configuration is written.
        region: Region of the AWS clients.
        port: Port on 127.0.0.1.
        workers: Worker processes.
        pace: How often secrets are looked at.
    """

    configuration: Mapping[str, Any]
    secrets: Mapping[str, str]
    file: Path
    region: str
    port: int
    workers: int
    pace: Pace

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> GatewaySettings:
        """Reads and checks the environment.

        Args:
            environment: The process's environment.

        Raises:
            ConfigurationError: Names every wrong variable and the way out.
        """
        read = Environment(environment)
        region = read.region()
        configuration = _object(read, "AI_GATEWAY_CONFIG")
        if not configuration.get("endpoints"):
            read.errors.append("AI_GATEWAY_CONFIG names no endpoints: give the gateway's configuration as JSON")
        secrets = _object(read, "AI_GATEWAY_VARIABLES")
        limits = NUMBERS | SERVER_NUMBERS
        names = ("MLFLOW_PORT", "MLFLOW_WORKERS", "MLFLOW_SECRET_POLL_SECONDS", "MLFLOW_RESTART_JITTER_SECONDS")
        numbers = {name: read.number(name, *limits[name]) for name in names}
        read.check()
        return cls(
            configuration=configuration,
            secrets={name: str(arn) for name, arn in secrets.items()},
            file=Path(read.given.get("AI_GATEWAY_FILE", DEFAULT_FILE)),
            region=region,
            port=numbers["MLFLOW_PORT"],
            workers=numbers["MLFLOW_WORKERS"],
            pace=Pace(
                poll_seconds=numbers["MLFLOW_SECRET_POLL_SECONDS"],
                jitter_seconds=numbers["MLFLOW_RESTART_JITTER_SECONDS"],
            ),
        )


def gateway(settings: GatewaySettings) -> int:
    """Runs the gateway until it dies, the task is stopped, or a key rotates.

    Args:
        settings: The checked environment.

    Returns:
        0 after SIGTERM, 75 after a rotation, else the gateway's own code.

    Raises:
        ServiceError: A secret cannot be read.
    """
    stop = Stop()
    aws = Aws(settings.region)
    keys: dict[str, str] = {}
    versions: dict[str, str] = {}
    for variable, arn in settings.secrets.items():
        keys[variable], versions[arn] = aws.secret(arn)
    # JSON is YAML, which the gateway reads.
    settings.file.write_text(json.dumps(settings.configuration), encoding="utf-8")
    return supervise(
        command(settings),
        # The metrics and usage that MLflow would send need a way out that the task may not have.
        {**os.environ, "AWS_DEFAULT_REGION": settings.region, "MLFLOW_DISABLE_TELEMETRY": "true", **keys},
        aws=aws,
        versions=versions,
        pace=settings.pace,
        stop=stop,
    )


def command(settings: GatewaySettings) -> list[str]:
    """Returns the gateway's command line.

    Args:
        settings: The checked environment.
    """
    listen = ["--host", "127.0.0.1", "--port", str(settings.port), "--workers", str(settings.workers)]
    return [sys.executable, "-m", "mlflow", "gateway", "start", "--config-path", str(settings.file), *listen]


def _object(read: Environment, name: str) -> dict[str, Any]:
    try:
        value = json.loads(read.given.get(name, "{}"))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        read.errors.append(f"{name} is no JSON object")
        return {}
    return cast("dict[str, Any]", value)
