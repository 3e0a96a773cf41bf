"""Batch settings: which environments and queues are taken, and in which words others are refused."""

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from settings import ConfigError, parse_settings
from settings.base import Environment
from settings.batch import AllocationStrategy, ComputeEnvironmentSettings

CPU = {"name": "cpu", "instanceTypes": ["m7i"]}
FARGATE = {"name": "fargate", "type": "FARGATE"}
QUEUE = {"name": "default", "computeEnvironments": ["cpu"]}
FAIR: dict[str, Any] = {"fairShare": {}}


def batch(**given: Any) -> dict[str, Any]:
    return {"environment": "local", "metaflow": {"batch": given}}


def problems(**given: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_settings(batch(**given))
    return caught.value.problems


def of(*environments: dict[str, Any], queues: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Environments, and a queue for each unless others are given."""
    own = [{"name": f"of-{e['name']}", "computeEnvironments": [e["name"]]} for e in environments]
    return {"computeEnvironments": list(environments), "jobQueues": own if queues is None else queues}


ENVIRONMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "no instance types": (
        {"name": "cpu"},
        "cpu names no instanceTypes; list families such as m7i, or default_x86_64",
    ),
    "least above first": (
        CPU | {"minvCpus": 8, "desiredvCpus": 4},
        "cpu: minvCpus 8, desiredvCpus 4 and maxvCpus 64 are not in order; raise the later ones",
    ),
    "least alone": (CPU | {"minvCpus": 8}, "minvCpus 8, desiredvCpus 0 and maxvCpus 64 are not in order"),
    "first above most": (CPU | {"desiredvCpus": 65}, "minvCpus 0, desiredvCpus 65 and maxvCpus 64 are not in order"),
    "most of none": (CPU | {"maxvCpus": 0}, "greater than or equal to 1"),
    "most of too many": (CPU | {"maxvCpus": 10_001}, "less than or equal to 10000"),
    "bid on demand": (
        CPU | {"bidPercentage": 50},
        "bidPercentage of cpu has no effect: EC2 bids for nothing; remove it",
    ),
    "bid above the price": (CPU | {"type": "SPOT", "bidPercentage": 101}, "less than or equal to 100"),
    "Spot's strategy on demand": (
        CPU | {"allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"},
        "allocationStrategy SPOT_CAPACITY_OPTIMIZED of cpu is for SPOT, and its type is EC2",
    ),
    "a strategy that cannot be updated": (CPU | {"allocationStrategy": "BEST_FIT"}, "'BEST_FIT_PROGRESSIVE'"),
    "image that is blocked": (CPU | {"imageType": "ECS_AL2"}, "'ECS_AL2023' or 'ECS_AL2023_NVIDIA'"),
    "GPU image without GPUs": (
        CPU | {"imageType": "ECS_AL2023_NVIDIA", "instanceTypes": ["g6", "m7i", "optimal"]},
        "imageType ECS_AL2023_NVIDIA of cpu is for GPUs, and m7i, optimal have none; name types such as g6, or set "
        "imageType to ECS_AL2023",
    ),
    "nodes of one job on Spot": (
        CPU | {"type": "SPOT", "placement": "cluster"},
        "placement cluster of cpu is for jobs of many nodes, which Batch does not run on SPOT; set type to EC2, or "
        "placement to partition or spread",
    ),
    "two kinds of processors": (
        CPU | {"instanceTypes": ["m7i", "m7g", "default_arm64", "optimal"]},
        "instanceTypes of cpu mix m7g, default_arm64 with ARM processors and m7i, optimal without, which Batch "
        "refuses; make two environments, each with its own queue",
    ),
    "placement of no kind": (CPU | {"placement": "near"}, "'cluster', 'partition' or 'spread'"),
    "a disk below the image's": (CPU | {"diskGib": 29}, "greater than or equal to 30"),
    "an instance type that is none": (CPU | {"instanceTypes": ["M7I"]}, "should match pattern"),
    "a name in capitals": (CPU | {"name": "CPU"}, "should match pattern"),
    "a name that ends with a hyphen": (CPU | {"name": "cpu-"}, "should match pattern"),
    "a type of no kind": (CPU | {"type": "ec2"}, "'FARGATE', 'FARGATE_SPOT', 'EC2' or 'SPOT'"),
    "AWS's spelling of another key": (CPU | {"minVCpus": 0}, "is not a setting; did you mean minvCpus?"),
    "Python's spelling": (CPU | {"maxv_cpus": 9}, "is not a setting; did you mean maxvCpus?"),
    "pydantic's spelling": (CPU | {"maxvCPUs": 9}, "is not a setting; did you mean maxvCpus?"),
    "Fargate with instances": (
        FARGATE | {"instanceTypes": ["m7i"], "diskGib": 200, "minvCpus": 0, "placement": "spread"},
        "diskGib, instanceTypes, minvCpus, placement of fargate have no effect: FARGATE has no instances; remove",
    ),
    "Fargate Spot with a bid": (
        FARGATE | {"type": "FARGATE_SPOT", "bidPercentage": 50},
        "bidPercentage of fargate have no effect: FARGATE_SPOT has no instances; remove",
    ),
}

QUEUES: dict[str, tuple[dict[str, Any], str]] = {
    "two environments of a name": (
        of(CPU, CPU, queues=[QUEUE]),
        "computeEnvironments name cpu twice; give each its own name",
    ),
    "two queues of a name": (of(CPU, queues=[QUEUE, QUEUE]), "jobQueues name default twice; give each its own name"),
    "an environment that is not there": (
        of(CPU, queues=[QUEUE | {"computeEnvironments": ["cpu", "gpu"]}]),
        "jobQueues name gpu, which computeEnvironments has not: ['cpu']",
    ),
    "an environment that no queue has": (
        of(CPU, CPU | {"name": "idle"}, queues=[QUEUE]),
        "no jobQueues name idle of computeEnvironments; add it, or remove it",
    ),
    "Fargate beside instances": (
        of(CPU, FARGATE, queues=[QUEUE | {"computeEnvironments": ["cpu", "fargate"]}]),
        "jobQueues.default mixes Fargate with instances, which Batch refuses; make two queues",
    ),
    "ARM beside x86": (
        of(
            CPU,
            CPU | {"name": "arm", "instanceTypes": ["c7g", "m7g"]},
            queues=[QUEUE | {"computeEnvironments": ["cpu", "arm"]}],
        ),
        "jobQueues.default mixes ARM processors with others, which Batch refuses; make two queues",
    ),
    "fair share on the default": (
        of(CPU, queues=[QUEUE | FAIR]),
        "jobQueues.default is Metaflow's default and has fairShare, which demands a share identifier of each job, and "
        "Metaflow's client sends none; put a queue without fairShare first",
    ),
    "more environments than Batch takes": (
        of(
            *({**CPU, "name": f"e{number}"} for number in range(4)),
            queues=[QUEUE | {"computeEnvironments": [f"e{number}" for number in range(4)]}],
        ),
        "at most 3 items",
    ),
    "a queue of no environments": (of(CPU, queues=[QUEUE | {"computeEnvironments": []}]), "at least 1 item"),
    "no queue": (of(CPU, queues=[]), "at least 1 item"),
    "no environment": ({"computeEnvironments": [], "jobQueues": [QUEUE]}, "at least 1 item"),
    "a share of many stars": (
        of(
            CPU,
            queues=[
                QUEUE,
                {**QUEUE, "name": "fair", "fairShare": {"shareDistribution": [{"shareIdentifier": "*a*"}]}},
            ],
        ),
        "should match pattern",
    ),
    "a share without weight": (
        of(
            CPU,
            queues=[
                QUEUE,
                {
                    **QUEUE,
                    "name": "fair",
                    "fairShare": {"shareDistribution": [{"shareIdentifier": "a", "weightFactor": 0}]},
                },
            ],
        ),
        "greater than or equal to 0.0001",
    ),
    "a limit below Batch's": (of(CPU, queues=[QUEUE | {"cancelHopelessAfterMinutes": 9}]), "greater than or equal to"),
    "a limit above Batch's": (of(CPU, queues=[QUEUE | {"cancelWaitingAfterMinutes": 1441}]), "less than or equal to"),
    "a policy that is no ARN": ({"additionalWorkerPolicyArn": "AmazonS3ReadOnlyAccess"}, "should match pattern"),
    "a role for a policy": ({"additionalWorkerPolicyArn": "arn:aws:iam::123456789012:role/x"}, "should match pattern"),
    "a repository of another registry": ({"imageRepositories": ["example.com:5000/x"]}, "should match pattern"),
}


@pytest.mark.parametrize("what", ENVIRONMENTS)
def test_an_environment_that_cannot_work_is_refused_with_the_way_out(what: str) -> None:
    environment, words = ENVIRONMENTS[what]
    found = problems(**of(environment))
    assert any(words in problem for problem in found), found
    assert all(problem.startswith("mlplatform:metaflow.batch") for problem in found)


@pytest.mark.parametrize("what", QUEUES)
def test_queues_that_cannot_work_are_refused_with_the_way_out(what: str) -> None:
    given, words = QUEUES[what]
    found = problems(**given)
    assert any(words in problem for problem in found), found
    assert all(problem.startswith("mlplatform:metaflow.batch") for problem in found)


@pytest.mark.parametrize(
    "given",
    [
        of(CPU | {"minvCpus": 4, "desiredvCpus": 4, "maxvCpus": 4}),
        of(CPU | {"instanceTypes": ["optimal", "default_x86_64"]}),
        of(CPU | {"instanceTypes": ["u-3tb1", "m7i-flex.large", "x2iedn", "g4dn", "i7ie"]}),
        of(CPU | {"imageType": "ECS_AL2023_NVIDIA", "instanceTypes": ["g6", "p5.48xlarge"], "placement": "cluster"}),
        of(CPU | {"type": "SPOT", "bidPercentage": 60, "allocationStrategy": "SPOT_CAPACITY_OPTIMIZED"}),
        of(CPU | {"type": "SPOT", "allocationStrategy": "BEST_FIT_PROGRESSIVE"}),
        of(FARGATE, FARGATE | {"name": "spot", "type": "FARGATE_SPOT", "maxvCpus": 10_000}),
        of(CPU, FARGATE, queues=[QUEUE, {"name": "fargate", "computeEnvironments": ["fargate"], **FAIR}]),
        of(CPU, queues=[QUEUE | {"cancelHopelessAfterMinutes": None, "cancelWaitingAfterMinutes": 10}]),
        {"additionalWorkerPolicyArn": "arn:aws:iam::aws:policy/AmazonAthenaFullAccess"},
        {"additionalWorkerPolicyArn": "arn:aws-us-gov:iam::123456789012:policy/team/flows"},
        {"imageRepositories": ["team/*", "base"]},
    ],
)
def test_what_works_is_taken(given: dict[str, Any]) -> None:
    assert parse_settings(batch(**given))


def test_vcpus_are_spelt_as_aws_spells_them() -> None:
    fields = ComputeEnvironmentSettings.model_fields
    assert {name: fields[name].alias for name in ("minv_cpus", "desiredv_cpus", "maxv_cpus")} == {
        "minv_cpus": "minvCpus",
        "desiredv_cpus": "desiredvCpus",
        "maxv_cpus": "maxvCpus",
    }
    sizes = {"minvCpus": 2, "desiredvCpus": 4, "maxvCpus": 8}
    (environment,) = parse_settings(batch(**of(CPU | sizes))).metaflow.batch.compute_environments
    assert (environment.minv_cpus, environment.desiredv_cpus, environment.maxv_cpus) == (2, 4, 8)


@pytest.mark.parametrize("environment", list(Environment))
def test_nothing_is_kept_at_rest_in_any_preset(environment: Environment) -> None:
    computing = parse_settings({"environment": environment.value}).metaflow.batch.compute_environments
    assert computing
    assert {(each.minv_cpus, each.desiredv_cpus) for each in computing} == {(0, 0)}


@pytest.mark.parametrize(
    ("given", "strategy"),
    [
        ({"type": "EC2"}, AllocationStrategy.BEST_FIT_PROGRESSIVE),
        ({"type": "SPOT"}, AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED),
        ({"type": "SPOT", "allocationStrategy": "BEST_FIT_PROGRESSIVE"}, AllocationStrategy.BEST_FIT_PROGRESSIVE),
    ],
)
def test_the_strategy_follows_the_type_unless_it_is_named(given: dict[str, Any], strategy: AllocationStrategy) -> None:
    (environment,) = parse_settings(batch(**of(CPU | given))).metaflow.batch.compute_environments
    assert environment.strategy is strategy


ARM = ["c7g.16xlarge", "m8gd", "g5g", "x2gd", "im4gn", "a1", "hpc7g.4xlarge", "default_arm64"]


@pytest.mark.parametrize("type_", ARM)
def test_instances_with_arm_need_an_image_that_has_it(type_: str) -> None:
    given = of(CPU | {"instanceTypes": [type_]})
    words = f"batch.computeEnvironments name {type_} with ARM processors, and the jobs' image is built for x86; give "
    assert any(words in problem for problem in problems(**given))
    image = {"job": "example.com/job:1"}
    assert parse_settings({"environment": "local", "metaflow": {"batch": given, "images": image}})


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)


def environments() -> st.SearchStrategy[dict[str, Any]]:
    fargate = st.fixed_dictionaries(
        {"name": NAMES, "type": st.sampled_from(["FARGATE", "FARGATE_SPOT"])},
        optional={"maxvCpus": st.integers(1, 10_000)},
    )
    instances = st.fixed_dictionaries(
        {
            "name": NAMES,
            "type": st.sampled_from(["EC2", "SPOT"]),
            "instanceTypes": st.lists(st.sampled_from(["m7i", "c7i.large", "optimal", "g6"]), min_size=1),
        },
        optional={"diskGib": st.integers(30, 16_384), "placement": st.sampled_from(["cluster", "spread"])},
    )
    return fargate | instances


@st.composite
def choices(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Environments of distinct names and queues of any of their names, half of them mended so that they work."""
    made = draw(st.lists(environments(), min_size=1, max_size=5, unique_by=lambda each: each["name"]))
    kinds = {each["name"]: each["type"].startswith("FARGATE") for each in made}
    names = st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=3, unique=True)
    queue = st.fixed_dictionaries(
        {"name": NAMES, "computeEnvironments": names}, optional={"fairShare": st.fixed_dictionaries({})}
    )
    queues: list[dict[str, Any]] = draw(st.lists(queue, min_size=1, max_size=6))
    if draw(st.booleans()):
        queues[0].pop("fairShare", None)
        for each in made:
            if each["type"] == "SPOT":
                each.pop("placement", None)
        for each in queues:
            first = kinds[each["computeEnvironments"][0]]
            each["computeEnvironments"] = [name for name in each["computeEnvironments"] if kinds[name] is first]
        unused = kinds.keys() - {name for each in queues for name in each["computeEnvironments"]}
        queues += [{"name": "more", "computeEnvironments": [name]} for name in sorted(unused)]
        queues = [{**each, "name": f"q{number}"} for number, each in enumerate(queues)]
    return {"computeEnvironments": made, "jobQueues": queues}


@given(given=choices())
def test_what_batch_takes_is_taken_and_nothing_else(given: dict[str, list[dict[str, Any]]]) -> None:
    queues = given["jobQueues"]
    fargate = {each["name"]: each["type"].startswith("FARGATE") for each in given["computeEnvironments"]}
    works = (
        len({queue["name"] for queue in queues}) == len(queues)
        and {name for queue in queues for name in queue["computeEnvironments"]} == set(fargate)
        and all(len({fargate[name] for name in queue["computeEnvironments"]}) == 1 for queue in queues)
        and "fairShare" not in queues[0]
        and not any(
            (each["type"], each.get("placement")) == ("SPOT", "cluster") for each in given["computeEnvironments"]
        )
    )
    event("works" if works else "does not work")
    if works:
        taken = parse_settings(batch(**given)).metaflow.batch
        assert taken.has_instances == (not all(fargate.values()))
        assert [queue.name for queue in taken.job_queues] == [queue["name"] for queue in queues]
    else:
        assert problems(**given)


@given(sizes=st.tuples(*[st.integers(0, 20)] * 3))
def test_vcpus_are_taken_if_and_only_if_they_are_in_order(sizes: tuple[int, int, int]) -> None:
    least, first, most = sizes
    config = of(CPU | {"minvCpus": least, "desiredvCpus": first, "maxvCpus": most})
    if most >= 1 and least <= first <= most:
        assert parse_settings(batch(**config))
    else:
        assert problems(**config)
