"""Fresh access tokens for the ML platform: a person's login on this machine, or a machine's role."""

from .oauth import TokenError
from .tokens import fresh_token, token

__all__ = ["TokenError", "fresh_token", "token"]
