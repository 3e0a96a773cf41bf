"""The policy packs of this repository, and how the platform configures them."""

import json
from pathlib import Path
from typing import Any

FOLDER = "policies"
"""Serves all packs in one process; each of them can be named by its own folder too."""


def policy_packs(root: Path) -> list[Path]:
    """Folders of the single packs."""
    return sorted(file.parent for file in (root / FOLDER).glob("*/PulumiPolicy.yaml"))


def policy_pack_options(root: Path) -> list[str]:
    """The engine's options for all packs, configured as the platform's own stacks need it."""
    return ["--policy-pack", str(root / FOLDER), "--policy-pack-config", str(_config(root))]


def policy_config(root: Path) -> dict[str, Any]:
    """That configuration, for judging offline; empty for a program that declares nothing."""
    file = _config(root)
    return json.loads(file.read_text()) if file.exists() else {}


def _config(root: Path) -> Path:
    return root / FOLDER / "config.json"
