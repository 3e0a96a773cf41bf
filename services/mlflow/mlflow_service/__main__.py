"""Entry point of the container: `python -m mlflow_service prepare | serve | authorise | gateway | health`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from platform_service.errors import ServiceError

from .health import SERVERS, check

COMMANDS = {
    "prepare": "migrate the schema under a database lock, write the password file of NGINX, and end",
    "serve": "run the MLflow server and end when a secret rotates",
    "authorise": "tell NGINX whether bearer tokens are good",
    "gateway": "run MLflow's AI gateway and end when a key rotates",
    "health": "exit 0 when a server of this task answers",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: The arguments after the program's name; the process's own when None.

    Returns:
        The exit code of the process.
    """
    parser = argparse.ArgumentParser(prog="mlflow_service")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in COMMANDS.items():
        subcommand = commands.add_parser(name, help=summary)
        if name == "health":
            subcommand.add_argument("server", nargs="?", choices=list(SERVERS), default="mlflow")
    arguments = parser.parse_args(argv)
    command: str = arguments.command

    # A health check runs every few seconds: it imports neither boto3 nor SQLAlchemy.
    if command == "health":
        return check(os.environ, arguments.server)

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format=f"%(asctime)s %(levelname)s mlflow_service.{command} %(message)s"
    )
    logger = logging.getLogger("mlflow_service")
    from .settings import AuthoriserSettings, Settings  # noqa: PLC0415

    try:
        if command == "authorise":
            from .authorise import authorise  # noqa: PLC0415

            return authorise(AuthoriserSettings.from_environment(os.environ))
        if command == "gateway":
            from .gateway import GatewaySettings, gateway  # noqa: PLC0415

            return gateway(GatewaySettings.from_environment(os.environ))
        settings = Settings.from_environment(os.environ, server=command == "serve")
        if command == "prepare":
            from .prepare import prepare  # noqa: PLC0415

            prepare(settings)
            return 0
        from .serve import serve  # noqa: PLC0415

        return serve(settings)
    except ServiceError as error:
        logger.error("%s", error)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
