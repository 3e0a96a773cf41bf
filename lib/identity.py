"""Names of a user pool's login pages, known before the pool exists."""

import re

from lib.naming import Target, shorten

PREFIX_LENGTH = 63
RESERVED = ("aws", "amazon", "cognito")
"""Length and words of a login host's first label (Amazon Cognito developer guide, "Using your own domain" and
"Using the Amazon Cognito domain")."""


def reserved_words(prefix: str) -> tuple[str, ...]:
    """The words in a prefix that Cognito takes from nobody."""
    return tuple(word for word in RESERVED if word in prefix)


def login_prefix(project: str, stack: str, account_id: str) -> str:
    """`<project>-<stack>-<account>`, in the letters and the length that a host's label may have."""
    label = re.sub(r"[^a-z0-9]+", "-", f"{project}-{stack}-{account_id}".lower()).strip("-")
    if len(label) <= PREFIX_LENGTH:
        return label
    # The account is what makes the name unique in the region: it stays, and what is before it is cut.
    return f"{shorten(label.removesuffix(f'-{account_id}'), PREFIX_LENGTH - len(account_id) - 1)}-{account_id}"


def login_host(target: Target, prefix: str) -> str:
    """Host of the login pages of a prefix (Amazon Cognito developer guide; GovCloud's are FIPS endpoints)."""
    service = "auth-fips" if target.partition == "aws-us-gov" else "auth"
    return f"{prefix}.{service}.{target.region}.amazoncognito.com"


def login_domain(target: Target, host: str) -> str:
    """A pool's domain as load balancers want it: the prefix of `login_host`, or a name of its own as it is."""
    return host.removesuffix(login_host(target, ""))


def token_url(login_url: str) -> str:
    """Address at which clients get tokens."""
    return f"{login_url}/oauth2/token"
