"""Reads a container's environment: all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import ConfigurationError


class Environment:
    """The variables that are set, and what is wrong with them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Leaves out what is blank: ECS cannot unset a variable of the image, so an empty value means the default.

        Args:
            variables: The process's environment.
        """
        self.given = {name: value for name, value in variables.items() if value.strip()}
        self.errors: list[str] = []

    def required(self, name: str, hint: str) -> str:
        """Returns a variable that has no default, or notes that it is not set.

        Args:
            name: The variable.
            hint: The way out.
        """
        if name not in self.given:
            self.errors.append(f"{name} is not set: {hint}")
        return self.given.get(name, "")

    def region(self) -> str:
        """Returns the region of the AWS clients."""
        return (
            self.given.get("AWS_REGION")
            or self.given.get("AWS_DEFAULT_REGION")
            or self.required("AWS_REGION", "give the region")
        )

    def number(self, name: str, default: int, least: int) -> int:
        """Returns a whole number of at least `least`, or notes why the variable is none.

        Args:
            name: The variable.
            default: Its value where it is not set.
            least: Its least value.
        """
        text = self.given.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or int(text) < least:
            self.errors.append(f"{name} is {text!r}: give a whole number of at least {least}")
            return default
        return int(text)

    def choice(self, name: str, default: str, choices: Sequence[str]) -> str:
        """Returns one of a few words, or notes which there are.

        Args:
            name: The variable.
            default: Its value where it is not set.
            choices: What may be given.
        """
        value = self.given.get(name, default)
        if value not in choices:
            self.errors.append(f"{name} is {value!r}: give one of {', '.join(choices)}")
        return value

    def file(self, name: str, default: str, hint: str) -> Path:
        """Returns the path of a file that is there, or notes that it is not.

        Args:
            name: The variable.
            default: Its value where it is not set.
            hint: The way out.
        """
        value = Path(self.given.get(name, default))
        if not value.is_file():
            self.errors.append(f"{name} is {str(value)!r}: no such file; {hint}")
        return value

    def check(self) -> None:
        """Ends the reading.

        Raises:
            ConfigurationError: Names every wrong variable, its value and the way out.
        """
        if self.errors:
            raise ConfigurationError("the environment of the container is wrong:\n  " + "\n  ".join(self.errors))
