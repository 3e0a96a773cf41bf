"""The policy packs of this repository, as options of the engine."""

from pathlib import Path


def policy_packs(root: Path) -> list[Path]:
    """Folders of the packs."""
    return sorted(file.parent for file in (root / "policies").glob("*/PulumiPolicy.yaml"))


def policy_pack_options(root: Path) -> list[str]:
    """`--policy-pack` for each pack."""
    return [option for pack in policy_packs(root) for option in ("--policy-pack", str(pack))]
