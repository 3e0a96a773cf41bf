"""Where the other tools are: an environment of their own, which `make` sets up and which may be missing."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / ".venv-peers"


class NoPeersError(RuntimeError):
    """The environment of the other tools is missing."""


def program(name: str) -> Path:
    """A program of the environment.

    Raises:
        NoPeersError: It is not there.
    """
    found = ENVIRONMENT / "bin" / name
    if not found.exists():
        raise NoPeersError(f"{found.relative_to(ROOT)} is missing; run `make .venv-peers/.installed`")
    return found
