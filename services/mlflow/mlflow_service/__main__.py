"""Entry point of the container: `python -m mlflow_service prepare | serve | health`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from .errors import ServiceError

COMMANDS = {
    "prepare": "migrate the schema under a database lock, write the password file of NGINX, and end",
    "serve": "run the MLflow server and end when a secret rotates",
    "health": "exit 0 when the MLflow server of this task answers",
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
        commands.add_parser(name, help=summary)
    command: str = parser.parse_args(argv).command

    # A health check runs every few seconds: it imports neither boto3 nor SQLAlchemy.
    if command == "health":
        from .health import check  # noqa: PLC0415

        return check(os.environ)

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format=f"%(asctime)s %(levelname)s mlflow_service.{command} %(message)s"
    )
    logger = logging.getLogger("mlflow_service")
    from .settings import Settings  # noqa: PLC0415

    try:
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
