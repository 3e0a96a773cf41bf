"""The task's containers: a pure function of what is known at preview."""

from functools import partial

from components import fargate
from components.fargate import TEMPORARY, Container
from lib.naming import Target
from settings.mlflow import AUTHORISE_PORT, MlflowSettings

VOLUMES = {"run": "/run/mlflow", **TEMPORARY}
"""The only paths that can be written: Fargate's ephemeral storage, by name and mount point."""

BASIC = {"MLFLOW_AUTH_TYPE": "basic", "MLFLOW_HTPASSWD_FILE": f"{VOLUMES['run']}/htpasswd"}
"""What tells a container that callers have a password, and where its hash is."""

DATABASE_CA = "/etc/ssl/certs/rds-global-bundle.pem"
DATABASE_WAIT_SECONDS = 150
"""How long the migration waits for a database that wakes; below the three minutes that ECS gives a dependency."""

MIGRATION, MLFLOW, NGINX = "migrationContainer", "mlflowContainer", "nginxContainer"
"""Container names; the last two are the sample's."""

AUTHORISER = "authoriserContainer"
"""Name of the container that checks bearer tokens for NGINX."""

AUTHORISER_ADDRESS = f"127.0.0.1:{AUTHORISE_PORT}"
"""Where NGINX asks it."""

IMAGES = ("mlflow", "nginx")
"""Names of the tasks' images among the platform's."""

container = partial(fargate.container, stream="mlflow", volumes=VOLUMES)
"""A container of the task that serves MLflow or the AI gateway."""


def containers(
    target: Target,
    settings: MlflowSettings,
    *,
    images: dict[str, str],
    artifact_root: str,
    host: str | None,
    credentials_secret: str | None,
    tokens_parameter: str | None,
    database_parameter: str,
    database_pauses: bool,
    dual_stack: bool,
    log_group: str,
) -> list[Container]:
    """Container definitions as ECS takes them.

    Args:
        target: Region, for logs and for the API's host name.
        settings: Ports, workers and limits.
        images: URIs of `mlflow` and `nginx`.
        artifact_root: `s3://` address for artifacts.
        host: The API's name of its own; AWS's name if absent.
        credentials_secret: Name of the secret with the basic-auth credentials; none with tokens.
        tokens_parameter: Name of the parameter with issuer and audience of the tokens; none with credentials.
        database_parameter: Name of the parameter with the database's address.
        database_pauses: Whether idle connections would keep the database awake.
        dual_stack: Whether AWS APIs are called by their dual-stack names.
        log_group: Name of the log group.
    """
    proof = {"MLFLOW_AUTH_TYPE": "cognito"} if tokens_parameter else BASIC
    common = {
        "AWS_REGION": target.region,
        "AWS_USE_DUALSTACK_ENDPOINT": str(dual_stack).lower(),
        "MLFLOW_DATABASE_PARAMETER": database_parameter,
        "MLFLOW_DATABASE_CA": DATABASE_CA,
        "MLFLOW_DATABASE_WAIT_SECONDS": str(DATABASE_WAIT_SECONDS),
        **({"MLFLOW_CREDENTIALS_SECRET_ID": credentials_secret} if credentials_secret else {}),
        **proof,
    }
    check = (
        [
            authoriser(
                target,
                images["mlflow"],
                tokens_parameter=tokens_parameter,
                dual_stack=dual_stack,
                log_group=log_group,
            )
        ]
        if tokens_parameter
        else []
    )
    return [
        container(
            target,
            MIGRATION,
            images["mlflow"],
            log_group,
            essential=False,
            command=["prepare"],
            environment=common,
        ),
        container(
            target,
            MLFLOW,
            images["mlflow"],
            log_group,
            command=["serve"],
            environment=common | _server(target, settings, artifact_root, host, database_pauses=database_pauses),
            port=settings.container_port,
            after={MIGRATION: "SUCCESS"},
            health=["CMD", "python", "-m", "mlflow_service", "health"],
        ),
        *check,
        proxy(
            target,
            images["nginx"],
            settings,
            environment={
                **proof,
                **({"MLFLOW_AUTHORISER": AUTHORISER_ADDRESS} if tokens_parameter else {}),
                **({"NGINX_CORS_PREFLIGHT": "on"} if settings.cors_allowed_origins else {}),
            },
            after={MIGRATION: "SUCCESS", MLFLOW: "HEALTHY", **({AUTHORISER: "HEALTHY"} if tokens_parameter else {})},
            log_group=log_group,
        ),
    ]


def authoriser(target: Target, image: str, *, tokens_parameter: str, dual_stack: bool, log_group: str) -> Container:
    """The container that checks bearer tokens for the NGINX of its task, on 127.0.0.1.

    Args:
        target: Region, for logs and parameters.
        image: URI of the image `mlflow`.
        tokens_parameter: Name of the parameter with issuer and audience (`components/mlflow_service/tokens.py`).
        dual_stack: Whether AWS APIs are called by their dual-stack names.
        log_group: Name of the log group.
    """
    return container(
        target,
        AUTHORISER,
        image,
        log_group,
        command=["authorise"],
        environment={
            "AWS_REGION": target.region,
            "AWS_USE_DUALSTACK_ENDPOINT": str(dual_stack).lower(),
            "MLFLOW_TOKENS_PARAMETER": tokens_parameter,
            "MLFLOW_AUTHORISE_PORT": str(AUTHORISE_PORT),
        },
        health=["CMD", "python", "-m", "mlflow_service", "health", "authorise"],
    )


def proxy(
    target: Target,
    image: str,
    settings: MlflowSettings,
    *,
    environment: dict[str, str],
    after: dict[str, str],
    log_group: str,
) -> Container:
    """NGINX, which asks callers who they are and passes them on to 127.0.0.1.

    Args:
        target: Region, for logs.
        image: URI of the image `nginx`.
        settings: Ports and limits.
        environment: How it checks callers (`services/README.md`, section nginx).
        after: What must be there before it, and in which condition.
        log_group: Name of the log group.
    """
    return container(
        target,
        NGINX,
        image,
        log_group,
        environment={
            "NGINX_PORT": str(settings.proxy_port),
            "NGINX_CLIENT_MAX_BODY_SIZE": f"{settings.max_body_size_mib}m",
            "NGINX_PROXY_READ_TIMEOUT": f"{settings.read_timeout_seconds}s",
            "MLFLOW_UPSTREAM": f"127.0.0.1:{settings.container_port}",
            **environment,
        },
        port=settings.proxy_port,
        after=after,
        health=["CMD-SHELL", f"wget -q -O /dev/null http://127.0.0.1:{settings.proxy_port}/elb-status || exit 1"],
        # A user other than root may then open port 80 in the task's network namespace.
        systemControls=[{"namespace": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
    )


def _server(
    target: Target, settings: MlflowSettings, artifact_root: str, host: str | None, *, database_pauses: bool
) -> dict[str, str]:
    hosts = [
        # With a name of its own the API does not answer to AWS's.
        host or f"*.execute-api.{target.region}.{target.dns_suffix}",
        f"{settings.service_name}.{settings.namespace}",
        *settings.allowed_hosts,
    ]
    pool = (
        {"MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool"}
        if database_pauses
        else {
            "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(settings.pool_size),
            "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(settings.pool_max_overflow),
            "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": str(settings.pool_recycle_seconds),
        }
    )
    origins = settings.cors_allowed_origins
    return {
        "MLFLOW_DEFAULT_ARTIFACT_ROOT": artifact_root,
        "MLFLOW_HOST": "127.0.0.1",
        "MLFLOW_PORT": str(settings.container_port),
        "MLFLOW_WORKERS": str(settings.workers),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts),
        **({"MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins)} if origins else {}),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": str(settings.job_execution).lower(),
        **pool,
    }
