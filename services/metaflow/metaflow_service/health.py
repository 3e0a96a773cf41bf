"""The health check of the containers that serve, with nothing but the standard library."""

from __future__ import annotations

from collections.abc import Mapping

from platform_service.health import answers

SERVERS = {
    "metadata": ("the metadata service", "MF_METADATA_PORT", "8080", "/ping"),
    "database": ("the metadata service", "MF_METADATA_PORT", "8080", "/healthcheck"),
    "ui": ("the UI", "MF_UI_METADATA_PORT", "8083", "/api/ping"),
}
"""What can be asked: its name, the variable with its port, the port without it, and the path.

`database` alone makes a query: a health check that runs every few seconds would keep a database awake, and a task is
not to be replaced because its database is away.
"""


def check(environment: Mapping[str, str], server: str) -> int:
    """Asks a server of this task for its health.

    Args:
        environment: The container's environment (the port's variable).
        server: One of `SERVERS`.

    Returns:
        0 when the server answers 200, else 1; the reason goes to stderr.
    """
    name, variable, default, path = SERVERS[server]
    return answers(name, environment.get(variable) or default, path)
