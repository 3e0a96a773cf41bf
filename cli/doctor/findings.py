"""Findings of commands that look at an account: ok, warn or fail, the reason, and the way out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar, cast

from botocore.exceptions import ClientError

Value = TypeVar("Value")

DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403")
"""What AWS's services call a call that the caller may not make; `403` is an answer without a body."""

WORTHLESS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "AuthFailure",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
)
"""What they call credentials with which no call can be made."""


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How a check ended.

    Args:
        level: How.
        what: What was looked at.
        why: What was seen.
        way_out: What to do; empty where all is well.
    """

    level: Level
    what: str
    why: str
    way_out: str = ""


def ok(what: str, why: str) -> Finding:
    """All is well."""
    return Finding(level=Level.OK, what=what, why=why)


def warn(what: str, why: str, way_out: str) -> Finding:
    """It works, or may work, and somebody should know."""
    return Finding(level=Level.WARN, what=what, why=why, way_out=way_out)


def fail(what: str, why: str, way_out: str) -> Finding:
    """It does not work."""
    return Finding(level=Level.FAIL, what=what, why=why, way_out=way_out)


@dataclass(frozen=True, kw_only=True)
class Unread:
    """What AWS did not tell.

    Args:
        action: The call, by its IAM action.
        code: AWS's error code.
        why: AWS's words.
    """

    action: str
    code: str
    why: str

    @property
    def denied(self) -> bool:
        """Whether it exists, for all we know, and the caller may not see it."""
        return self.code in DENIED


def read(action: str, call: Callable[[], Value]) -> Value | Unread:
    """What a call gives, or why it gives nothing.

    Args:
        action: The call, by its IAM action.
        call: The call.

    Raises:
        botocore.exceptions.ClientError: The credentials are worthless, so that nothing else can be read either.
    """
    try:
        return call()
    except ClientError as error:
        code = error_code(error)
        if code in WORTHLESS:
            raise
        return Unread(action=action, code=code, why=error_message(error))


def error_code(error: ClientError) -> str:
    """AWS's error code, without the `Client.` that EC2 puts before some."""
    return str(_error(error).get("Code", "")).removeprefix("Client.")


def error_message(error: ClientError) -> str:
    """AWS's words in one line, with the code where there are none."""
    return " ".join(str(_error(error).get("Message") or error_code(error)).split())


def _error(error: ClientError) -> dict[str, Any]:
    return cast("dict[str, Any]", cast("Any", error).response.get("Error", {}))


def not_read(what: str, unread: Unread) -> Finding:
    """A check that could not be made: a warning where the caller may not look, a failure where AWS says more."""
    if unread.denied:
        return warn(what, f"not looked at: {unread.why}", f"let your role call {unread.action}, or ask who may")
    return fail(
        what,
        f"{unread.action}: {unread.code}: {unread.why}",
        "deploy the stack again; its outputs name what AWS has not",
    )


def table(findings: Iterable[Finding]) -> Iterator[str]:
    """Lines of the table: level, what, and why; the way out below."""
    known = list(findings)
    width = max((len(one.what) for one in known), default=0)
    for one in known:
        yield f"{one.level:<4}  {one.what:<{width}}  {one.why}"
        if one.way_out:
            yield f"{'':<4}  {'':<{width}}  -> {one.way_out}"


def exit_code(findings: Iterable[Finding]) -> int:
    """1 if a check failed."""
    return int(any(one.level is Level.FAIL for one in findings))
