"""Run every scenario against plain moto, in a process where our additions are never installed; prints JSON."""

import json
import os
import sys

os.environ["MOTO_ACM_VALIDATION_WAIT"] = "1"

from moto.core.utils import method_names_from_class
from moto.server import ThreadedMotoServer

import emulator
from tests.unit.emulator.harness import Aws
from tests.unit.emulator.scenarios import SCENARIOS


def _gained() -> list[str]:
    """The added operations that plain moto has by now."""
    found: list[str] = []
    for addition in emulator.ADDITIONS:
        if addition.kind == "adds":
            module, _, rest = addition.target.rpartition(".")[0].rpartition(".")
            response = getattr(sys.modules[module], rest)
            if addition.target.rpartition(".")[2] in method_names_from_class(response):
                found.append(f"{addition.service} {addition.operation}")
    return found


def main() -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    aws = Aws("http://{}:{}".format(*server.get_host_and_port()))
    passed: list[str] = []
    for scenario in SCENARIOS:
        try:
            scenario.run(aws)
            passed.append(scenario.name)
        except Exception:
            continue
    json.dump({"gained": _gained(), "passed": passed, "run": len(SCENARIOS)}, sys.stdout)


if __name__ == "__main__":
    main()
