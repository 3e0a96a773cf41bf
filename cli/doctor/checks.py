"""The doctor's checks: pure functions from facts to findings."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from cli.doctor.facts import Condition, Environment, Facts, InstanceType, Subnet, WaitingJob
from cli.doctor.findings import Finding, Unread, fail, not_read, ok, warn
from cli.doctor.reading import SERVICE_ROLES, EcrImage, belongs
from lib.endpoints import INSTANCE_SERVICES
from settings.batch import OWN_CHOICE, ComputeType

PATIENCE_MINUTES = 10
SHOWN_JOBS = 5
SMALLEST_INSTANCE_VCPUS = 2
"""vCPUs of the smallest type of the families among which Batch chooses itself."""

NETWORK = "mlplatform:network"
ENVIRONMENTS = "mlplatform:metaflow.batch.computeEnvironments"

QUOTAS = {
    ("standard", False): ("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    ("standard", True): ("ec2", "L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
    ("g", False): ("ec2", "L-DB2E81BA", "Running On-Demand G and VT instances"),
    ("g", True): ("ec2", "L-3819A6DF", "All G and VT Spot Instance Requests"),
    ("p", False): ("ec2", "L-417A185B", "Running On-Demand P instances"),
    ("p", True): ("ec2", "L-7212CCBC", "All P Spot Instance Requests"),
    ("fargate", False): ("fargate", "L-3032A538", "Fargate On-Demand vCPU resource count"),
    ("fargate", True): ("fargate", "L-36FBB829", "Fargate Spot vCPU resource count"),
}
"""Quotas of running vCPUs by what counts towards them, and whether it is Spot: service, code, name.

Names: Amazon EC2 user guide, "Spot Instance quotas"
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html) and "On-Demand Instance quotas"; Amazon ECS
developer guide, "Amazon ECS service quotas"
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html). Codes: Service Quotas lists them with
the names (`aws service-quotas list-aws-default-service-quotas --service-code ec2`, and `fargate`).
"""

STANDARD = frozenset("acdhimrtz") | {"im", "is"}
"""Letters of the families that count as Standard."""

REASONS = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": f"AWS has none now: more types, sizes or zones in {ENVIRONMENTS}",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": f"ask for less in @batch, or raise maxvCpus in {ENVIRONMENTS}",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": f"ask for less in @batch, or add larger types to {ENVIRONMENTS}",
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS": "let the environment's service role be AWSServiceRoleForBatch",
    "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED": f"change instanceTypes in {ENVIRONMENTS}",
    "ACTION_REQUIRED": "no environment of the queue is VALID; its line says why",
}
"""Why Batch does not start a job, with the way out (AWS Batch user guide, "Jobs stuck in a RUNNABLE status",
https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html)."""


def diagnose(facts: Facts) -> Iterator[Finding]:
    """All checks, in the order in which a job would fail at them."""
    return chain(
        queues(facts),
        compute_environments(facts),
        service_roles(facts),
        instance_types(facts),
        quotas(facts),
        ways_out(facts),
        addresses(facts),
        image(facts),
        waiting(facts),
    )


def _settled(what: str, one: Condition, way_out: str) -> Finding:
    if one.state != "ENABLED" or one.status != "VALID":
        return fail(what, f"{one.state} and {one.status}: {one.reason}", way_out)
    return ok(what, "ENABLED and VALID")


def queues(facts: Facts) -> Iterator[Finding]:
    """Whether each job queue takes jobs and gives them on."""
    for name, found in facts.queues.items():
        what = f"queue {name}"
        if isinstance(found, Unread):
            yield not_read(what, found)
        elif found is None:
            yield fail(what, f"there is no {facts.batch.queues[name]}", "make deploy makes it again")
        else:
            yield _settled(what, found, f"aws batch update-job-queue --job-queue {found.name} --state ENABLED")


def compute_environments(facts: Facts) -> Iterator[Finding]:
    """Whether each compute environment of the queues starts jobs."""
    if isinstance(facts.environments, Unread):
        yield not_read("compute environments", facts.environments)
        return
    if not facts.environments and any(isinstance(one, Condition) for one in facts.queues.values()):
        yield fail("compute environments", "no queue has one", "make deploy makes them again")
    for one in facts.environments:
        way_out = (
            f"aws batch update-compute-environment --compute-environment {one.name} --state ENABLED"
            if one.status == "VALID"
            else "put right what the reason says, then enable it; AWS Batch user guide, INVALID compute environment"
        )
        yield _settled(f"environment {one.name}", one, way_out)


def service_roles(facts: Facts) -> Iterator[Finding]:
    """Whether the service-linked roles are there that Batch, ECS and Spot work by.

    AWS makes them with the first resource of its kind where the creator may let it (AWS Batch user guide, "Using
    service-linked roles for AWS Batch"; Amazon EC2 user guide, "Service-linked role for EC2 Spot Instance requests").
    """
    needed = {"AWSServiceRoleForECS"}
    environments = () if isinstance(facts.environments, Unread) else facts.environments
    if not environments or any(_linked(one.service_role) for one in environments):
        needed.add("AWSServiceRoleForBatch")
    if any(one.type is ComputeType.SPOT for one in facts.batch.environments):
        needed.add("AWSServiceRoleForEC2Spot")
    for name in sorted(needed):
        found = facts.roles[name]
        if isinstance(found, Unread):
            yield not_read(f"role {name}", found)
        elif found:
            yield ok(f"role {name}", "is there")
        else:
            way_out = f"aws iam create-service-linked-role --aws-service-name {SERVICE_ROLES[name]}"
            yield fail(f"role {name}", "is not in this account", way_out)


def _linked(service_role: str) -> bool:
    return not service_role or "AWSServiceRoleForBatch" in service_role


def instance_types(facts: Facts) -> Iterator[Finding]:
    """Whether the instance types exist in the zones of the jobs, and whether those for GPUs have some."""
    for one in facts.batch.environments:
        what = f"types of {one.name}"
        if one.type.is_fargate:
            continue
        if isinstance(facts.instance_types, Unread):
            yield not_read(what, facts.instance_types)
            continue
        zones = _zones(facts)
        types = _types(one, facts)
        unknown = [name for name in one.named_types if not any(t.zones for t in types if belongs(t.name, name))]
        empty = sorted(zone for zone in zones if not any(zone in t.zones for t in types))
        usable = [t for t in types if t.zones]
        chosen = [name for name in one.instance_types if name in OWN_CHOICE]
        if unknown:
            why = f"{', '.join(unknown)}: not in {', '.join(sorted(zones))}"
            way_out = f"choose others in {ENVIRONMENTS}, or other zones: aws ec2 describe-instance-type-offerings"
            yield (warn if usable or chosen else fail)(what, why, f"{way_out} --location-type availability-zone")
        elif empty and not chosen:
            way_out = (
                f"add a type that {', '.join(empty)} has to {ENVIRONMENTS}; jobs run in the other zones until then"
            )
            yield warn(what, f"none of {', '.join(one.named_types)} in {', '.join(empty)}", way_out)
        else:
            yield ok(what, f"{', '.join(one.instance_types)} in {', '.join(sorted(zones))}")
        if one.gpu and usable:
            yield _gpus(one, usable)


def _gpus(environment: Environment, types: Iterable[InstanceType]) -> Finding:
    what = f"GPUs of {environment.name}"
    known = list(types)
    without = sorted({t.name.partition(".")[0] for t in known if not t.nvidia_gpus})
    way_out = f"use families such as g6 or p5 alone in {ENVIRONMENTS}"
    if not any(t.nvidia_gpus for t in known):
        return fail(what, f"none of {', '.join(environment.instance_types)} has an NVIDIA GPU", way_out)
    if without:
        return warn(what, f"{', '.join(without)} has no NVIDIA GPU", way_out)
    return ok(what, f"{', '.join(environment.instance_types)} have NVIDIA GPUs")


def _types(environment: Environment, facts: Facts) -> list[InstanceType]:
    if isinstance(facts.instance_types, Unread):
        return []
    return [one for name in environment.named_types for one in facts.instance_types.get(name, ())]


def _zones(facts: Facts) -> set[str]:
    return set() if isinstance(facts.subnets, Unread) else {one.zone for one in facts.subnets}


def quota_kinds(environment: Environment) -> set[tuple[str, bool]]:
    """What of `QUOTAS` an environment counts towards; a family that is not there is itself."""
    spot = environment.type in (ComputeType.SPOT, ComputeType.FARGATE_SPOT)
    if environment.type.is_fargate:
        return {("fargate", spot)}
    return {(_kind(name), spot) for name in environment.instance_types}


def _kind(name: str) -> str:
    """The quota's group of a type or family."""
    if name in OWN_CHOICE:
        return "standard"
    letters = _letters(name)
    if letters in STANDARD:
        return "standard"
    return "g" if letters == "vt" else letters


def _letters(name: str) -> str:
    found = re.match(r"[a-z]+", name)
    return found[0] if found else name


def needed_quotas(environments: Iterable[Environment]) -> dict[str, str]:
    """Codes of the quotas that matter, with their services."""
    kinds = {kind for one in environments for kind in quota_kinds(one)}
    return {QUOTAS[kind][1]: QUOTAS[kind][0] for kind in sorted(kinds) if kind in QUOTAS}


def quotas(facts: Facts) -> Iterator[Finding]:
    """Whether the account's quotas of running vCPUs cover what the environments may grow to.

    They count all that runs in account and region, not Batch's jobs alone.
    """
    wanted: dict[tuple[str, bool], list[Environment]] = {}
    for one in facts.batch.environments:
        for kind in quota_kinds(one):
            wanted.setdefault(kind, []).append(one)
    for kind, environments in sorted(wanted.items()):
        names = ", ".join(one.name for one in environments)
        if kind not in QUOTAS:
            way_out = "see the console of Service Quotas, Amazon Elastic Compute Cloud"
            yield warn(f"quota of {names}", f"that of the family {kind[0]} is not known here", way_out)
            continue
        service, code, name = QUOTAS[kind]
        what, found = f"quota {code}", facts.quotas[code]
        if isinstance(found, Unread) and not found.denied:
            yield warn(what, f"{name}: Service Quotas does not tell ({found.why})", "see its console")
            continue
        if isinstance(found, Unread):
            yield not_read(what, found)
            continue
        most = sum(one.max_vcpus for one in environments)
        least = min(_smallest(one, kind[0], facts) for one in environments)
        why = f"{name}: {found:g} vCPUs; {names} may use {most}"
        way_out = (
            f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
            f"--desired-value {most}"
        )
        if found < least:
            yield fail(what, f"{why}, and the smallest needs {least:g}", way_out)
        elif found < most:
            yield warn(what, f"{why}: jobs beyond the quota stay RUNNABLE", f"{way_out}, or lower maxvCpus")
        else:
            yield ok(what, why)


def _smallest(environment: Environment, kind: str, facts: Facts) -> float:
    if environment.type.is_fargate:
        return 0.25
    sizes = [one.vcpus for one in _types(environment, facts) if _kind(one.name) == kind]
    return min(sizes, default=SMALLEST_INSTANCE_VCPUS)


def ways_out(facts: Facts) -> Iterator[Finding]:
    """Whether what starts jobs reaches what it needs from each subnet: by a way out over IPv4, or by endpoints.

    Over IPv6 alone images are not pulled and logs not written (lib/endpoints.py), and boto3 asks for IPv4 addresses, so
    that an egress-only gateway stands for no endpoint. Endpoints: AWS Batch user guide, "Considerations for AWS Batch"
    (https://docs.aws.amazon.com/batch/latest/userguide/vpc-endpoint-considerations.html); Amazon ECR user guide,
    "Amazon ECR interface VPC endpoints", which adds S3's gateway. Foreach steps of Step Functions look into DynamoDB.
    """
    if isinstance(facts.subnets, Unread):
        yield not_read("subnets", facts.subnets)
        return
    for subnet in facts.subnets:
        what = f"way out of {subnet.id}"
        open_, closed = _ipv4(subnet, facts.batch.environments)
        if open_:
            yield ok(what, open_)
            continue
        if isinstance(facts.endpoints, Unread):
            yield not_read(what, facts.endpoints)
            continue
        missing = missing_endpoints(subnet, facts)
        if missing:
            yield fail(
                what,
                f"{closed}, and no endpoint of {', '.join(missing)}",
                f"set {NETWORK}.natGateways, or let {NETWORK}.interfaceEndpoints and extraInterfaceEndpoints have them",
            )
        else:
            yield ok(what, f"{closed}; the endpoints that jobs need are there")


def _ipv4(subnet: Subnet, environments: Iterable[Environment]) -> tuple[str, str]:
    """How jobs get out over IPv4, or why they do not; one of both is empty."""
    route = next((route for route in subnet.routes if not route.ipv6), None)
    if route is None:
        return "", "a way out over IPv6 alone" if any(route.active for route in subnet.routes) else "no way out"
    if not route.active:
        return "", f"its default route leads to {route.target}, which is gone"
    # Metaflow registers Fargate jobs with a public address; an instance has one where the subnet gives it.
    if route.target.startswith("igw-") and not subnet.public and any(not one.type.is_fargate for one in environments):
        return "", f"{route.target} is no way for instances, which get no public address here"
    return f"by {route.target}", ""


def missing_endpoints(subnet: Subnet, facts: Facts) -> list[str]:
    """Endpoints that jobs without a way out need and have not."""
    known = () if isinstance(facts.endpoints, Unread) else facts.endpoints
    reached = {
        one.service
        for one in known
        if one.usable and (one.route_tables is None or subnet.route_table in one.route_tables)
    }
    needed = {"s3", "dynamodb", "logs"}
    if EcrImage.of(facts.batch.image):
        needed |= {"ecr.api", "ecr.dkr"}
    if any(not one.type.is_fargate for one in facts.batch.environments):
        needed |= set(INSTANCE_SERVICES)
    return sorted(needed - reached)


def addresses(facts: Facts) -> Iterator[Finding]:
    """Whether the subnets have addresses for what may run at once: one for each instance or Fargate job."""
    if isinstance(facts.subnets, Unread):
        return
    for subnet in facts.subnets:
        if subnet.free < 1:
            yield fail(f"addresses of {subnet.id}", "none is free", "end what uses them, or give jobs another subnet")
    free = sum(subnet.free for subnet in facts.subnets)
    most = sum(_at_once(one, facts) for one in facts.batch.environments)
    if free < most:
        way_out = f"lower maxvCpus in {ENVIRONMENTS}, or use larger instances or subnets"
        yield warn("addresses", f"{free} are free, and {most} may be wanted at once", way_out)
    else:
        yield ok("addresses", f"{free} are free, and at most {most} are wanted at once")


def _at_once(environment: Environment, facts: Facts) -> int:
    """Addresses that an environment may use: Fargate's smallest common job has a vCPU, as Metaflow's default."""
    if environment.type.is_fargate:
        return environment.max_vcpus
    sizes = [one.vcpus for one in _types(environment, facts)]
    return -(-environment.max_vcpus // min(sizes, default=SMALLEST_INSTANCE_VCPUS))


def image(facts: Facts) -> Iterator[Finding]:
    """Whether the jobs' image exists, where that can be seen, and is reached from each subnet."""
    uri, in_ecr = facts.batch.image, EcrImage.of(facts.batch.image)
    elsewhere = f"set {NETWORK}.natGateways, or push it to ECR in {facts.batch.region}: mlplatform:metaflow.images.job"
    if isinstance(facts.image, Unread):
        yield not_read("image", facts.image)
    elif facts.image is False:
        yield fail(
            "image",
            f"{uri} does not exist",
            "push it, or change mlplatform:metaflow.images.job; make deploy builds its own",
        )
    elif facts.image:
        yield ok("image", f"{uri} exists")
    if in_ecr and in_ecr.region == facts.batch.region:
        return  # by a way out or by endpoints, which `ways_out` looks at
    if isinstance(facts.subnets, Unread):
        return
    shut = [one.id for one in facts.subnets if not _ipv4(one, facts.batch.environments)[0]]
    if shut:
        yield fail("image", f"{uri} is not reached from {', '.join(shut)}, which have no way out over IPv4", elsewhere)
    else:
        yield ok("image", f"{uri} is reached by the way out")


def waiting(facts: Facts) -> Iterator[Finding]:
    """Whether jobs have waited long since they were submitted: a failure where Batch says that they never start."""
    for queue, found in facts.waiting.items():
        what = f"waiting in {queue}"
        if facts.queues[queue] is None:
            continue
        if isinstance(found, Unread):
            yield not_read(what, found)
            continue
        late = sorted((one for one in found if one.minutes > PATIENCE_MINUTES), key=lambda one: -one.minutes)
        if not late:
            yield ok(what, f"no job for more than {PATIENCE_MINUTES} minutes")
        for one in late[:SHOWN_JOBS]:
            yield _late(what, one)
        if len(late) > SHOWN_JOBS:
            yield warn(
                what,
                f"{len(late) - SHOWN_JOBS} more",
                f"aws batch list-jobs --job-queue {facts.batch.queues[queue]} --job-status RUNNABLE",
            )


def _late(what: str, job: WaitingJob) -> Finding:
    why = f"{job.name} ({job.id}) for {job.minutes:.0f} minutes: {job.reason or 'Batch gives no reason'}"
    known = next((way_out for reason, way_out in REASONS.items() if job.reason.startswith(reason)), None)
    way_out = (
        known or "it may wait for its turn: the other lines, and the instances' ECS agents, say what else is wrong"
    )
    never = job.reason.startswith(("MISCONFIGURATION", "ACTION_REQUIRED"))
    return (fail if never else warn)(what, why, f"{way_out}; aws batch terminate-job --job-id {job.id} --reason waited")
