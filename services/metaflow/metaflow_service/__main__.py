"""Entry point of the container: `python -m metaflow_service migrate | serve | ui | health [metadata|database|ui]`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from platform_service.errors import ServiceError

from .health import SERVERS, check

COMMANDS = {
    "migrate": "bring the schema to this image's version under a database lock, and end",
    "serve": "run the metadata service and end when the database's secret rotates",
    "ui": "run the UI and its back end and end when the database's secret rotates",
    "health": "exit 0 when a server of this task answers",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: The arguments after the program's name; the process's own when None.

    Returns:
        The exit code of the process.
    """
    parser = argparse.ArgumentParser(prog="metaflow_service")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in COMMANDS.items():
        subcommand = commands.add_parser(name, help=summary)
        if name == "health":
            subcommand.add_argument("server", nargs="?", choices=list(SERVERS), default="metadata")
    arguments = parser.parse_args(argv)
    command: str = arguments.command

    # A health check runs every few seconds: it imports neither boto3 nor psycopg2.
    if command == "health":
        return check(os.environ, arguments.server)

    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s %(levelname)s metaflow_service.{command} %(message)s",
    )
    # What a deployment shows of a failed task is the end of its log: nothing that is always said.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    logger = logging.getLogger("metaflow_service")
    try:
        if command == "migrate":
            from .migrate import MigrationSettings, migrate  # noqa: PLC0415

            # The last line, for whoever started this task and reads its log.
            print(f"migrated: {migrate(MigrationSettings.from_environment(os.environ))}", flush=True)
            return 0
        from .serve import ServerSettings, UiSettings, serve, ui  # noqa: PLC0415

        if command == "ui":
            return ui(UiSettings.from_environment(os.environ))
        return serve(ServerSettings.from_environment(os.environ))
    except ServiceError as error:
        logger.error("%s", error)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
