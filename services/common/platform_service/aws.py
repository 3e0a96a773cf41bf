"""What containers read from AWS: where the database is, its secrets and its parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import ConfigurationError, ServiceError

ENGINES = ("mysql", "postgresql")
# Short timeouts and retries: without a route to the endpoint the reason shows in seconds, not minutes.
CLIENT_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})


@dataclass(frozen=True, kw_only=True)
class DatabaseTarget:
    """Where the database is; never holds a password.

    Attributes:
        engine: `mysql` or `postgresql`.
        host: Name that the certificate is checked against.
        port: TCP port.
        dbname: The database in it.
        secret_arn: Secret with `username` and `password`.
    """

    engine: str
    host: str
    port: int
    dbname: str
    secret_arn: str


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A user name and password, and the version of the secret they came from."""

    username: str
    password: str
    version: str

    def __repr__(self) -> str:
        """Hides the password from tracebacks and logs."""
        return f"Credentials(username={self.username!r}, version={self.version!r})"


class Aws:
    """Reads parameters and secrets; boto3 finds credentials and endpoints in the environment."""

    def __init__(self, region: str) -> None:
        """Makes the clients; nothing is called yet.

        Args:
            region: Their region: boto3 itself reads `AWS_DEFAULT_REGION`, and tasks have `AWS_REGION`.
        """
        try:
            self._ssm: Any = boto3.client("ssm", region_name=region, config=CLIENT_CONFIG)
            self._secrets: Any = boto3.client("secretsmanager", region_name=region, config=CLIENT_CONFIG)
        except BotoCoreError as error:
            raise ConfigurationError(f"no AWS client: {error}; is AWS_REGION set?") from error

    def parameter(self, name: str) -> str:
        """Reads an SSM parameter.

        Args:
            name: Its name.

        Raises:
            ConfigurationError: The parameter is missing, or may not be read.
            ServiceError: AWS could not be reached.
        """
        try:
            return str(self._ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        except (BotoCoreError, ClientError) as error:
            raise _failure(f"SSM parameter {name!r}", error) from error

    def database_target(self, parameter: str, engines: Sequence[str] = ENGINES) -> DatabaseTarget:
        """Reads where the database is.

        Args:
            parameter: Name of the SSM parameter.
            engines: Engines that the caller can use.

        Raises:
            ConfigurationError: The parameter is missing or does not hold what is expected.
            ServiceError: AWS could not be reached.
        """
        value = _json_object(self.parameter(parameter), f"SSM parameter {parameter!r}")
        missing = [key for key in ("engine", "host", "port", "dbname", "secretArn") if not value.get(key)]
        if missing:
            raise ConfigurationError(f"SSM parameter {parameter!r} lacks {', '.join(missing)}")
        if value["engine"] not in engines:
            ways_out = f"give one of {', '.join(engines)}" if len(engines) > 1 else f"give {engines[0]}"
            raise ConfigurationError(f"SSM parameter {parameter!r}: engine is {value['engine']!r}, {ways_out}")
        if not str(value["port"]).isdigit():
            raise ConfigurationError(f"SSM parameter {parameter!r}: port is {value['port']!r}, give a number")
        return DatabaseTarget(
            engine=value["engine"],
            host=str(value["host"]),
            port=int(value["port"]),
            dbname=str(value["dbname"]),
            secret_arn=str(value["secretArn"]),
        )

    def credentials(self, secret_id: str) -> Credentials:
        """Reads the current user name and password of a secret.

        Args:
            secret_id: ARN or name of the secret.

        Raises:
            ConfigurationError: The secret is missing or lacks `username` or `password`.
            ServiceError: AWS could not be reached.
        """
        try:
            answer = self._secrets.get_secret_value(SecretId=secret_id)
        except (BotoCoreError, ClientError) as error:
            raise _failure(f"secret {secret_id!r}", error) from error
        value = _json_object(answer.get("SecretString", ""), f"secret {secret_id!r}")
        for key in ("username", "password"):
            if not isinstance(value.get(key), str) or not value[key]:
                raise ConfigurationError(f'secret {secret_id!r} lacks {key!r}: give {{"username": …, "password": …}}')
        return Credentials(username=value["username"], password=value["password"], version=answer["VersionId"])

    def secret(self, secret_id: str) -> tuple[str, str]:
        """Reads the current text of a secret, and the id of its version.

        Args:
            secret_id: ARN or name of the secret.

        Raises:
            ConfigurationError: The secret is missing or holds no text.
            ServiceError: AWS could not be reached.
        """
        try:
            answer = self._secrets.get_secret_value(SecretId=secret_id)
        except (BotoCoreError, ClientError) as error:
            raise _failure(f"secret {secret_id!r}", error) from error
        if not answer.get("SecretString"):
            raise ConfigurationError(f"secret {secret_id!r} holds no text: store the key as it is, not as binary")
        return answer["SecretString"], answer["VersionId"]

    def current_version(self, secret_id: str) -> str:
        """Returns the id of the secret's current version without reading its value.

        Args:
            secret_id: ARN or name of the secret.

        Raises:
            ServiceError: The secret cannot be described, or has no current version.
        """
        try:
            stages: dict[str, list[str]] = self._secrets.describe_secret(SecretId=secret_id)["VersionIdsToStages"]
        except (BotoCoreError, ClientError) as error:
            raise _failure(f"secret {secret_id!r}", error) from error
        for version, names in stages.items():
            if "AWSCURRENT" in names:
                return version
        raise ServiceError(f"secret {secret_id!r} has no version AWSCURRENT")


def _failure(what: str, error: BotoCoreError | ClientError) -> ServiceError:
    """Turns an error of boto3 into one that says what could not be read."""
    message = f"cannot read {what}: {error}"
    if isinstance(error, ClientError):
        return ConfigurationError(f"{message}; check its name, and that the task role may read it and its key")
    return ServiceError(f"{message}; check region, credentials, and that the subnet reaches the endpoint")


def _json_object(text: str, what: str) -> dict[str, Any]:
    """Parses a JSON object; the error never shows the text, which may be a secret."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{what} does not hold a JSON object")
    return value
