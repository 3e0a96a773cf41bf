"""Flows of the real Metaflow client, and the state machine that it makes of one."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.services.metaflow_client import python

FLOW = """
from metaflow import FlowSpec, Parameter, step


class CountFlow(FlowSpec):
    most = Parameter("most", default=3)

    @step
    def start(self):
        self.numbers = list(range(1, self.most + 1))
        self.next(self.square, foreach="numbers")

    @step
    def square(self):
        self.result = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.result for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        print("the total is", self.total)


if __name__ == "__main__":
    CountFlow()
"""

READ = """
from metaflow import Flow, namespace

namespace(None)
run = Flow("CountFlow").latest_run
results = sorted(task.data.result for task in run["square"])
print(run.successful, run.data.total, results, run["end"].task.stdout.strip())
"""


def write_flow(folder: Path) -> Path:
    """The flow as a file in a folder of its own: all that is beside it becomes part of its code package."""
    path = folder / "flow" / "count_flow.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(FLOW)
    return path


def state_machine(shell: Mapping[str, str], flow: Path) -> dict[str, Any]:
    """What `step-functions create --only-json` makes of a flow."""
    done = python(shell, flow, "--no-pylint", "step-functions", "create", "--only-json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
