"""Logins of people on this machine: one file for each stack, which only its owner may read."""

import contextlib
import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .oauth import Granted, RefusedError, TokenError, UnreachableError, ask, grant


@dataclass(frozen=True)
class Login:
    """A person's login to a stack.

    Args:
        stack: Name of the stack.
        login_url: The provider's login pages and token endpoint, without a slash at its end.
        client_id: Client through which the person logged in.
        tracking_uri: MLflow of the stack.
        access_token: The current token.
        expires_at: When it ends, in seconds since 1970.
        refresh_at: From when a new one is to be asked for.
        refresh_token: With what; None where the provider gives none.
    """

    stack: str
    login_url: str
    client_id: str
    tracking_uri: str
    access_token: str
    expires_at: float
    refresh_at: float
    refresh_token: str | None

    def renewed(self, granted: Granted) -> "Login":
        """The same login with what was granted since; a refresh token stays unless it is replaced."""
        return replace(
            self,
            access_token=granted.access_token,
            expires_at=granted.expires_at,
            refresh_at=granted.refresh_at,
            refresh_token=granted.refresh_token or self.refresh_token,
        )


def folder() -> Path:
    """Where logins are: `$XDG_CONFIG_HOME/mlplatform`, by default in `~/.config`."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "mlplatform"


def how_to_log_in(stack: str) -> str:
    """The command, for messages."""
    return f"run `make login STACK={stack}`"


def load(stack: str) -> Login | None:
    """The login to a stack, if there is one.

    Raises:
        TokenError: Its file is not one of ours.
    """
    path = _path(stack)
    try:
        return Login(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise TokenError(f"{path} cannot be read ({type(error).__name__}): {how_to_log_in(stack)}") from None


def save(login: Login) -> None:
    """Writes a login, so that a reader sees the old file or the new one, and nobody else sees either."""
    path = _path(login.stack)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{login.stack}-")  # with mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(login), file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def stacks() -> list[str]:
    """Stacks to which somebody is logged in."""
    return sorted(path.stem for path in folder().glob("*.json"))


def by_address(url: str) -> list[Login]:
    """Logins to the stack whose MLflow serves an address."""
    found = [load(stack) for stack in stacks()]
    return [login for login in found if login and _serves(login.tracking_uri, url)]


def fresh(stack: str) -> str | None:
    """A token of the login to a stack, refreshed if it is about to end; None without a login.

    Of several processes one refreshes, and the others wait for it: a provider may end a refresh token at its first use.

    Raises:
        TokenError: The login has ended, or the provider cannot be reached and the token has ended.
    """
    login = load(stack)
    if login is None or time.time() < login.refresh_at:
        return login.access_token if login else None
    with _locked(stack):
        login = load(stack)
        if login is None or time.time() < login.refresh_at:
            return login.access_token if login else None
        try:
            login = _refresh(login)
        except UnreachableError:
            if time.time() >= login.expires_at:
                raise
        else:
            save(login)
        return login.access_token


def forget(stack: str) -> bool:
    """Ends a login, at the provider and here; says whether there was one.

    Raises:
        TokenError: The provider did not end it; here it is forgotten nevertheless.
    """
    with _locked(stack):
        login = load(stack)
        _path(stack).unlink(missing_ok=True)
    if login is None:
        return False
    if login.refresh_token:
        try:
            ask(f"{login.login_url}/oauth2/revoke", {"token": login.refresh_token, "client_id": login.client_id})
        except TokenError as error:
            raise TokenError(
                f"the login to stack {stack} is forgotten here, but the provider did not end it ({error}): its refresh "
                "token stays valid until it expires or an administrator signs you out"
            ) from None
    return True


def _refresh(login: Login) -> Login:
    ended = f"the login to stack {login.stack} has ended"
    if not login.refresh_token:
        raise TokenError(f"{ended}: {how_to_log_in(login.stack)}")
    fields = {"grant_type": "refresh_token", "client_id": login.client_id, "refresh_token": login.refresh_token}
    try:
        return login.renewed(grant(f"{login.login_url}/oauth2/token", fields))
    except RefusedError as error:
        reason = "its refresh token has expired or was revoked" if error.error == "invalid_grant" else str(error)
        raise TokenError(f"{ended} ({reason}): {how_to_log_in(login.stack)}") from None


def _path(stack: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", stack):
        raise TokenError(f"{stack!r} is not the name of a stack: letters, digits, hyphens, underscores and dots")
    return folder() / f"{stack}.json"


@contextlib.contextmanager
def _locked(stack: str) -> Generator[None]:
    path = _path(stack).with_suffix(".lock")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which ends the lock


def _serves(tracking_uri: str, url: str) -> bool:
    base = tracking_uri.rstrip("/")
    return url == base or url.startswith((f"{base}/", f"{base}?"))
