"""What a recording leaves out: the values of the stack's outputs, and what AWS computes of resources that are there."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from cli.plan.recorder import RecordingMonitor, record
from cli.plan.stack_file import Stack

ROOT = Path(__file__).parents[1]

Computes = Mapping[str, Callable[[str, Any], Mapping[str, str]]]
"""By type, what AWS computes of a resource: from its logical name and its inputs."""


def exist(monkeypatch: pytest.MonkeyPatch, computes: Computes) -> None:
    """As if resources of these types were there already: their ids are known, and what AWS computes."""
    register = RecordingMonitor.RegisterResource

    def registered(monitor: RecordingMonitor, request: Any) -> Any:
        answer = register(monitor, request)
        if request.type in computes:
            answer.id = f"id of {request.name}"
            answer.object.update(computes[request.type](request.name, request.object))
        return answer

    monkeypatch.setattr(RecordingMonitor, "RegisterResource", registered)


def exists(monkeypatch: pytest.MonkeyPatch, type_: str, *outputs: str) -> None:
    """The same for one type: some of what AWS computes is known, by the names of property and resource."""
    exist(monkeypatch, {type_: lambda name, _: {output: f"{output} of {name}" for output in outputs}})


class Exported:
    """The stack's outputs by name: value, secretness, and the resources that they come from."""

    def __init__(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        self._outputs: dict[str, pulumi.Output[Any]] = {}
        monkeypatch.setattr(pulumi, "export", self._keep)
        self.recording = record(ROOT, stack)

    def _keep(self, name: str, value: Any) -> None:
        self._outputs[name] = pulumi.Output.from_input(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def value(self, name: str) -> Any:
        return self._done(self._outputs[name].future(with_unknowns=True))

    def secret(self, name: str) -> bool:
        return bool(self._done(self._outputs[name].is_secret()))

    def sources(self, name: str) -> set[str]:
        return {type(each).__name__ for each in self._done(self._outputs[name].resources())}

    @staticmethod
    def _done(future: Any) -> Any:
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(future)
        finally:
            loop.close()
