"""Headers of requests to Metaflow's metadata service, with a token that is fresh at each of them."""

import sys

from metaflow.exception import MetaflowInternalError
from mlplatform_client import TokenError, fresh_token
from requests.exceptions import RequestException


class NoTokenError(MetaflowInternalError, RequestException):
    """There is no token; the message says what to do.

    Metaflow's client passes the first kind on at once, where it would try others again; its heartbeat waits after the
    second kind and tries again, where another would end it for the rest of the run.
    """

    headline = "No token for the ML platform"


class TokenHeaders(dict[str, str]):
    """Metaflow's `SERVICE_HEADERS`.

    Metaflow sends a copy with each request, and the copy has the token. The headers themselves have none: Metaflow
    writes them as JSON into the environment of jobs, which call the service inside the network without a token.

    Args:
        headers: What is sent besides.
        stack: Whose token; by default as `fresh_token` chooses.
    """

    def __init__(self, headers: dict[str, str], stack: str | None) -> None:
        super().__init__(headers)
        self._stack = stack
        self._said = ""

    def copy(self) -> dict[str, str]:
        """The headers of one request.

        Raises:
            NoTokenError: There is no token.
        """
        try:
            return {**self, "Authorization": f"Bearer {fresh_token(self._stack)}"}
        except TokenError as error:
            if str(error) != self._said:  # where Metaflow does try again, it says nothing for half a minute
                self._said = str(error)
                print(f"mlplatform: {error}", file=sys.stderr)
            raise NoTokenError(str(error)) from None
