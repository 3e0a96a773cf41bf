"""Fits a line with several learning rates at once, one Batch job each, and keeps the best; every Monday at six.

README.md beside this file says how to run it. It needs nothing but Metaflow, so jobs run in the platform's own image.
"""

import os
import random
from collections.abc import Callable
from typing import Any, TypeVar

from metaflow import FlowSpec, Parameter, batch, retry, schedule, step

Step = TypeVar("Step", bound=Callable[..., Any])

LOCAL = os.environ.get("TUNE_LOCAL") == "1"
"""Whether all steps run on this machine: `@batch` is left out, and nothing else changes."""

SLOPE, INTERCEPT = 3.0, -2.0
"""The line that is looked for."""


def on_batch(**resources: int) -> Callable[[Step], Step]:
    """`@batch` with these resources, or nothing with `TUNE_LOCAL=1`."""

    def decorate(function: Step) -> Step:
        return function if LOCAL else batch(**resources)(function)

    return decorate


def measured(number: int) -> list[tuple[float, float]]:
    """Points near the line, the same ones each time."""
    source = random.Random(1)
    places = [source.uniform(-1, 1) for _ in range(number)]
    return [(x, SLOPE * x + INTERCEPT + source.gauss(0, 0.1)) for x in places]


def fit(points: list[tuple[float, float]], rate: float, rounds: int) -> tuple[float, float, float]:
    """Slope, intercept and mean squared error after gradient descent."""
    slope = intercept = 0.0
    for _ in range(rounds):
        errors = [(x, slope * x + intercept - y) for x, y in points]
        slope -= rate * 2 * sum(error * x for x, error in errors) / len(points)
        intercept -= rate * 2 * sum(error for _, error in errors) / len(points)
    return slope, intercept, sum((slope * x + intercept - y) ** 2 for x, y in points) / len(points)


@schedule(cron="0 6 ? * MON *")
class TuneFlow(FlowSpec):
    """Start, one training for each rate, a choice, the end."""

    points: Any = Parameter("points", help="number of points", default=200)
    rounds: Any = Parameter("rounds", help="rounds of each training", default=100)

    @step
    def start(self) -> None:
        """Decides what is tried."""
        self.rates = [0.01, 0.1, 0.5]
        self.next(self.train, foreach="rates")

    # A whole vCPU with two GiB is a size that Fargate has as well.
    @retry(times=2)
    @on_batch(cpu=1, memory=2048)
    @step
    def train(self) -> None:
        """Trains with one rate."""
        rate: Any = self.input
        self.slope, self.intercept, self.error = fit(measured(self.points), rate, self.rounds)
        self.rate = rate
        print(f"rate {rate}: mean squared error {self.error:.4f}")
        self.next(self.choose)

    @step
    def choose(self, inputs: Any) -> None:
        """Keeps the best."""
        best = min(inputs, key=lambda one: one.error)
        self.rate, self.slope, self.intercept, self.error = best.rate, best.slope, best.intercept, best.error
        self.next(self.end)

    @step
    def end(self) -> None:
        """Says what was found."""
        print(f"best rate: {self.rate}, line: {self.slope:.2f} x {self.intercept:+.2f}")


if __name__ == "__main__":
    TuneFlow()
