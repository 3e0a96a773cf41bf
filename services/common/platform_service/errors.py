"""Errors that end a subcommand with one clear line and a fixed exit code."""

from __future__ import annotations

# sysexits.h: EX_CONFIG, EX_UNAVAILABLE, EX_TEMPFAIL. ECS shows the number as the container's exit code.
EXIT_CONFIG = 78
EXIT_UNAVAILABLE = 69
EXIT_ROTATED = 75


class ServiceError(Exception):
    """A failure whose message is meant for an operator: what, why, and the way out."""

    exit_code = EXIT_UNAVAILABLE


class ConfigurationError(ServiceError):
    """The environment of the container, a parameter or a secret has a value that cannot work."""

    exit_code = EXIT_CONFIG
