"""The policy packs of this repository, and how the platform configures them."""

import json
from pathlib import Path
from typing import Any

CONFIG = "config.json"
"""In each pack's folder: what the platform's own stacks declare, in the shape of `--policy-pack-config`."""


def policy_packs(root: Path) -> list[Path]:
    """Folders of the packs."""
    return sorted(file.parent for file in (root / "policies").glob("*/PulumiPolicy.yaml"))


def policy_pack_options(root: Path) -> list[str]:
    """`--policy-pack` and `--policy-pack-config` for each pack; the engine pairs them by their order."""
    return [
        option
        for pack in policy_packs(root)
        for option in ("--policy-pack", str(pack), "--policy-pack-config", str(pack / CONFIG))
    ]


def policy_config(root: Path) -> dict[str, Any]:
    """The configuration of all packs, for judging offline."""
    return {
        name: value for pack in policy_packs(root) for name, value in json.loads((pack / CONFIG).read_text()).items()
    }
