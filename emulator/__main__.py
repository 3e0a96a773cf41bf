"""`python -m emulator start | stop | status | run | residue | additions`."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import emulator
from emulator import process


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when it did or found what was asked for."""
    options = _parser().parse_args(argv)
    state_dir: Path = options.state_dir
    if options.command == "run":
        process.run(options.port, state_dir, options.instance)
        return 0
    if options.command == "start":
        return _start(state_dir, options.port)
    if options.command == "stop":
        print("emulator: stopped" if emulator.stop(state_dir) else "emulator: not running")
        return 0
    if options.command == "additions":
        from emulator.additions import table  # noqa: PLC0415 - loads moto

        print(table())
        return 0
    found = emulator.running(state_dir)
    if found is None:
        print("emulator: not running")
        return 1
    answer = emulator.residue(found.url) if options.command == "residue" else asdict(found)
    print(json.dumps(answer, indent=2))
    return 0


def _start(state_dir: Path, port: int) -> int:
    try:
        found = emulator.start(state_dir, port)
    except emulator.EmulatorError as error:
        print(f"emulator: {error}", file=sys.stderr)
        return 1
    if port not in {0, found.port}:
        print(f"emulator: port {port} is not the one in use, see the address")
    print(f"emulator: {found.url}, pid {found.pid}, instance {found.instance}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emulator", description=__doc__)
    parser.add_argument("command", choices=["start", "stop", "status", "run", "residue", "additions"])
    parser.add_argument("--port", type=int, default=process.USUAL_PORT, help="used if free; else any free port")
    parser.add_argument("--state-dir", type=Path, default=Path(".local/emulator"))
    parser.add_argument("--instance", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
