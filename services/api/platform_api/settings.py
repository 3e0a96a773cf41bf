"""What the function is told when it is deployed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOGIN = ("UI_URL", "LOGIN_URL", "UI_CLIENT_ID", "REFRESH_DAYS")
"""Variables of the login; they are given together or not at all."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """How people log in to MLflow's pages.

    Args:
        ui_url: Address of the pages, without a slash at its end.
        login_url: Address of the user pool's login pages and token endpoint, likewise.
        client_id: Client of the pages, which has no secret.
        refresh_days: Days after which people log in again.
    """

    ui_url: str
    login_url: str
    client_id: str
    refresh_days: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The function's settings.

    Args:
        config: What `GET /config` answers.
        login: The login; there is none if absent.
    """

    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    login: Login | None = None


def read_settings(environment: Mapping[str, str], config_file: Path) -> Settings:
    """Reads the environment and the file that the deployment put beside the code.

    Raises:
        ValueError: Some variables of the login are missing.
        OSError: There is no such file.
    """
    config = json.loads(config_file.read_text(encoding="utf-8"))
    given = [name for name in LOGIN if environment.get(name)]
    if not given:
        return Settings(config=config)
    if len(given) < len(LOGIN):
        missing = ", ".join(name for name in LOGIN if name not in given)
        raise ValueError(f"{missing} missing beside {', '.join(given)}; give all variables of the login, or none")
    return Settings(
        config=config,
        login=Login(
            ui_url=environment["UI_URL"],
            login_url=environment["LOGIN_URL"],
            client_id=environment["UI_CLIENT_ID"],
            refresh_days=int(environment["REFRESH_DAYS"]),
        ),
    )
