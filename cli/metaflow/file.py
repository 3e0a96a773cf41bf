"""Metaflow's configuration file: where Metaflow looks for it, what would change, and writing it."""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cli.metaflow.variables import KNOWN, SECRET, MetaflowError


def config_path(profile: str, environment: Mapping[str, str]) -> Path:
    """Where Metaflow looks: `$METAFLOW_HOME`, or `~/.metaflowconfig` (its metaflow_config_funcs.py).

    Args:
        profile: Name of the profile; empty for the default.
        environment: Variables of the shell.

    Raises:
        MetaflowError: The profile has no name that a file can have.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.-]{0,100}", profile):
        raise MetaflowError(f"profile {profile!r}: name it with letters, digits, hyphens, underscores and dots")
    folder = Path(environment.get("METAFLOW_HOME") or "~/.metaflowconfig").expanduser()
    return folder / (f"config_{profile}.json" if profile else "config.json")


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A file as it was read.

    Args:
        text: What it holds; None where there is no file.
        content: The same, as an object.
    """

    text: str | None
    content: dict[str, Any]


def read_file(path: Path) -> Existing:
    """What the file holds.

    Raises:
        MetaflowError: It cannot be read, or holds no JSON object.
    """
    way_out = "repair it, move it away, or choose another --profile"
    try:
        text = path.read_text()
        content: Any = json.loads(text or "{}")
    except FileNotFoundError:
        return Existing(text=None, content={})
    except (OSError, ValueError) as error:
        raise MetaflowError(f"{path} cannot be read ({error}): {way_out}") from None
    if not isinstance(content, dict):
        raise MetaflowError(f"{path} holds no object: {way_out}")
    return Existing(text=text, content=cast("dict[str, Any]", content))


def merged(existing: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """The new content: what is wanted, without what stacks decide and this one does not have; all else stays."""
    return {name: value for name, value in existing.items() if name not in KNOWN} | dict(wanted)


def differences(existing: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What changes, a line for each key; secrets are not shown."""

    def shown(name: str, content: Mapping[str, Any]) -> str:
        return "(secret)" if name in SECRET else str(content[name])

    for name in sorted({*existing, *new}):
        if name not in new:
            yield f"- {name} = {shown(name, existing)}"
        elif name not in existing:
            yield f"+ {name} = {shown(name, new)}"
        elif existing[name] != new[name]:
            yield f"~ {name} = {shown(name, existing)} -> {shown(name, new)}"


def write_file(path: Path, content: Mapping[str, Any], before: Existing) -> None:
    """Writes the file for its owner alone, so that a reader sees the old content or the new one.

    Args:
        path: The file; a link stays one.
        content: What it is to hold.
        before: What it held when the caller decided to write.

    Raises:
        MetaflowError: Somebody changed it since, or it cannot be written.
    """
    try:
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")  # with mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(dict(content), file, indent=4, sort_keys=True)
            if read_file(path).text != before.text:
                raise MetaflowError(f"{path} was changed by somebody else just now and is not written: start again")
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MetaflowError(f"{path} cannot be written ({error}): set METAFLOW_HOME to a folder of yours") from None
