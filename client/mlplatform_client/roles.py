"""Tokens of notebooks, jobs and pipelines: their role may read a secret, with which they ask for a token."""

import json
import os
import threading
import time
from typing import Any

from .oauth import Granted, RefusedError, TokenError, grant

_granted: dict[str, Granted] = {}
_lock = threading.Lock()


class NoRoleError(TokenError):
    """This machine has no role: no boto3, or no AWS credentials."""


def fresh(secret_id: str) -> str:
    """A token by the client credentials in a secret (JSON `clientId`, `clientSecret`, `tokenUrl`, `scope`).

    It is kept in memory until shortly before it ends, and the secret is read anew for the next one.

    Raises:
        NoRoleError: There are no AWS credentials here.
        TokenError: The secret cannot be read or is another kind of secret, or the provider refuses it.
    """
    with _lock:
        known = _granted.get(secret_id)
        if known is None or time.time() >= known.refresh_at:
            known = _granted[secret_id] = _grant(secret_id)
        return known.access_token


def _grant(secret_id: str) -> Granted:
    content = _read(secret_id)
    try:
        secret = json.loads(content)
        client = (str(secret["clientId"]), str(secret["clientSecret"]))
        url, scope = str(secret["tokenUrl"]), str(secret["scope"])
    except (ValueError, KeyError, TypeError):
        raise TokenError(f"secret {secret_id} is not JSON with clientId, clientSecret, tokenUrl and scope") from None
    try:
        return grant(url, {"grant_type": "client_credentials", "scope": scope}, client=client)
    except RefusedError as error:
        raise TokenError(f"{url} refuses the client of secret {secret_id} ({error}): deploy the stack again") from None


def _read(secret_id: str) -> str:
    try:
        import boto3  # noqa: PLC0415 - optional, and slow to import
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError:
        raise NoRoleError("boto3 is not installed: pip install boto3") from None
    session = boto3.Session(region_name=os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION"))
    try:
        if session.get_credentials() is None:
            raise NoRoleError("there are no AWS credentials here")
        client: Any = session.client("secretsmanager")
        return str(client.get_secret_value(SecretId=secret_id)["SecretString"])
    except (BotoCoreError, ClientError) as error:
        where = session.region_name or "no region (set AWS_DEFAULT_REGION)"
        raise TokenError(f"secret {secret_id} in {where} cannot be read: {error}") from None
