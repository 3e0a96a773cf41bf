"""The plugin of MLflow's client: `MLFLOW_TRACKING_AUTH=mlplatform` gives each request a fresh token."""

from mlflow.tracking.request_auth.abstract_request_auth_provider import RequestAuthProvider
from requests import PreparedRequest

from .tokens import fresh_token


class PlatformAuthProvider(RequestAuthProvider):
    """What MLflow finds by the entry point `mlflow.request_auth_provider`."""

    def get_name(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] - MLflow is not typed
        """The value of `MLFLOW_TRACKING_AUTH`."""
        return "mlplatform"

    def get_auth(self) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What requests calls with each request, before it is sent."""
        return bearer


def bearer(request: PreparedRequest) -> PreparedRequest:
    """Puts a token that is valid now in place of any that MLflow took from `MLFLOW_TRACKING_TOKEN`.

    Raises:
        TokenError: There is none; the message says what to do.
    """
    request.headers["Authorization"] = f"Bearer {fresh_token(url=request.url)}"
    return request
