"""Bedrock behind the AI gateway in the recorded program: role and boundary agree on what it may call."""

import pulumi
import pytest

from lib.bedrock import INVOKE
from tests.program.conftest import Plan
from tests.program.test_every_stack import POLICY, SCENARIOS, named
from tests.unit.iam_evaluator import Account, refused

HERE = Account(region="us-east-1", account_id="123456789012")
MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
BEDROCK = {"name": "chat", "endpointType": "llm/v1/chat", "provider": "bedrock", "model": MODEL}


@pytest.mark.parametrize(
    ("geography", "at", "region"), [("us", "us-west-2", "us-west-2"), ("global", "", "unspecified")]
)
def test_a_model_in_another_region_answers_through_its_profile(
    plan: Plan, geography: str, at: str, region: str
) -> None:
    recording = plan("local", **SCENARIOS["AI gateway"])
    policy = named(recording, "aws:iam/rolePolicy:RolePolicy", "ai-gateway-task-read").props["policy"]
    (boundary,) = recording.of_type(POLICY)
    model = f"arn:aws:bedrock:{at}::foundation-model/{MODEL}"
    elsewhere = {"aws:RequestedRegion": region}
    profile = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{geography}.{MODEL}"
    through = [
        HERE.request(action, model, **elsewhere, **{"bedrock:InferenceProfileArn": profile}) for action in INVOKE
    ]
    directly = [HERE.request(action, model, **elsewhere) for action in INVOKE]
    assert refused([*through, *directly], [policy], boundary.props["policy"]) == directly


def test_a_region_that_the_boundary_keeps_roles_out_of_is_refused_and_may_be_added(plan: Plan) -> None:
    abroad = BEDROCK | {"config": {"aws_config": {"aws_region": "eu-west-1"}}}
    gateway = {"enabled": True, "endpoints": [abroad]}
    with pytest.raises(
        pulumi.RunError, match=r"aiGateway\.endpoints\.chat\.config\.aws_config\.aws_region = eu-west-1"
    ):
        plan("local", aiGateway=gateway)
    assert plan("local", aiGateway=gateway, iam={"boundaryRegions": ["eu-west-1"]}).resources
    assert plan("local", aiGateway=gateway, iam={"permissionsBoundary": "none"}).resources
