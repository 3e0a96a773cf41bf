"""`mlplatform-token [STACK]`: prints a token, for curl, R and whatever is not Python."""

import sys

from .oauth import TokenError
from .tokens import token


def main() -> int:
    """Prints a token and nothing else; gives the exit code."""
    if len(sys.argv) > 2 or any(word.startswith("-") for word in sys.argv[1:]):
        print("usage: mlplatform-token [STACK]", file=sys.stderr)
        return 2
    try:
        print(token(*sys.argv[1:]))
    except TokenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
