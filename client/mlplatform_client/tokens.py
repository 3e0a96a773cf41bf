"""Where a token comes from."""

import os

from . import logins, roles
from .oauth import TokenError

PROJECT = "mlplatform"


def token(stack: str | None = None) -> str:
    """A token for the platform's APIs: `MLFLOW_TRACKING_TOKEN` as it is, else what `fresh_token` gives.

    Raises:
        TokenError: There is none; the message says what to do.
    """
    return os.environ.get("MLFLOW_TRACKING_TOKEN") or fresh_token(stack)


def fresh_token(stack: str | None = None, *, url: str | None = None) -> str:
    """A token that is valid for a while: of this machine's login, else by its role.

    Args:
        stack: The stack; by default the one that `MLPLATFORM_STACK` names, or the one that there is a login to.
        url: Address for which the token is; chooses among several logins.

    Raises:
        TokenError: There is none; the message says what to do.
    """
    stack = stack or os.environ.get("MLPLATFORM_STACK")
    secret = os.environ.get("MLPLATFORM_TOKEN_SECRET")
    if stack is None and secret is None:
        stack = _only(url)
    found = logins.fresh(stack) if stack else None
    if found is not None:
        return found
    if secret:
        return roles.fresh(secret)
    try:
        return roles.fresh(f"{PROJECT}-{stack}-notebook-client")
    except TokenError as error:
        reason = "" if isinstance(error, roles.NoRoleError) else f"; nor does this machine's role help: {error}"
        how = logins.how_to_log_in(str(stack))
        raise TokenError(f"not logged in to stack {stack}: {how}{reason}") from None


def _only(url: str | None) -> str:
    """The stack, where nothing names it: the one whose MLflow is asked, or the only one with a login."""
    known = [login.stack for login in logins.by_address(url)] if url else logins.stacks()
    if len(known) == 1:
        return known[0]
    if known:
        raise TokenError(f"logged in to {', '.join(known)}: set MLPLATFORM_STACK to one of them")
    what = f"not logged in to the stack of {url}" if url else "not logged in"
    raise TokenError(
        f"{what}: {logins.how_to_log_in('<stack>')}; a notebook, job or pipeline sets MLPLATFORM_STACK instead"
    )
