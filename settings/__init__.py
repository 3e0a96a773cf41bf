"""Typed stack configuration: `load_settings()` in `__main__.py`, sections for the components."""

from settings.load import ConfigError, load_settings, parse_settings
from settings.model import Settings

__all__ = ["ConfigError", "Settings", "load_settings", "parse_settings"]
