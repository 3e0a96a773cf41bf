"""What the gateway calls at Amazon Bedrock: models, and inference profiles that lead to a model in several regions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lib.naming import Target
from settings.ai_gateway import GatewayEndpoint

INVOKE = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")
"""What the Converse API asks for as well (Amazon Bedrock API reference, `Converse`)."""

THROUGH_PROFILE = "bedrock:InferenceProfileArn"
"""Condition key of a request to a model: the profile through which it is made, if any."""

_GEOGRAPHY = re.compile(r"([a-z]{2}|us-gov|apac|global)\.(?=[\w-]+\.)")
"""How a profile's id begins: `eu.anthropic.…` is one, `anthropic.…` and `deepseek.v3.1` are models."""


@dataclass(frozen=True, kw_only=True, order=True)
class Call:
    """What an endpoint calls.

    Args:
        arn: A foundation model, or an inference profile.
        region: Where the request is made.
        models: Foundation models that may answer for a profile, in whatever region; none if a model is called directly.
    """

    arn: str
    region: str
    models: tuple[str, ...] = ()


def calls(target: Target, endpoints: Sequence[GatewayEndpoint]) -> list[Call]:
    """What the endpoints of Bedrock call, each once."""
    return sorted({call(target, endpoint) for endpoint in endpoints if endpoint.is_bedrock})


def inference_profiles(target: Target, endpoints: Sequence[GatewayEndpoint]) -> list[str]:
    """ARNs of the inference profiles that the endpoints call."""
    return [each.arn for each in calls(target, endpoints) if each.models]


def call(target: Target, endpoint: GatewayEndpoint) -> Call:
    """What an endpoint of Bedrock calls (Amazon Bedrock user guide, "Geographic" and "Global cross-Region inference").

    A geography's regions are AWS's to choose, so a profile's model may be in any. A global profile asks for the model
    where the request is made and for one whose ARN has no region.
    """
    region = endpoint.aws_region or target.region
    if endpoint.model.startswith("arn:"):
        arn = endpoint.model
    elif _GEOGRAPHY.match(endpoint.model):
        arn = replace(target, region=region).arn("bedrock", f"inference-profile/{endpoint.model}")
    else:
        return Call(arn=_model(target, region, endpoint.model), region=region)
    kind, _, profile = arn.partition("/")
    geography, _, model = profile.partition(".")
    if kind.endswith(":application-inference-profile"):
        # It does not say of which model it is: itself is the limit.
        places, model = ("", "*"), "*"
    else:
        places = ("", region) if geography == "global" else ("*",)
    return Call(arn=arn, region=region, models=tuple(_model(target, place, model) for place in places))


def out_of_reach(target: Target, endpoint: GatewayEndpoint, regions: Sequence[str] | None) -> str | None:
    """Why the task could not make an endpoint's call, and the way out; none if it can.

    Args:
        target: The account.
        endpoint: One of Bedrock.
        regions: Regions besides the stack's in which the permissions boundary lets roles act; no limit if none.
    """
    called = call(target, endpoint)
    here = replace(target, region=called.region).arn("bedrock", "")
    if called.models and not called.arn.startswith(here):
        return (
            f"model = {called.arn}: is not of this account in {called.region}, where it is called; give a profile that "
            "is, or its region as config.aws_config.aws_region"
        )
    if regions is not None and called.region not in (target.region, *regions):
        return (
            f"config.aws_config.aws_region = {called.region}: the permissions boundary keeps roles out of this region; "
            "add it to mlplatform:iam.boundaryRegions, or call Bedrock in the stack's"
        )
    return None


def _model(target: Target, region: str, model: str) -> str:
    """ARN of a foundation model (service authorization reference, Amazon Bedrock: they belong to no account)."""
    return f"arn:{target.partition}:bedrock:{region}::foundation-model/{model}"
