"""Entry point of the container: `python -m mlflow_service prepare | serve | authorise | gateway | health`.

A health check runs every few seconds, so each subcommand imports what it needs itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from platform_service.program import Command, Health, run

from .health import SERVERS, check


def _prepare() -> int:
    from .prepare import prepare  # noqa: PLC0415
    from .settings import Settings  # noqa: PLC0415

    prepare(Settings.from_environment(os.environ, server=False))
    return 0


def _serve() -> int:
    from .serve import serve  # noqa: PLC0415
    from .settings import Settings  # noqa: PLC0415

    return serve(Settings.from_environment(os.environ, server=True))


def _authorise() -> int:
    from .authorise import authorise  # noqa: PLC0415
    from .settings import AuthoriserSettings  # noqa: PLC0415

    return authorise(AuthoriserSettings.from_environment(os.environ))


def _gateway() -> int:
    from .gateway import GatewaySettings, gateway  # noqa: PLC0415

    return gateway(GatewaySettings.from_environment(os.environ))


COMMANDS = {
    "prepare": Command("migrate the schema under a database lock, write the password file of NGINX, and end", _prepare),
    "serve": Command("run the MLflow server and end when a secret rotates", _serve),
    "authorise": Command("tell NGINX whether bearer tokens are good", _authorise),
    "gateway": Command("run MLflow's AI gateway and end when a key rotates", _gateway),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand, with the arguments `argv` or the process's own, and returns the exit code."""
    return run("mlflow_service", argv, COMMANDS, Health(servers=list(SERVERS), check=check))


if __name__ == "__main__":
    sys.exit(main())
