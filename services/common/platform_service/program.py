"""A container's program: a subcommand for each thing that it does, a health check, and failures in one line."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .errors import ServiceError


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes:
        summary: What it does, for the help.
        run: Does it and returns the exit code of the process; imports what it needs.
    """

    summary: str
    run: Callable[[], int]


@dataclass(frozen=True, kw_only=True)
class Health:
    """The subcommand `health`.

    Attributes:
        servers: What can be asked, the default first.
        check: Asks one of them and returns the exit code. It runs every few seconds, so it imports neither boto3 nor
            a database's driver.
    """

    servers: Sequence[str]
    check: Callable[[Mapping[str, str], str], int]


def run(package: str, argv: Sequence[str] | None, commands: Mapping[str, Command], health: Health) -> int:
    """Runs one subcommand.

    Args:
        package: Name of the program, as its log has it.
        argv: The arguments after the program's name; the process's own when None.
        commands: The subcommands by name.
        health: The subcommand `health`.

    Returns:
        The exit code of the process.
    """
    parser = argparse.ArgumentParser(prog=package)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, one in commands.items():
        subparsers.add_parser(name, help=one.summary)
    asking = subparsers.add_parser("health", help="exit 0 when a server of this task answers")
    asking.add_argument("server", nargs="?", choices=list(health.servers), default=health.servers[0])
    arguments = parser.parse_args(argv)
    command: str = arguments.command
    if command == "health":
        return health.check(os.environ, arguments.server)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format=f"%(asctime)s %(levelname)s {package}.{command} %(message)s"
    )
    try:
        return commands[command].run()
    except ServiceError as error:
        logging.getLogger(package).error("%s", error)
        return error.exit_code
