"""The UI's process: its back end under /api, and its pages at the root of the same port."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from aiohttp import web

from .server import module, run

QUIET_SECONDS = 24 * 60 * 60


def main() -> None:
    """Runs the UI until it is asked to end."""
    if os.environ.get("MF_UI_LIVE_UPDATES") == "false":
        # The tags that the search offers: every five minutes they would wake a database that pauses.
        module("services.ui_backend_service.api.autocomplete").TAGS_FILL_INTERVAL_SECONDS = QUIET_SECONDS
    run(_application, host="MF_UI_METADATA_HOST", port="MF_UI_METADATA_PORT")


def _application(loop: asyncio.AbstractEventLoop, configuration: Any) -> web.Application:
    application: web.Application = module("services.ui_backend_service.ui_server").app(loop, configuration)
    # After the back end: it answers whatever path nobody else does. The service itself would put it under /api too.
    module("services.ui_backend_service.frontend").Frontend(application)
    return application


if __name__ == "__main__":
    main()
