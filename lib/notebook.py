"""The notebook instance's start script, filled in."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

CONTENT_LIMIT = 16_384
"""Characters of a lifecycle script in base64 (SageMaker API reference, `NotebookInstanceLifecycleHook`)."""


def start_script(folder: Path, *, config: Mapping[str, str], metaflow_version: str, idle_minutes: int) -> str:
    """The script in base64, as SageMaker takes it.

    Args:
        folder: Folder of the scripts (`services/metaflow-notebook`).
        config: Metaflow's configuration file.
        metaflow_version: Version of the package.
        idle_minutes: Minutes after which an idle instance stops.

    Raises:
        ValueError: It is longer than SageMaker takes.
    """
    parts = {
        "@CONFIG@": _lines(json.dumps(dict(config), indent=1, sort_keys=True).encode()),
        "@METAFLOW_VERSION@": metaflow_version,
        "@IDLE_MINUTES@": str(idle_minutes),
        "@IDLE_STOP@": _lines((folder / "idle_stop.py").read_bytes()),
    }
    script = (folder / "on-start.sh").read_text()
    for name, value in parts.items():
        script = script.replace(name, value)
    content = base64.b64encode(script.encode()).decode()
    if len(content) > CONTENT_LIMIT:
        raise ValueError(f"the start script has {len(content)} characters in base64; SageMaker takes {CONTENT_LIMIT}")
    return content


def _lines(data: bytes) -> str:
    return base64.encodebytes(data).decode().rstrip("\n")
