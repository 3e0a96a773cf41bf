"""Entry point of the container: `python -m metaflow_service migrate | serve | ui | health [metadata|database|ui]`.

A health check runs every few seconds, so each subcommand imports what it needs itself.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from platform_service.program import Command, Health, run

from .health import SERVERS, check


def _migrate() -> int:
    from .migrate import MigrationSettings, migrate  # noqa: PLC0415

    # The last line, for whoever started this task and reads its log.
    print(f"migrated: {migrate(MigrationSettings.from_environment(os.environ))}", flush=True)
    return 0


def _serve() -> int:
    from .serve import ServerSettings, serve  # noqa: PLC0415

    return serve(ServerSettings.from_environment(os.environ))


def _ui() -> int:
    from .serve import UiSettings, ui  # noqa: PLC0415

    return ui(UiSettings.from_environment(os.environ))


COMMANDS = {
    "migrate": Command("bring the schema to this image's version under a database lock, and end", _migrate),
    "serve": Command("run the metadata service and end when the database's secret rotates", _serve),
    "ui": Command("run the UI and its back end and end when the database's secret rotates", _ui),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand, with the arguments `argv` or the process's own, and returns the exit code."""
    # What a deployment shows of a failed task is the end of its log: nothing that is always said.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    return run("metaflow_service", argv, COMMANDS, Health(servers=list(SERVERS), check=check))


if __name__ == "__main__":
    sys.exit(main())
