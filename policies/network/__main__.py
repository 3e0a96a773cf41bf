"""Serves the pack to the Pulumi engine."""

import sys
from pathlib import Path

# The engine runs this folder; the shared code is imported from the root of the repository.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from policies.framework.adapter import serve

serve("network", "Network for AWS, judged at preview as at update.")
