"""Reads `Pulumi.yaml` and `Pulumi.<stack>.yaml` as the engine would, without decrypting secrets."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

HIDDEN = "offline-plan-placeholder-1"
"""Stands for an encrypted value, which a plan without passphrase cannot read."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack's configuration.

    Args:
        project: Name of the project.
        name: Name of the stack.
        config: Values as the engine hands them to a program: JSON text for what is not a string.
        secret_keys: Keys that hold an encrypted value.
    """

    project: str
    name: str
    config: Mapping[str, str]
    secret_keys: frozenset[str]


def read_stack(root: Path, name: str, overrides: Mapping[str, Any] | None = None) -> Stack:
    """The stack `name` of the project in `root`.

    Args:
        root: Folder of `Pulumi.yaml`.
        name: Name of the stack.
        overrides: Values by full key, such as `mlplatform:api`, instead of the file's.

    Raises:
        FileNotFoundError: There is no such stack file; names those that are there.
    """
    project = cast("dict[str, Any]", yaml.safe_load((root / "Pulumi.yaml").read_text()))
    file = root / f"Pulumi.{name}.yaml"
    if not file.exists():
        stacks = ", ".join(sorted(path.name.split(".")[1] for path in root.glob("Pulumi.*.yaml")))
        raise FileNotFoundError(f"STACK={name}: there is no {file.name}; stacks here: {stacks}")
    content = cast("dict[str, Any]", yaml.safe_load(file.read_text()) or {})
    values = {**content.get("config", {}), **(overrides or {})}
    secret = frozenset(key for key, value in values.items() if _holds_secret(value))
    config = {key: _text(_revealed(value)) for key, value in values.items()}
    return Stack(project=project["name"], name=name, config=config, secret_keys=secret)


def _holds_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        return set(mapping) == {"secure"} or any(_holds_secret(below) for below in mapping.values())
    return isinstance(value, list) and any(_holds_secret(below) for below in cast("list[Any]", value))


def _revealed(value: Any) -> Any:
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        if set(mapping) == {"secure"}:
            # Another ciphertext is another value, so that a change of it is seen.
            return f"{HIDDEN}-{hashlib.sha256(str(mapping['secure']).encode()).hexdigest()[:8]}"
        return {key: _revealed(below) for key, below in mapping.items()}
    return [_revealed(below) for below in cast("list[Any]", value)] if isinstance(value, list) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
