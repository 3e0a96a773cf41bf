"""Serves all packs to the Pulumi engine as one."""

import sys
from pathlib import Path

# The engine runs this folder; its code is imported from the root of the repository.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from policies.framework.adapter import serve
from policies.framework.registry import packs

serve("guardrails", "All packs, judged at preview as at update.", packs())
