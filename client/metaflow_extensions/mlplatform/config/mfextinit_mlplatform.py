"""Metaflow's configuration, as far as the ML platform changes it: what is defined here replaces Metaflow's own.

Metaflow packs this package into its jobs, without `mlplatform_client` and without the variables below.
"""

from typing import Any, cast

from metaflow import metaflow_config_funcs

_from_conf = cast("Any", metaflow_config_funcs.from_conf)


def _takes_tokens() -> bool:
    """Whether the service that Metaflow asks is the one that takes tokens of a stack's users.

    `METAFLOW_MLPLATFORM_SERVICE_URL` names it beside `METAFLOW_SERVICE_URL`, so that no other service ever gets one.
    """
    url, ours = _from_conf("SERVICE_URL"), _from_conf("MLPLATFORM_SERVICE_URL")
    return bool(ours) and str(url).rstrip("/") == str(ours).rstrip("/") and _from_conf("SERVICE_AUTH_KEY") is None


if _takes_tokens():
    from metaflow_extensions.mlplatform.headers import TokenHeaders

    SERVICE_HEADERS = TokenHeaders(_from_conf("SERVICE_HEADERS", {}), _from_conf("MLPLATFORM_STACK"))
