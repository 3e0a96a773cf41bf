"""The password file of NGINX: one line, replaced as a whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from passlib.hash import sha512_crypt  # pyright: ignore[reportAttributeAccessIssue]: made when asked for
from platform_service.errors import ConfigurationError

# musl's crypt() refuses longer keys, and NGINX reads the file in blocks of 2 KiB.
MAX_PASSWORD = 256
MAX_USERNAME = 128


def check_credentials(username: str, password: str) -> None:
    """Refuses what basic authentication or NGINX's file cannot carry.

    Args:
        username: Printable ASCII without a colon, not beginning with `#` (a comment to NGINX).
        password: Printable ASCII.

    Raises:
        ConfigurationError: Says which rule is broken, without showing the password.
    """
    if not username.isascii() or not username.isprintable() or ":" in username or username.startswith("#"):
        raise ConfigurationError(
            f"user name {username!r} of the credentials secret: use printable ASCII without ':', not beginning with '#'"
        )
    if not password.isascii() or not password.isprintable():
        raise ConfigurationError("the password of the credentials secret: use printable ASCII characters only")
    if not 1 <= len(username) <= MAX_USERNAME or not 1 <= len(password) <= MAX_PASSWORD:
        raise ConfigurationError(
            f"the credentials secret: use 1 to {MAX_USERNAME} characters for the user name "
            f"and 1 to {MAX_PASSWORD} for the password"
        )


def line(username: str, password: str, rounds: int) -> str:
    """Returns `user:hash`.

    SHA-512-crypt, because NGINX computes the hash on every request: its least cost (1000 rounds) is well below
    that of bcrypt's usual one, and has no limit of 72 bytes. The strength is in the generated password.

    Args:
        username: Checked user name.
        password: Checked password.
        rounds: Cost of one check; 1000 is the least the format knows.
    """
    return f"{username}:{sha512_crypt.using(rounds=rounds).hash(password)}"


def write(path: Path, username: str, password: str, rounds: int) -> None:
    """Writes the file in one step, readable by this user only (NGINX runs as the same).

    Args:
        path: The password file; its folder must exist and be writable.
        username: User name.
        password: Password.
        rounds: Cost of one check.

    Raises:
        ConfigurationError: The credentials or the folder cannot be used.
    """
    check_credentials(username, password)
    replace(path, line(username, password, rounds) + "\n")


def replace(path: Path, text: str) -> None:
    """Replaces a file's whole content atomically, mode 0600.

    Args:
        path: The file.
        text: Its new content.

    Raises:
        ConfigurationError: The folder cannot be written.
    """
    try:
        # mkstemp makes the file with mode 0600, so there is no moment in which others could read it.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error}; mount a volume there that user {os.getuid()} may write"
        ) from error
