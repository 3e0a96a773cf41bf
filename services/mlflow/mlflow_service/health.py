"""The health check of the containers that serve, with nothing but the standard library."""

from __future__ import annotations

from collections.abc import Mapping

from platform_service.health import answers

SERVERS = {"mlflow": ("MLflow", "MLFLOW_PORT", "5000"), "authorise": ("authorise", "MLFLOW_AUTHORISE_PORT", "5002")}
"""What can be asked: its name, the variable with its port, and the port without it."""


def check(environment: Mapping[str, str], server: str) -> int:
    """Asks a server of this task for its health; MLflow's `/health` does not touch the database.

    Args:
        environment: The container's environment (the port's variable, `MLFLOW_STATIC_PREFIX`).
        server: One of `SERVERS`.

    Returns:
        0 when the server answers 200, else 1; the reason goes to stderr.
    """
    name, variable, default = SERVERS[server]
    prefix = environment.get("MLFLOW_STATIC_PREFIX", "").rstrip("/") if server == "mlflow" else ""
    return answers(name, environment.get(variable) or default, f"{prefix}/health")
