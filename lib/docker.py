"""Whether images can be built here."""

import shutil
import subprocess
from contextvars import ContextVar

CHECK_SECONDS = 15

builds: ContextVar[bool] = ContextVar("builds", default=True)
"""Off while a plan is made: it builds nothing."""


def docker_answers() -> bool:
    """Whether there is a Docker client whose engine answers."""
    program = shutil.which("docker")
    if program is None:
        return False
    try:
        asked = subprocess.run([program, "info"], capture_output=True, timeout=CHECK_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0
