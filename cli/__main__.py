"""The commands behind the Makefile: `python -m cli COMMAND`."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pulumi

from cli import dns, local, login, metaflow_roles, remote
from cli.doctor.command import doctor
from cli.engine import NoEngineError, find_engine
from cli.metaflow.configure import configure
from cli.metaflow.variables import MetaflowError
from cli.plan import read_stack, record
from cli.plan.picture import picture
from cli.plan.report import plan
from client.mlplatform_client import TokenError
from lib.tables import page as tables_page
from settings.docs import configuration

ROOT = Path(__file__).parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; gives its exit code."""
    args = _parser().parse_args(arguments)
    try:
        return _run(args)
    except (NoEngineError, FileNotFoundError, MetaflowError, TimeoutError, TokenError, pulumi.RunError) as error:
        print(f"error: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"error: {' '.join(error.cmd[1:])} failed:\n{error.stderr or error.stdout}", file=sys.stderr)
    return 1


def _run(args: argparse.Namespace) -> int:
    commands: dict[str, Callable[[], int]] = {
        "up": lambda: local.up(ROOT),
        "down": lambda: local.down(ROOT),
        "plan": lambda: plan(ROOT, args.stack),
        "preview": lambda: remote.preview(ROOT, args.stack),
        "deploy": lambda: remote.deploy(ROOT, args.stack, yes=args.yes),
        "destroy": lambda: remote.destroy(ROOT, args.stack, yes=args.yes),
        "env": lambda: remote.env(ROOT, args.stack, with_secrets=args.secrets, environment=_environment(args.stack)),
        "dns": lambda: dns.show(ROOT, args.stack, resolver=args.resolver, environment=_environment(args.stack)),
        "login": lambda: login.login(_door(args), browser=not args.no_browser),
        "token": lambda: login.token(args.stack),
        "logout": lambda: login.logout(args.stack),
        "metaflow": lambda: _configure(args),
        "doctor": lambda: doctor(ROOT, args.stack, _environment(args.stack)),
        "docs": _docs,
    }
    return commands[args.command]()


def _environment(stack: str) -> dict[str, str]:
    return local.running_environment(ROOT) if stack == local.STACK else {}


def _door(args: argparse.Namespace) -> login.Door:
    if args.config:
        return login.configured(args.config)
    return login.deployed(args.stack, find_engine(ROOT, _environment(args.stack)).outputs(args.stack))


def _configure(args: argparse.Namespace) -> int:
    return configure(
        ROOT,
        args.stack,
        profile=args.profile,
        yes=args.yes,
        role=args.role,
        check_only=args.check,
        environment=_environment(args.stack),
    )


def _docs() -> int:
    (ROOT / "docs" / "configuration.md").write_text(configuration())
    tables = ROOT / "docs" / "tables.md"
    tables.write_text(tables_page(tables.read_text()))
    metaflow_roles.write()
    (ROOT / "docs" / "architecture.svg").write_text(picture(record(ROOT, read_stack(ROOT, "prod"))))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cli", description="ML platform")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="deploy the stack local on the emulator")
    commands.add_parser("down", help="destroy the stack local and stop the emulator")
    commands.add_parser("docs", help="write docs/configuration.md and docs/architecture.svg")
    for name, text in (
        ("plan", "offline plan: tree, counts, policies, picture"),
        ("preview", "pulumi preview with the policy packs"),
        ("deploy", "pulumi up with the policy packs"),
        ("destroy", "pulumi destroy, unless something is protected"),
        ("env", "shell exports for clients of MLflow and Metaflow"),
        ("dns", "the stack's DNS entries as a zone file, and whether they resolve yet"),
        ("token", "print a token for the stack's APIs, refreshed if it is about to end"),
        ("logout", "end the login to a stack"),
        ("doctor", "whether Metaflow's jobs can start, and why not"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--stack", required=True, help="name of the stack, as in Pulumi.<stack>.yaml")
        if name in ("deploy", "destroy"):
            command.add_argument("--yes", action="store_true", help="do not ask")
        if name == "env":
            command.add_argument(
                "--secrets", action="store_true", help="print user and password, or Metaflow's API key, too"
            )
        if name == "dns":
            command.add_argument("--resolver", help="DNS server to ask, ADDRESS or ADDRESS:PORT")
    command = commands.add_parser("login", help="log in to a stack by the browser")
    door = command.add_mutually_exclusive_group(required=True)
    door.add_argument("--stack", help="name of the stack, whose outputs say where its users log in")
    door.add_argument("--config", help="address of the platform's page, or file of its config.json, instead")
    command.add_argument("--no-browser", action="store_true", help="this machine has none: show the address")
    _metaflow(commands.add_parser("metaflow", help="Metaflow's client"))
    return parser


def _metaflow(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True)
    command = commands.add_parser("configure", help="write Metaflow's configuration file, and check what it names")
    command.add_argument("--stack", required=True, help="name of the stack, as in Pulumi.<stack>.yaml")
    command.add_argument("--profile", help="Metaflow's profile (default: METAFLOW_PROFILE, or none)")
    command.add_argument(
        "--role", action="store_true", help="the user role is meant to be assumed: fail if it cannot be"
    )
    writing = command.add_mutually_exclusive_group()
    writing.add_argument("--yes", action="store_true", help="do not ask before changing an existing file")
    writing.add_argument("--check", action="store_true", help="write nothing")


if __name__ == "__main__":
    sys.exit(main())
