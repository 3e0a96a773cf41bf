"""The commands behind the Makefile: `python -m cli COMMAND`."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pulumi

from cli import local, remote
from cli.engine import NoEngineError
from cli.plan import read_stack, record
from cli.plan.picture import picture
from cli.plan.report import plan
from settings.docs import configuration

ROOT = Path(__file__).parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; gives its exit code."""
    args = _parser().parse_args(arguments)
    try:
        return _run(args)
    except (NoEngineError, FileNotFoundError, TimeoutError, pulumi.RunError) as error:
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
        "docs": _docs,
    }
    return commands[args.command]()


def _environment(stack: str) -> dict[str, str]:
    return local.running_environment(ROOT) if stack == local.STACK else {}


def _docs() -> int:
    (ROOT / "docs" / "configuration.md").write_text(configuration())
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
        ("env", "shell exports for an MLflow client"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--stack", required=True, help="name of the stack, as in Pulumi.<stack>.yaml")
        if name in ("deploy", "destroy"):
            command.add_argument("--yes", action="store_true", help="do not ask")
        if name == "env":
            command.add_argument("--secrets", action="store_true", help="print user and password too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
