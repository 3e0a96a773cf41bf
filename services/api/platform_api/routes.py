"""The table of routes. API Gateway has the same one, in `components/rest_api.py`; a test holds the two together."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from . import info, login
from .messages import Request, Response
from .provider import Provider
from .settings import Login, Settings


@dataclass(frozen=True)
class Route:
    """What answers a method and path.

    Args:
        method: Method of HTTP.
        path: Path, as API Gateway writes it.
        answer: The handler.
        needs_token: Whether the caller must have been verified before the handler is called.
    """

    method: str
    path: str
    answer: Callable[[Request], Response]
    needs_token: bool = True

    @property
    def key(self) -> str:
        """API Gateway's name of it."""
        return f"{self.method} {self.path}"


def routes(settings: Settings) -> tuple[Route, ...]:
    """All routes."""
    return (
        Route("GET", "/health", info.health, needs_token=False),
        Route("GET", "/me", info.me),
        Route("GET", "/config", partial(info.config, settings.config)),
        *(_login(settings.login) if settings.login else ()),
    )


def _login(settings: Login) -> tuple[Route, ...]:
    provider = Provider(
        url=settings.login_url, client_id=settings.client_id, redirect_uri=f"{settings.ui_url}{login.CALLBACK}"
    )
    return (
        Route("GET", "/auth/login", partial(login.start, settings, provider), needs_token=False),
        Route("GET", login.CALLBACK, partial(login.finish, settings, provider), needs_token=False),
        Route("GET", "/auth/logout", partial(login.logout, settings, provider), needs_token=False),
        Route("GET", login.LOGGED_OUT, login.logged_out, needs_token=False),
    )
