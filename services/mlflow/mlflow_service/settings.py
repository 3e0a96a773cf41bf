"""Everything the container reads from its environment, checked in one place, all errors at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platform_service.environment import Environment

DEFAULT_CA = "/etc/ssl/certs/rds-global-bundle.pem"
DEFAULT_HTPASSWD = "/run/mlflow/htpasswd"

# What `mlflow server` gets unless the task definition says otherwise.
SERVER_DEFAULTS: dict[str, str] = {
    "MLFLOW_HOST": "127.0.0.1",
    "MLFLOW_PORT": "5000",
    "MLFLOW_WORKERS": "2",
    # With job execution MLflow 3.17 starts eight more processes and needs three times the memory.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # A private subnet may have no way out; nothing is reported to anybody.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # The keep-alive of uvicorn (5 s by default) must outlast that of NGINX's upstream (60 s): otherwise NGINX
    # now and then writes a POST to a connection that is being closed, and the client sees a 502.
    # NGINX logs every request already.
    "MLFLOW_UVICORN_OPTS": "--timeout-keep-alive 75 --timeout-graceful-shutdown 20 --no-access-log",
}
# name -> (default, least value)
NUMBERS: dict[str, tuple[int, int]] = {
    "MLFLOW_SECRET_POLL_SECONDS": (60, 1),
    "MLFLOW_RESTART_JITTER_SECONDS": (120, 0),
    # Below the three minutes after which ECS gives up on a container that others wait for.
    "MLFLOW_DATABASE_WAIT_SECONDS": (150, 1),
    "MLFLOW_HTPASSWD_ROUNDS": (1000, 1000),
}
SERVER_NUMBERS: dict[str, tuple[int, int]] = {
    "MLFLOW_PORT": (5000, 1),
    "MLFLOW_WORKERS": (2, 1),
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": (5, 1),
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": (10, 0),
    "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": (3600, 1),
}
POOL_CLASSES = ("QueuePool", "NullPool")
AUTHORISER_NUMBERS: dict[str, tuple[int, int]] = {
    "MLFLOW_AUTHORISE_PORT": (5002, 1),
    "MLFLOW_AUTHORISE_KEYS_SECONDS": (3600, 1),
    "MLFLOW_AUTHORISE_RETRY_SECONDS": (10, 1),
}
AUTH = ("basic", "cognito")
BOOLEANS = ("true", "false", "1", "0")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The checked environment of `prepare` and `serve`.

    Attributes:
        database_parameter: Name of the SSM parameter that says where the database is.
        region: Region of the AWS clients.
        credentials_secret_id: ARN or name of the secret with the user name and password of NGINX; None with tokens.
        database_ca: CA bundle that the database's certificate is checked against.
        htpasswd_file: Password file of NGINX, written by `prepare`.
        secret_poll_seconds: Pause between two looks at the versions of the secrets.
        restart_jitter_seconds: Longest random pause before a restart, so that replicas do not leave together.
        database_wait_seconds: How long `prepare` waits for the database, then for another replica's migration, in all.
        htpasswd_rounds: Rounds of SHA-512-crypt, which NGINX computes on every request.
        server: The variables that `mlflow server` itself reads.
    """

    database_parameter: str
    region: str
    credentials_secret_id: str | None
    database_ca: Path
    htpasswd_file: Path
    secret_poll_seconds: int
    restart_jitter_seconds: int
    database_wait_seconds: int
    htpasswd_rounds: int
    server: Mapping[str, str]

    @property
    def versions_file(self) -> Path:
        """Where `prepare` leaves the secret versions it used, beside the password file."""
        return self.htpasswd_file.with_name("secret-versions.json")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, server: bool) -> Settings:
        """Reads and checks the environment.

        Args:
            environment: The process's environment.
            server: Whether the variables of `mlflow server` are needed too; `prepare` has none of them.

        Raises:
            ConfigurationError: Names every wrong variable, its value and the way out.
        """
        read = Environment(environment)
        given = read.given
        database_parameter = read.required("MLFLOW_DATABASE_PARAMETER", "give the name of the SSM parameter")
        auth = read.choice("MLFLOW_AUTH_TYPE", "basic", AUTH)
        credentials_secret_id = (
            None
            if auth == "cognito"
            else read.required("MLFLOW_CREDENTIALS_SECRET_ID", "give the secret's ARN or name")
        )
        region = read.region()
        artifact_root = (
            read.required("MLFLOW_DEFAULT_ARTIFACT_ROOT", "give the bucket as s3://NAME/PREFIX") if server else ""
        )
        if artifact_root and not artifact_root.startswith("s3://"):
            read.errors.append(
                f"MLFLOW_DEFAULT_ARTIFACT_ROOT is {artifact_root!r}: clients write artifacts straight to S3, "
                "give s3://NAME/PREFIX"
            )
        database_ca = read.file("MLFLOW_DATABASE_CA", DEFAULT_CA, "give a PEM bundle of CAs")
        numbers = {name: read.number(name, *limits) for name, limits in NUMBERS.items()}
        for name, limits in SERVER_NUMBERS.items():
            read.number(name, *limits)
        _check_server(given, read.errors)
        read.check()

        variables = SERVER_DEFAULTS | {"MLFLOW_DEFAULT_ARTIFACT_ROOT": artifact_root}
        variables |= {name: given[name] for name in variables if name in given}
        return cls(
            database_parameter=database_parameter,
            region=region,
            credentials_secret_id=credentials_secret_id,
            database_ca=database_ca,
            htpasswd_file=Path(given.get("MLFLOW_HTPASSWD_FILE", DEFAULT_HTPASSWD)),
            secret_poll_seconds=numbers["MLFLOW_SECRET_POLL_SECONDS"],
            restart_jitter_seconds=numbers["MLFLOW_RESTART_JITTER_SECONDS"],
            database_wait_seconds=numbers["MLFLOW_DATABASE_WAIT_SECONDS"],
            htpasswd_rounds=numbers["MLFLOW_HTPASSWD_ROUNDS"],
            server=variables,
        )


@dataclass(frozen=True, kw_only=True)
class AuthoriserSettings:
    """The checked environment of `authorise`.

    Attributes:
        parameter: Name of the SSM parameter with issuer and audience.
        region: Region of the AWS clients.
        port: Port on 127.0.0.1.
        keys_seconds: Interval between two looks at the issuer's keys.
        retry_seconds: Least time between two looks.
    """

    parameter: str
    region: str
    port: int
    keys_seconds: int
    retry_seconds: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> AuthoriserSettings:
        """Reads and checks the environment.

        Args:
            environment: The process's environment.

        Raises:
            ConfigurationError: Names every wrong variable, its value and the way out.
        """
        read = Environment(environment)
        region = read.region()
        parameter = read.required("MLFLOW_TOKENS_PARAMETER", "give the name of the SSM parameter")
        numbers = {name: read.number(name, *limits) for name, limits in AUTHORISER_NUMBERS.items()}
        read.check()
        return cls(
            parameter=parameter,
            region=region,
            port=numbers["MLFLOW_AUTHORISE_PORT"],
            keys_seconds=numbers["MLFLOW_AUTHORISE_KEYS_SECONDS"],
            retry_seconds=numbers["MLFLOW_AUTHORISE_RETRY_SECONDS"],
        )


def _check_server(given: Mapping[str, str], errors: list[str]) -> None:
    """Notes variables of MLflow that it would only trip over later, or in a way that is hard to read."""
    prefix = given.get("MLFLOW_STATIC_PREFIX")
    if prefix is not None and (not prefix.startswith("/") or prefix.endswith("/")):
        errors.append(f"MLFLOW_STATIC_PREFIX is {prefix!r}: begin with / and do not end with it, as in /mlflow")
    jobs = given.get("MLFLOW_SERVER_ENABLE_JOB_EXECUTION")
    if jobs is not None and jobs.lower() not in BOOLEANS:
        errors.append(f"MLFLOW_SERVER_ENABLE_JOB_EXECUTION is {jobs!r}: give true or false")
    pool = given.get("MLFLOW_SQLALCHEMYSTORE_POOLCLASS")
    if pool is not None and pool not in POOL_CLASSES:
        errors.append(f"MLFLOW_SQLALCHEMYSTORE_POOLCLASS is {pool!r}: give one of {', '.join(POOL_CLASSES)}")
    if pool == "NullPool":
        for name in ("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW"):
            if name in given:
                errors.append(f"{name} is {given[name]!r}: NullPool keeps no connections, remove this variable")
