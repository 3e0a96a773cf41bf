"""Calls to AWS that Pulumi has no resource for."""

from collections.abc import Mapping
from typing import Any, cast

import boto3


def aws_client(service: str, region: str, environment: Mapping[str, str]) -> Any:
    """A boto3 client with the caller's own rights, or those that `environment` gives."""
    make = cast("Any", boto3.client)  # pyright: ignore[reportUnknownMemberType]: boto3 is not typed
    return make(
        service,
        region_name=region,
        endpoint_url=environment.get("AWS_ENDPOINT_URL"),
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
    )
