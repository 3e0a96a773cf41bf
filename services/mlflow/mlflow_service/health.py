"""The health check of the containers that serve, with nothing but the standard library."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Mapping

TIMEOUT_SECONDS = 4.0


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
    path, port = f"{prefix}/health", environment.get(variable) or default
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_SECONDS)
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"{name} on 127.0.0.1:{port} does not answer: {error}", file=sys.stderr)
        return 1
    if status != http.HTTPStatus.OK:
        print(f"{name} on 127.0.0.1:{port}{path} answers {status}", file=sys.stderr)
        return 1
    return 0
