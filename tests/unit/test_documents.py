"""IAM documents: pure functions of names, so that each can be read here as AWS will read it."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.documents.ai_gateway import gateway_policy
from lib.documents.bucket import tls_only
from lib.documents.database import ManagedSecret
from lib.documents.endpoints import gateway_endpoint_policy, interface_endpoint_policy
from lib.documents.functions import function_policy
from lib.documents.key import key_policy
from lib.documents.logs import flow_log_delivery
from lib.documents.mlflow import execution_policy, task_policy
from lib.documents.studio import studio_policy
from lib.endpoints import TASK_SERVICES, interface_endpoint_services
from lib.iam import service_trust, via_key
from lib.images import ecr_repository_arn
from lib.naming import Names, Target, shorten
from settings.ai_gateway import EndpointType, GatewayEndpoint

AWS = Target(
    partition="aws", dns_suffix="amazonaws.com", region="eu-west-1", account_id="111122223333", zones=("eu-west-1a",)
)
GOV = Target(
    partition="aws-us-gov", dns_suffix="amazonaws.com", region="us-gov-west-1", account_id="1" * 12, zones=("a",)
)


def statements(document: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in json.loads(document)["Statement"]}


def task(target: Target = AWS, *, tokens: bool = False) -> str:
    return task_policy(
        target,
        bucket="bucket",
        prefix="mlflow",
        credentials_secret=None if tokens else "credentials",
        tokens_parameter="/mlplatform/dev/mlflow/tokens" if tokens else None,
        database_secret=ManagedSecret(
            target=target, kind="cluster", database_arn=target.arn("rds", "cluster:mlplatform-dev-mlflow")
        ),
        database_parameter="/mlplatform/dev/mlflow/database",
        use_key=via_key(target, "mlplatform-dev-key", None, ["s3", "secretsmanager"], "Key", write=False),
    )


def studio(target: Target = AWS) -> str:
    return studio_policy(
        target,
        role_arn=target.global_arn("iam", "role/mlplatform/studio"),
        bucket="bucket",
        prefix="mlflow",
        credentials_secret="credentials",
        parameters=["/mlplatform/dev/mlflow/tracking-uri"],
        repository="mlplatform-dev/mlflow-pyfunc",
        image_accounts=["763104351884"],
        use_key=via_key(target, "mlplatform-dev-key", None, ["s3"], "Key", write=True),
    )


def gateway(target: Target = AWS) -> str:
    models = ("amazon.nova-pro-v1:0", "eu.amazon.nova-pro-v1:0", "global.amazon.nova-pro-v1:0")
    return gateway_policy(
        target,
        endpoints=[
            GatewayEndpoint(name="chat", endpoint_type=EndpointType.CHAT, provider="bedrock", model=model)
            for model in models
        ],
        tokens_parameter="/mlplatform/dev/ai-gateway/tokens",
        use_key=via_key(target, "mlplatform-dev-key", None, ["ssm"], "Key", write=False),
    )


IDENTITY = {
    "task": task,
    "task with tokens": lambda target=AWS: task(target, tokens=True),
    "studio": studio,
    "gateway": gateway,
    "execution": lambda target=AWS: execution_policy(
        target, log_group="/mlplatform/dev/mlflow", images=[f"{target.ecr_host()}/mlflow:1", "public.ecr.aws/x/nginx:1"]
    ),
    "function": lambda target=AWS: function_policy(target, "/mlplatform/dev/rest-api/function"),
    "flow log": lambda target=AWS: flow_log_delivery(target, "/mlplatform/dev/flow-logs"),
}


@pytest.mark.parametrize("name", IDENTITY)
def test_no_role_is_granted_a_wildcard_action(name: str) -> None:
    for statement in statements(IDENTITY[name]()).values():
        assert not [action for action in statement["Action"] if "*" in action]


@pytest.mark.parametrize("name", IDENTITY)
def test_other_partitions_get_their_own_arns(name: str) -> None:
    assert not re.search(r"arn:aws:", IDENTITY[name](GOV))


def test_the_task_reads_its_two_secrets_its_parameter_and_its_artifacts_and_writes_nothing() -> None:
    actions = {action for statement in statements(task()).values() for action in statement["Action"]}
    assert actions == {
        *("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "ssm:GetParameter"),
        *("s3:ListBucket", "s3:GetObject", "kms:Decrypt"),
    }


def test_with_tokens_the_task_reads_their_parameter_and_no_credentials() -> None:
    found = statements(task(tokens=True))
    assert found["Tokens"]["Action"] == ["ssm:GetParameter"]
    assert found["Tokens"]["Resource"] == ["arn:aws:ssm:eu-west-1:111122223333:parameter/mlplatform/dev/mlflow/tokens"]
    assert "Credentials" not in found
    assert found.keys() ^ statements(task()).keys() == {"Tokens", "Credentials"}


def test_the_database_secret_is_this_databases_alone() -> None:
    statement = statements(task())["DatabaseSecret"]
    assert statement["Resource"] == ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!cluster-*"]
    assert statement["Condition"] == {
        "StringEquals": {
            "aws:ResourceTag/aws:rds:primaryDBClusterArn": (
                "arn:aws:rds:eu-west-1:111122223333:cluster:mlplatform-dev-mlflow"
            )
        }
    }


def test_a_created_key_is_named_by_alias_and_an_existing_one_by_arn() -> None:
    created = via_key(AWS, "alias-name", None, ["s3"], "Key", write=False)
    assert created["Resource"] == ["arn:aws:kms:eu-west-1:111122223333:key/*"]
    assert created["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/alias-name"}
    existing = via_key(AWS, None, "arn:aws:kms:eu-west-1:111122223333:key/abc", ["s3"], "Key", write=True)
    assert existing["Resource"] == ["arn:aws:kms:eu-west-1:111122223333:key/abc"]
    assert "ForAnyValue:StringEquals" not in existing["Condition"]
    assert existing["Condition"]["StringEquals"] == {"kms:ViaService": ["s3.eu-west-1.amazonaws.com"]}


def test_images_of_other_registries_need_no_ecr_rights() -> None:
    only_public = statements(execution_policy(AWS, log_group="/x", images=["public.ecr.aws/x/nginx:1"]))
    assert list(only_public) == ["Logs"]
    assert ecr_repository_arn(AWS, "111122223333.dkr.ecr.eu-west-1.amazonaws.com/a/b@sha256:00") == (
        "arn:aws:ecr:eu-west-1:111122223333:repository/a/b"
    )


def test_studio_hands_only_its_own_role_and_only_to_sagemaker() -> None:
    statement = statements(studio())["HandOverToSageMaker"]
    assert statement["Resource"] == ["arn:aws:iam::111122223333:role/mlplatform/studio"]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_a_resource_star_stands_only_beside_actions_without_resource_type() -> None:
    stars = [s["Sid"] for s in statements(studio()).values() if s["Resource"] == ["*"]]
    assert stars == ["Browse", "Metrics"]


def test_a_service_is_trusted_on_behalf_of_this_account_alone() -> None:
    (statement,) = statements(service_trust(AWS, "ecs-tasks")).values()
    assert statement["Principal"] == {"Service": ["ecs-tasks.amazonaws.com"]}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


def test_the_account_can_administer_the_key_but_use_it_only_through_services() -> None:
    key = statements(key_policy(AWS))
    use = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:CreateGrant"}
    assert not use & set(key["Administration"]["Action"])
    assert "kms:*" not in key["Administration"]["Action"]
    for sid in ("UseThroughServices", "GrantsForServices"):
        assert "s3.eu-west-1.amazonaws.com" in key[sid]["Condition"]["StringEquals"]["kms:ViaService"]


def test_a_bucket_refuses_plain_http_and_old_tls() -> None:
    bucket = statements(tls_only(AWS, "bucket"))
    assert {s["Effect"] for s in bucket.values()} == {"Deny"}
    assert bucket["RefusePlainHttp"]["Resource"] == ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]


@pytest.mark.parametrize("document", [gateway_endpoint_policy(AWS, "dynamodb"), interface_endpoint_policy(AWS)])
def test_endpoints_let_through_this_accounts_principals_alone(document: str) -> None:
    for statement in statements(document).values():
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}


@pytest.mark.parametrize(
    ("nat", "ipv6", "always", "studio", "expected"),
    [
        (True, False, False, True, ()),
        (True, True, False, False, ()),
        (False, False, False, False, TASK_SERVICES),
        (False, True, False, False, ("ecr.api", "ecr.dkr", "logs")),
        (True, True, True, False, TASK_SERVICES),
    ],
)
def test_endpoints_are_made_for_what_has_no_other_way(
    nat: bool, ipv6: bool, always: bool, studio: bool, expected: tuple[str, ...]
) -> None:
    found = interface_endpoint_services(nat=nat, ipv6_egress=ipv6, always=always, studio=studio)
    assert found == tuple(sorted(expected))


@given(name=st.text("abc-", min_size=1, max_size=100), limit=st.integers(12, 64))
def test_shortened_names_fit_and_differ(name: str, limit: int) -> None:
    short = shorten(name, limit)
    assert len(short) <= limit
    assert (short == name) == (len(name) <= limit)
    if len(name) > limit:
        assert shorten(name + "x", limit) != short


def test_names_begin_with_project_and_stack() -> None:
    names = Names(project="mlplatform", stack="dev")
    assert names.of("key") == "mlplatform-dev-key"
    assert names.path("api") == "/mlplatform/dev/api"
