"""Batch: what compute environments and job queues keep, and what may be deleted when."""

from typing import Any

from tests.unit.emulator.harness import Aws, covers, refused, role, subnets

POLICY = {"terminateJobsOnUpdate": False, "jobExecutionTimeoutMinutes": 360}


def _limits(seconds: int) -> list[dict[str, Any]]:
    reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
    return [{"state": "RUNNABLE", "reason": reason, "maxTimeSeconds": seconds, "action": "CANCEL"}]


def _network(aws: Aws) -> dict[str, Any]:
    vpc, ids = subnets(aws)
    found = aws("ec2").describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    return {"subnets": ids, "securityGroupIds": [found[0]["GroupId"]]}


def _instances(aws: Aws, name: str, types: list[str]) -> dict[str, Any]:
    profile = aws("iam").create_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Arn"]
    sizes = {"minvCpus": 0, "desiredvCpus": 0, "maxvCpus": 8}
    return {"type": "EC2", "instanceTypes": types, "instanceRole": profile, **sizes, **_network(aws)}


def _fargate(aws: Aws, name: str, **more: Any) -> str:
    """An environment that plain moto makes as well."""
    environment = {"computeEnvironmentName": name, "type": "MANAGED", "state": "ENABLED", **more}
    resources = {"type": "FARGATE", "maxvCpus": 8, **_network(aws)}
    return aws("batch").create_compute_environment(
        **environment, computeResources=resources, serviceRole=role(aws, name)
    )["computeEnvironmentArn"]


def _queue(aws: Aws, name: str, environment: str, **more: Any) -> str:
    order = [{"order": 1, "computeEnvironment": environment}]
    return aws("batch").create_job_queue(
        jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=order, **more
    )["jobQueueArn"]


def _environment(aws: Aws, name: str) -> dict[str, Any]:
    (found,) = aws("batch").describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
    return found


def _queue_of(aws: Aws, name: str) -> dict[str, Any]:
    (found,) = aws("batch").describe_job_queues(jobQueues=[name])["jobQueues"]
    return found


@covers("batch", "CreateComputeEnvironment")
def batch_acts_by_its_own_role(aws: Aws) -> None:
    names = ("batch-own-one", "batch-own-two")
    for name in names:  # the role is made once
        aws("batch").create_compute_environment(
            computeEnvironmentName=name,
            type="MANAGED",
            computeResources={"type": "FARGATE", "maxvCpus": 8, **_network(aws)},
        )
    (own,) = aws("iam").list_roles(PathPrefix="/aws-service-role/batch.amazonaws.com/")["Roles"]
    assert [_environment(aws, name)["serviceRole"] for name in names] == [own["Arn"]] * 2


@covers("batch", "CreateComputeEnvironment")
def instance_families_that_moto_does_not_know(aws: Aws) -> None:
    resources = _instances(aws, "batch-families", ["m7i", "default_x86_64"])
    aws("batch").create_compute_environment(
        computeEnvironmentName="batch-families",
        type="MANAGED",
        computeResources=resources,
        serviceRole=role(aws, "batch-families"),
    )
    assert _environment(aws, "batch-families")["computeResources"] == resources


@covers("batch", "CreateComputeEnvironment", "DescribeComputeEnvironments", "UpdateComputeEnvironment")
def update_policy_is_kept(aws: Aws) -> None:
    resources = _instances(aws, "batch-policy", ["optimal"])
    aws("batch").create_compute_environment(
        computeEnvironmentName="batch-policy",
        type="MANAGED",
        computeResources=resources,
        serviceRole=role(aws, "batch-policy"),
        tags={"a": "b"},
    )
    assert "updatePolicy" not in _environment(aws, "batch-policy")
    aws("batch").update_compute_environment(computeEnvironment="batch-policy", updatePolicy=POLICY)
    found = _environment(aws, "batch-policy")
    assert (found["updatePolicy"], found["tags"], found["containerOrchestrationType"]) == (POLICY, {"a": "b"}, "ECS")


@covers("batch", "UpdateComputeEnvironment")
def updated_resources_are_kept_beside_the_others(aws: Aws) -> None:
    _fargate(aws, "batch-update")
    before = _environment(aws, "batch-update")["computeResources"]
    aws("batch").update_compute_environment(computeEnvironment="batch-update", computeResources={"maxvCpus": 16})
    assert _environment(aws, "batch-update")["computeResources"] == before | {"maxvCpus": 16}


@covers("batch", "DeleteComputeEnvironment")
def environment_that_is_enabled_is_not_deleted(aws: Aws) -> None:
    batch = aws("batch")
    _fargate(aws, "batch-enabled")
    assert refused(batch.delete_compute_environment, computeEnvironment="batch-enabled") == "ClientException"
    batch.update_compute_environment(computeEnvironment="batch-enabled", state="DISABLED")
    batch.delete_compute_environment(computeEnvironment="batch-enabled")
    names = ["batch-enabled"]
    assert batch.describe_compute_environments(computeEnvironments=names)["computeEnvironments"] == []


@covers("batch", "DeleteComputeEnvironment")
def environment_of_a_queue_is_not_deleted(aws: Aws) -> None:
    batch = aws("batch")
    _queue(aws, "batch-referring", _fargate(aws, "batch-referred"))
    batch.update_compute_environment(computeEnvironment="batch-referred", state="DISABLED")
    assert refused(batch.delete_compute_environment, computeEnvironment="batch-referred") == "ClientException"
    batch.update_job_queue(jobQueue="batch-referring", state="DISABLED")
    batch.delete_job_queue(jobQueue="batch-referring")
    batch.delete_compute_environment(computeEnvironment="batch-referred")


@covers("batch", "CreateJobQueue", "DescribeJobQueues")
def time_limits_of_a_new_queue_are_kept(aws: Aws) -> None:
    environment = _fargate(aws, "batch-limits")
    _queue(aws, "batch-limits", environment, jobStateTimeLimitActions=_limits(600))
    _queue(aws, "batch-no-limits", environment)
    assert _queue_of(aws, "batch-limits")["jobStateTimeLimitActions"] == _limits(600)
    assert _queue_of(aws, "batch-no-limits")["jobStateTimeLimitActions"] == []


@covers("batch", "UpdateJobQueue")
def time_limits_change_and_stay_where_they_are_not_named(aws: Aws) -> None:
    _queue(aws, "batch-changed", _fargate(aws, "batch-changed"), jobStateTimeLimitActions=_limits(600))
    aws("batch").update_job_queue(jobQueue="batch-changed", jobStateTimeLimitActions=_limits(1200))
    aws("batch").update_job_queue(jobQueue="batch-changed", priority=2)
    found = _queue_of(aws, "batch-changed")
    assert (found["priority"], found["jobStateTimeLimitActions"]) == (2, _limits(1200))


@covers("batch", "UpdateJobQueue")
def fair_share_is_given_at_the_start_or_never(aws: Aws) -> None:
    batch, environment = aws("batch"), _fargate(aws, "batch-fair")
    one, two = (batch.create_scheduling_policy(name=name, fairsharePolicy={})["arn"] for name in ("one", "two"))
    _queue(aws, "batch-fair", environment, schedulingPolicyArn=one)
    _queue(aws, "batch-first-in", environment)
    batch.update_job_queue(jobQueue="batch-fair", schedulingPolicyArn=two)
    assert _queue_of(aws, "batch-fair")["schedulingPolicyArn"] == two
    late = {"jobQueue": "batch-first-in", "schedulingPolicyArn": one}
    assert refused(batch.update_job_queue, **late) == "ClientException"


@covers("batch", "DeleteJobQueue")
def queue_that_is_enabled_is_not_deleted(aws: Aws) -> None:
    batch = aws("batch")
    _queue(aws, "batch-open", _fargate(aws, "batch-open"))
    assert refused(batch.delete_job_queue, jobQueue="batch-open") == "ClientException"
    batch.update_job_queue(jobQueue="batch-open", state="DISABLED")
    batch.delete_job_queue(jobQueue="batch-open")
    assert batch.describe_job_queues(jobQueues=["batch-open"])["jobQueues"] == []
