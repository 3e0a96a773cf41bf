"""Documents of Metaflow's roles: what must be there, what must never be, and that each action has a caller."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.metaflow_roles import CLIENT, HEADING, NOT_GRANTED, OWN, PAGE, ROLES, Role, actions, allowed_actions, page
from lib.documents.metaflow import (
    PROBE,
    Flows,
    api_policy,
    events_policy,
    instance_policy,
    job_execution_policy,
    job_policy,
    migration_statements,
    notebook_policy,
    read_datastore,
    step_functions_policy,
    user_policy,
)
from lib.iam import document, lend_key, via_key
from lib.naming import Target
from policies.iam import catalogue
from tests.unit.aws_calls import calls
from tests.unit.iam_evaluator import allowed

ROOT = Path(__file__).parents[2]
AWS = Target(
    partition="aws", dns_suffix="amazonaws.com", region="eu-west-1", account_id="111122223333", zones=("eu-west-1a",)
)
GOV = Target(
    partition="aws-us-gov", dns_suffix="amazonaws.com", region="us-gov-west-1", account_id="1" * 12, zones=("a",)
)
OWN_FOLDERS = (
    *("cli/metaflow", "client/metaflow_extensions", "services/common/platform_service"),
    *("services/metaflow", "services/metaflow-migration", "services/metaflow-notebook"),
)
"""This repository's own programs around Metaflow."""

SERVICES = (
    *("apigateway", "batch", "cloudwatch", "dynamodb", "ec2", "ecr", "ecs", "events", "iam", "kms", "lambda", "logs"),
    *("rds", "s3", "sagemaker", "secretsmanager", "ssm", "stepfunctions", "sts"),
)
"""Services whose clients they may be handed."""


def flows(target: Target = AWS) -> Flows:
    def role(name: str) -> str:
        return target.global_arn("iam", f"role/mlplatform/{name}")

    return Flows(
        target=target,
        bucket="bucket",
        datastore_prefix="metaflow",
        datatools_prefix="data",
        table="flows",
        queues=[target.arn("batch", "job-queue/a"), target.arn("batch", "job-queue/b")],
        state_machine_prefix="mlplatform-dev-metaflow",
        job_role_arn=role("job"),
        execution_role_arn=role("execution"),
        step_functions_role_arn=role("step-functions"),
        events_role_arn=role("events"),
    )


def key(target: Target, *services: str) -> dict[str, Any]:
    return via_key(target, "mlplatform-dev-key", None, services, "Key", write=True)


def user(target: Target = AWS, *, notebook: str | None = "notebook") -> str:
    tags = {"StringEquals": {"aws:ResourceTag/Stack": "dev"}}
    return user_policy(flows(target), notebook=notebook, key_tags=tags, use_key=key(target, "s3"))


def notebook(target: Target = AWS) -> str:
    return notebook_policy(
        flows(target),
        notebook="notebook",
        use_key=key(target, "s3"),
        lend_key=lend_key(target, "mlplatform-dev-key", None, "Key"),
    )


def instance(target: Target = AWS, *, image: str | None = None, repositories: tuple[str, ...] = ()) -> str:
    own = f"{target.ecr_host()}/mlplatform-dev/metaflow-job:1"
    return instance_policy(
        target, environments="mlplatform-dev-metaflow-", image=image or own, repositories=repositories
    )


def migration(target: Target = AWS) -> str:
    return document(
        *migration_statements(
            target,
            family="mlplatform-dev-metaflow-migration",
            cluster="mlplatform-dev",
            roles=[target.global_arn("iam", "role/mlplatform/task")],
            log_group="/mlplatform/dev/metaflow/service",
            stream_prefix="metaflow",
        )
    )


DOCUMENTS = {
    "job": lambda target=AWS: job_policy(flows(target), use_key=key(target, "s3", "dynamodb")),
    "job execution": lambda target=AWS: job_execution_policy(
        target, image=f"{target.ecr_host()}/metaflow-job:1", repositories=("team/*",)
    ),
    "instance": instance,
    "step functions": lambda target=AWS: step_functions_policy(flows(target), use_key=key(target, "s3", "dynamodb")),
    "events": lambda target=AWS: events_policy(flows(target)),
    "user": user,
    "notebook": notebook,
    "migration": migration,
}


def statements(text: str) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in json.loads(text)["Statement"]}


def allowing(text: str) -> list[dict[str, Any]]:
    return [statement for statement in statements(text).values() if statement["Effect"] == "Allow"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.suffix)
def test_each_action_has_a_caller_and_each_caller_its_action(role: Role) -> None:
    assert allowed_actions(role.document) == set(role.callers)


def test_the_table_has_exactly_the_calls_of_this_repositorys_programs() -> None:
    files = [path for folder in OWN_FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert files
    found = calls(ROOT, files, *SERVICES)
    assert found == {(call.file, call.function, call.operation) for call in OWN}


def test_every_action_of_a_call_is_one_that_aws_has() -> None:
    needed = {action for call in [*CLIENT, *OWN] for action in actions(call)} - {"sts:GetCallerIdentity"}
    assert [action for action in sorted(needed) if not catalogue.expand(action)] == []


def test_what_is_granted_to_nobody_is_explained() -> None:
    assert {call.operation for call in [*CLIENT, *OWN] if not call.by} == set(NOT_GRANTED)


def test_the_page_is_current() -> None:
    text = PAGE.read_text()
    assert text.count(HEADING) == 1
    assert page(text) == text


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_action_has_a_wildcard_and_every_one_exists(name: str) -> None:
    for statement in allowing(DOCUMENTS[name]()):
        for action in statement["Action"]:
            assert [str(one) for one in catalogue.expand(action)] == [action]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_resource_star_stands_only_beside_actions_without_resource_type(name: str) -> None:
    stars = [s for s in allowing(DOCUMENTS[name]()) if s["Resource"] == ["*"] and s["Sid"] != "FindMigration"]
    types = {action: catalogue.expand(action)[0].resource_types for s in stars for action in s["Action"]}
    # Log groups can be named to DescribeLogGroups in the data, but Step Functions' guide wants the star.
    assert {action for action, found in types.items() if found} <= {"logs:DescribeLogGroups"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_other_partitions_get_their_own_arns(name: str) -> None:
    assert not re.search(r"arn:aws:", DOCUMENTS[name](GOV))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_of_iam_a_role_only_hands_exact_roles_to_named_services(name: str) -> None:
    for statement in allowing(DOCUMENTS[name]()):
        if any(action.startswith("iam:") for action in statement["Action"]):
            assert statement["Action"] == ["iam:PassRole"]
            assert list(statement["Condition"]) == ["StringEquals"]
            assert list(statement["Condition"]["StringEquals"]) == ["iam:PassedToService"]
            assert not any("*" in role for role in statement["Resource"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_no_role_may_ever(name: str) -> None:
    found = allowed_actions(DOCUMENTS[name]())
    assert not {action for action in found if action.startswith(("iam:", "sts:", "ec2:", "lambda:"))} - {"iam:PassRole"}
    assert not found & {
        *("s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:PutBucketPolicy", "s3:ListAllMyBuckets"),
        *("logs:PutResourcePolicy", "logs:DeleteLogGroup", "dynamodb:Scan", "dynamodb:DeleteItem"),
        *("batch:CreateComputeEnvironment", "batch:UpdateJobQueue", "batch:CancelJob", "batch:DeregisterJobDefinition"),
        *("secretsmanager:GetSecretValue", "kms:Encrypt", "kms:PutKeyPolicy", "sagemaker:CreateNotebookInstance"),
    }


@pytest.mark.parametrize("name", ["job", "step functions", "user", "notebook"])
def test_the_key_is_used_through_services_alone(name: str) -> None:
    statement = statements(DOCUMENTS[name]())["Key"]
    assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert statement["Condition"]["StringEquals"]["kms:ViaService"][-1] == "s3.eu-west-1.amazonaws.com"
    assert statement["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/mlplatform-dev-key"}


@pytest.mark.parametrize("name", ["job", "user", "notebook"])
def test_who_reads_the_datastore_reads_its_two_prefixes_and_signs_no_addresses(name: str) -> None:
    found = statements(DOCUMENTS[name]())
    assert found["Datastore"]["Resource"] == ["arn:aws:s3:::bucket/data/*", "arn:aws:s3:::bucket/metaflow/*"]
    assert found["ListDatastore"]["Condition"] == {
        "StringLike": {"s3:prefix": ["metaflow", "metaflow/*", "data", "data/*"]}
    }
    assert found["NoPresignedUrls"] == {
        "Sid": "NoPresignedUrls",
        "Effect": "Deny",
        "Action": ["s3:*"],
        "Resource": ["*"],
        "Condition": {"StringNotEquals": {"s3:authType": "REST-HEADER"}},
    }


def test_jobs_and_notebooks_delete_nothing_and_people_what_they_have_probed_with() -> None:
    assert "s3:DeleteObject" not in allowed_actions(DOCUMENTS["job"]()) | allowed_actions(notebook())
    assert statements(user())["DeleteProbes"]["Resource"] == [f"arn:aws:s3:::bucket/metaflow/{PROBE}-*"]


def test_jobs_are_submitted_to_the_stacks_queues_by_metaflows_definitions() -> None:
    batch = "arn:aws:batch:eu-west-1:111122223333:"
    for name in ("user", "notebook", "step functions"):
        assert statements(DOCUMENTS[name]())["SubmitJobs"]["Resource"] == [
            f"{batch}job-definition/metaflow_*",
            f"{batch}job-definition/metaflow_*:*",
            f"{batch}job-queue/a",
            f"{batch}job-queue/b",
            f"{batch}job/*",
        ]


def test_only_metaflows_jobs_are_stopped_by_people() -> None:
    assert statements(user())["StopJobs"]["Condition"] == {"StringEquals": {"aws:ResourceTag/app": "metaflow"}}


def test_roles_of_jobs_are_handed_to_either_service_and_others_to_their_own() -> None:
    passed = {
        sid: statement["Condition"]["StringEquals"]["iam:PassedToService"]
        for sid, statement in statements(user()).items()
        if statement["Action"] == ["iam:PassRole"]
    }
    assert passed == {
        "HandOverJobs": ["batch.amazonaws.com", "ecs-tasks.amazonaws.com"],
        "HandOverFlows": "states.amazonaws.com",
        "HandOverSchedules": "events.amazonaws.com",
    }


def test_without_a_notebook_nobody_may_open_one() -> None:
    assert "Notebook" in statements(user())
    assert not any(action.startswith("sagemaker:") for action in allowed_actions(user(notebook=None)))


def test_long_names_of_schedules_keep_the_prefix_that_rights_go_by() -> None:
    """Metaflow cuts a rule's name to 47 of its characters and a hash, and a prefix has 40 at most."""
    name = f"{flows().state_machine_prefix}_{'Flow' * 20}"
    cut = f"{name[:47]}-{'0' * 16}"
    assert len(cut) == 64
    assert allowed(user(), "events:PutRule", f"arn:aws:events:eu-west-1:111122223333:rule/{cut}", {})


def test_state_machines_read_of_the_bucket_what_their_maps_have_written() -> None:
    found = statements(DOCUMENTS["step functions"]())
    of_s3 = [s for s in found.values() if any(action.startswith("s3:") for action in s["Action"])]
    (only,) = of_s3
    assert only["Resource"] == ["arn:aws:s3:::bucket/metaflow/sfn_distributed_map_output/*"]
    assert "s3:ListBucket" not in only["Action"]


def test_state_machines_manage_the_one_rule_by_which_they_learn_of_jobs() -> None:
    rule = statements(DOCUMENTS["step functions"]())["JobEvents"]
    assert rule["Resource"] == ["arn:aws:events:eu-west-1:111122223333:rule/StepFunctionsGetEventsForBatchJobsRule"]


@pytest.mark.parametrize(
    "cluster", ["AWSBatch-mlplatform-dev-metaflow-cpu-1-a-b", "mlplatform-dev-metaflow-cpu-1_Batch_a"]
)
def test_instances_join_the_clusters_that_batch_makes_for_the_stack(cluster: str) -> None:
    arn = f"arn:aws:ecs:eu-west-1:111122223333:cluster/{cluster}"
    assert allowed(instance(), "ecs:RegisterContainerInstance", arn, {})
    assert allowed(instance(), "ecs:Poll", f"{arn.replace(':cluster/', ':container-instance/')}/0", {})
    for other in ("mlplatform-dev", "AWSBatch-mlplatform-dev2-metaflow-cpu", "AWSBatch-other"):
        assert not allowed(instance(), "ecs:RegisterContainerInstance", arn.replace(cluster, other), {})


def test_instances_make_no_clusters() -> None:
    assert "ecs:CreateCluster" not in allowed_actions(instance())


def test_images_of_other_registries_need_no_rights_and_further_repositories_are_named() -> None:
    public = "public.ecr.aws/docker/library/python:3.12"
    assert not any(action.startswith("ecr:") for action in allowed_actions(instance(image=public)))
    assert statements(instance(image=public, repositories=("team/*",)))["Pull"]["Resource"] == [
        "arn:aws:ecr:eu-west-1:111122223333:repository/team/*"
    ]


def test_the_migration_finds_and_runs_its_task_in_its_cluster_alone() -> None:
    cluster = "arn:aws:ecs:eu-west-1:111122223333:cluster/mlplatform-dev"
    family = "arn:aws:ecs:eu-west-1:111122223333:task-definition/mlplatform-dev-metaflow-migration:3"
    for action, resource in (("ecs:RunTask", family), ("ecs:ListTasks", "*")):
        assert allowed(migration(), action, resource, {"ecs:cluster": cluster})
        assert not allowed(migration(), action, resource, {"ecs:cluster": f"{cluster}-2"})
    assert not allowed(migration(), "ecs:RunTask", family.replace("migration", "other"), {"ecs:cluster": cluster})


def test_the_ui_reads_artifacts_and_writes_none() -> None:
    text = document(*read_datastore(AWS, bucket="bucket", prefix="metaflow"))
    assert allowed_actions(text) == {"s3:GetObject", "s3:ListBucket"}
    assert "data" not in text


def test_an_api_without_address_ranges_has_no_policy() -> None:
    assert api_policy(cidrs=[]) is None
    (only,) = statements(api_policy(cidrs=["10.1.0.0/16", "10.0.0.0/16"]) or "").values()
    assert only["Condition"] == {"IpAddress": {"aws:SourceIp": ["10.0.0.0/16", "10.1.0.0/16"]}}
