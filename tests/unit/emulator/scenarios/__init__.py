"""One module for each group of services; importing them declares every scenario."""

from tests.unit.emulator.harness import SCENARIOS
from tests.unit.emulator.scenarios import application, batch, data, network, studio

__all__ = ["SCENARIOS", "application", "batch", "data", "network", "studio"]
