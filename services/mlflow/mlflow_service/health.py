"""The health check of the MLflow container, with nothing but the standard library."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Mapping

TIMEOUT_SECONDS = 4.0


def check(environment: Mapping[str, str]) -> int:
    """Asks the MLflow server of this task for its health; `/health` does not touch the database.

    Args:
        environment: The container's environment (`MLFLOW_PORT`, `MLFLOW_STATIC_PREFIX`).

    Returns:
        0 when the server answers 200, else 1; the reason goes to stderr.
    """
    path = environment.get("MLFLOW_STATIC_PREFIX", "").rstrip("/") + "/health"
    port = environment.get("MLFLOW_PORT") or "5000"
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_SECONDS)
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"MLflow on 127.0.0.1:{port} does not answer: {error}", file=sys.stderr)
        return 1
    if status != http.HTTPStatus.OK:
        print(f"MLflow on 127.0.0.1:{port}{path} answers {status}", file=sys.stderr)
        return 1
    return 0
