"""An embedded AWS emulator: moto's server with the operations and corrections that the platform's resources need."""

from typing import TYPE_CHECKING, Any

from emulator.process import Emulator, EmulatorError, answering_instance, running, start, stop

if TYPE_CHECKING:
    from emulator.registry import Addition

    ADDITIONS: tuple[Addition, ...]

__all__ = [
    "ADDITIONS",
    "Emulator",
    "EmulatorError",
    "answering_instance",
    "residue",
    "running",
    "start",
    "stop",
]


def residue(url: str, *regions: str) -> dict[str, list[str]]:
    """List everything in the emulator that a destroyed stack left behind, by kind; empty when nothing is left.

    Args:
        url: Address of the emulator.
        regions: Where to look; us-east-1 if none is given.
    """
    from emulator.leftovers import find  # noqa: PLC0415 - boto3 loads only for those who ask

    return find(url, *regions)


def __getattr__(name: str) -> Any:
    # Loading moto takes seconds; starting and stopping must not pay for it.
    if name == "ADDITIONS":
        from emulator import services as services  # noqa: PLC0415
        from emulator.registry import ADDITIONS  # noqa: PLC0415

        return tuple(sorted(ADDITIONS))
    raise AttributeError(name)
