"""What Lambda calls."""

import os
from pathlib import Path

from .app import application
from .settings import read_settings

handler = application(read_settings(os.environ, Path(__file__).parents[1] / "config.json"))
