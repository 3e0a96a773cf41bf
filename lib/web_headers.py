"""Headers of the platform's page: what CloudFront adds to every answer, and what the tests in a browser send."""

from collections.abc import Mapping
from types import MappingProxyType

STRICT_TRANSPORT_SECONDS = 63_072_000
"""Seconds for which browsers insist on HTTPS: two years (hstspreload.org asks for one at least)."""
REFERRER_POLICY = "no-referrer"
"""The address of a return from the login holds a code; no link may carry it on."""
CUSTOM_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), clipboard-write=(self), display-capture=(), geolocation=(), "
        "microphone=(), payment=(), usb=()",
    }
)
"""Headers for which CloudFront's response headers policies have no field of their own."""


def content_security_policy(login_url: str) -> str:
    """What the page may load, call and do; nothing that is not named.

    Args:
        login_url: Origin of the login pages and token endpoint, which the page's script calls.
    """
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {login_url}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


def security_headers(login_url: str) -> dict[str, str]:
    """Every security header of an answer, as the browser gets them.

    Args:
        login_url: As in `content_security_policy`.
    """
    return {
        "Content-Security-Policy": content_security_policy(login_url),
        "Referrer-Policy": REFERRER_POLICY,
        "Strict-Transport-Security": f"max-age={STRICT_TRANSPORT_SECONDS}; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        **CUSTOM_HEADERS,
    }
