"""What the policy packs cost on a large stack, offline and under the engine, and how it grows.

The stack is flat and made of services as real ones are: three roles with several policies, a bucket with its
companions, a key, a database, a table, a function, a task, security groups and their rules, logs and alarms.

    python -m bench.policies [--resources 1000] [--no-engine]

- offline: `evaluate()`, as `make plan` calls it;
- served: the packs' processes, asked what the engine asks: all packs in one process, and each in its own;
- engine: previews without packs, with a pack that has no rules, and with all of them, in turn.

Exits 1 if an aim is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, cast

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

import emulator
from cli.engine import Engine, NoEngineError, find_engine
from cli.local import link_program
from cli.policy_packs import policy_packs
from policies.framework.runner import UNKNOWN, PlannedResource, evaluate, evaluate_rules, packs, rules

ROOT = Path(__file__).parent.parent
ALL = ROOT / "policies"
"""The pack that serves all of them."""
MOST_SECONDS = 10.0
MOST_MIB = 300.0
MOST_GROWTH = 1.5
"""Time for each resource of four times as many, against time for each of the fewest; if it were quadratic, 4."""

ACCOUNT, REGION = "123456789012", "us-east-1"
REFERENCE = "$id of"

PROGRAM = f"""
import json
from pathlib import Path

import pulumi

made = {{}}


def given(value):
    if isinstance(value, dict):
        if {REFERENCE!r} in value:
            return made[value[{REFERENCE!r}]].id
        return {{key: given(below) for key, below in value.items()}}
    return [given(below) for below in value] if isinstance(value, list) else value


for type_, name, props in json.loads((Path(__file__).parent / "resources.json").read_text()):
    made[name] = pulumi.CustomResource(type_, name, given(props))
"""

EMPTY = """
from pulumi_policy import PolicyPack, ResourceValidationPolicy

nothing = ResourceValidationPolicy(name="nothing", description="Finds nothing.", validate=lambda *_: None)
PolicyPack(name="empty", policies=[nothing])
"""

Spec = tuple[str, str, dict[str, Any]]
"""Type, name and inputs of a resource; the id of another stands as ``{REFERENCE: name}``."""


def _id(name: str) -> dict[str, str]:
    return {REFERENCE: name}


def _document(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


def _trust(service: str) -> str:
    return _document(
        {
            "Action": "sts:AssumeRole",
            "Principal": {"Service": service},
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
    )


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _service(at: int) -> list[Spec]:
    """Return one service of the stack."""
    me = f"service-{at}"
    tags = {"Project": "bench", "Environment": "local", "Owner": "bench"}
    bucket = f"bench-{me}-data"
    bucket_arn = f"arn:aws:s3:::{bucket}"
    secret = _arn("secretsmanager", f"secret:{me}/database-??????")
    key = _arn("kms", f"key/{at:08}-0000-0000-0000-000000000000")
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/bench-boundary"
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{me}:1.0.0"
    logs = {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": _arn("logs", f"log-group:/{me}/*:*")}
    closed = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [bucket_arn, f"{bucket_arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    container = {"name": "app", "image": image, "readonlyRootFilesystem": True, "user": "1000", "essential": True}

    def role(name: str, service: str) -> Spec:
        trust = {"assumeRolePolicy": _trust(service), "permissionsBoundary": boundary, "path": "/bench/"}
        return ("aws:iam/role:Role", f"{me}-{name}", {"name": f"{me}-{name}", **trust, "tags": tags})

    def grant(role: str, name: str, *statements: Mapping[str, Any]) -> Spec:
        props = {"role": f"{me}-{role}", "name": name, "policy": _document(*statements)}
        return ("aws:iam/rolePolicy:RolePolicy", f"{me}-{role}-{name}", props)

    def companion(kind: str, **props: Any) -> Spec:
        type_ = f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}"
        return (type_, f"{me}-{kind}", {"bucket": bucket, **props})

    def ingress(port: int, source: str) -> Spec:
        props = {"fromPort": port, "toPort": port, "ipProtocol": "tcp", "referencedSecurityGroupId": _id(source)}
        type_ = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
        return (type_, f"{me}-ingress-{port}", {"securityGroupId": _id(f"{me}-group"), **props, "tags": tags})

    def alarm(metric: str) -> Spec:
        name = f"{me}-{metric.lower()}"
        given = {"name": name, "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 3, "threshold": 1}
        more = {"metricName": metric, "namespace": "AWS/Lambda", "period": 60, "statistic": "Sum", "tags": tags}
        return ("aws:cloudwatch/metricAlarm:MetricAlarm", name, {**given, **more})

    return [
        ("aws:kms/key:Key", f"{me}-key", {"description": me, "enableKeyRotation": True, "tags": tags}),
        ("aws:kms/alias:Alias", f"{me}-alias", {"name": f"alias/{me}", "targetKeyId": _id(f"{me}-key")}),
        role("task", "ecs-tasks.amazonaws.com"),
        grant("task", "data", {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"{bucket_arn}/data/*"}),
        grant("task", "list", {"Action": "s3:ListBucket", "Resource": bucket_arn}),
        grant("task", "table", {"Action": ["dynamodb:Query"], "Resource": _arn("dynamodb", f"table/{me}")}, logs),
        role("execution", "ecs-tasks.amazonaws.com"),
        grant("execution", "logs", logs),
        grant("execution", "secret", {"Action": "secretsmanager:GetSecretValue", "Resource": secret}),
        role("function", "lambda.amazonaws.com"),
        (
            "aws:iam/policy:Policy",
            f"{me}-decrypt",
            {"name": f"{me}-decrypt", "policy": _document({"Action": "kms:Decrypt", "Resource": key}), "tags": tags},
        ),
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            f"{me}-decrypt-function",
            {"role": f"{me}-function", "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/{me}-decrypt"},
        ),
        (
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            f"{me}-decrypt-task",
            {"role": _id(f"{me}-task"), "policyArn": _id(f"{me}-decrypt")},
        ),
        ("aws:s3/bucket:Bucket", f"{me}-bucket", {"bucket": bucket, "tags": tags}),
        companion(
            "BucketPublicAccessBlock",
            **dict.fromkeys(
                ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
            ),
        ),
        companion("BucketVersioning", versioningConfiguration={"status": "Enabled"}),
        companion(
            "BucketServerSideEncryptionConfiguration",
            rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}}],
        ),
        companion("BucketPolicy", policy=json.dumps(closed)),
        (
            "aws:ec2/securityGroup:SecurityGroup",
            f"{me}-group",
            {"description": me, "vpcId": "vpc-0123456789abcdef0", "tags": tags},
        ),
        ingress(443, f"{me}-group"),
        ingress(5432, f"{me}-group"),
        (
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            f"{me}-egress",
            {
                "securityGroupId": _id(f"{me}-group"),
                "fromPort": 443,
                "toPort": 443,
                "ipProtocol": "tcp",
                "cidrIpv4": "10.0.0.0/16",
                "tags": tags,
            },
        ),
        ("aws:cloudwatch/logGroup:LogGroup", f"{me}-logs", {"name": f"/{me}/app", "retentionInDays": 30, "tags": tags}),
        (
            "aws:cloudwatch/logGroup:LogGroup",
            f"{me}-function-logs",
            {"name": f"/{me}/function", "retentionInDays": 30, "kmsKeyId": key, "tags": tags},
        ),
        (
            "aws:ecr/repository:Repository",
            f"{me}-images",
            {
                "name": me,
                "imageTagMutability": "IMMUTABLE",
                "imageScanningConfiguration": {"scanOnPush": True},
                "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": key}],
                "tags": tags,
            },
        ),
        (
            "aws:ecs/taskDefinition:TaskDefinition",
            f"{me}-definition",
            {
                "family": me,
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "cpu": "256",
                "memory": "512",
                "taskRoleArn": f"arn:aws:iam::{ACCOUNT}:role/bench/{me}-task",
                "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/bench/{me}-execution",
                "containerDefinitions": json.dumps([container]),
                "tags": tags,
            },
        ),
        (
            "aws:lambda/function:Function",
            f"{me}-function",
            {
                "name": me,
                "role": f"arn:aws:iam::{ACCOUNT}:role/bench/{me}-function",
                "runtime": "python3.13",
                "handler": "main.handler",
                "s3Bucket": bucket,
                "s3Key": "function.zip",
                "environment": {"variables": {"TABLE": me, "BUCKET": bucket}},
                "kmsKeyArn": key,
                "tags": tags,
            },
        ),
        (
            "aws:dynamodb/table:Table",
            f"{me}-table",
            {
                "name": me,
                "billingMode": "PAY_PER_REQUEST",
                "hashKey": "id",
                "attributes": [{"name": "id", "type": "S"}],
                "serverSideEncryption": {"enabled": True, "kmsKeyArn": key},
                "pointInTimeRecovery": {"enabled": True},
                "tags": tags,
            },
        ),
        (
            "aws:rds/instance:Instance",
            f"{me}-database",
            {
                "identifier": me,
                "engine": "postgres",
                "instanceClass": "db.t4g.micro",
                "allocatedStorage": 20,
                "username": "bench",
                "manageMasterUserPassword": True,
                "storageEncrypted": True,
                "kmsKeyId": key,
                "parameterGroupName": f"{me}-parameters",
                "backupRetentionPeriod": 7,
                "deletionProtection": True,
                "tags": tags,
            },
        ),
        (
            "aws:rds/parameterGroup:ParameterGroup",
            f"{me}-parameters",
            {
                "name": f"{me}-parameters",
                "family": "postgres17",
                "parameters": [{"name": "rds.force_ssl", "value": "1"}],
                "tags": tags,
            },
        ),
        ("aws:secretsmanager/secret:Secret", f"{me}-secret", {"name": f"{me}/api", "kmsKeyId": key, "tags": tags}),
        (
            "aws:secretsmanager/secretRotation:SecretRotation",
            f"{me}-rotation",
            {
                "secretId": _id(f"{me}-secret"),
                "rotationLambdaArn": _arn("lambda", "function:rotate"),
                "rotationRules": {"automaticallyAfterDays": 30},
            },
        ),
        ("aws:sqs/queue:Queue", f"{me}-queue", {"name": me, "kmsMasterKeyId": key, "tags": tags}),
        ("aws:sns/topic:Topic", f"{me}-topic", {"name": me, "kmsMasterKeyId": key, "tags": tags}),
        ("aws:ssm/parameter:Parameter", f"{me}-url", {"name": f"/{me}/url", "type": "String", "value": me}),
        (
            "aws:cloudwatch/eventRule:EventRule",
            f"{me}-schedule",
            {"name": me, "scheduleExpression": "rate(1 day)", "tags": tags},
        ),
        (
            "aws:cloudwatch/eventTarget:EventTarget",
            f"{me}-target",
            {"rule": _id(f"{me}-schedule"), "arn": _arn("sqs", me)},
        ),
        alarm("Errors"),
        alarm("Throttles"),
    ]


def stack(number: int, module: str = "") -> list[Spec]:
    """Return a stack of so many resources, of all modules or of one alone."""
    specs = chain.from_iterable(_service(at) for at in count())
    return list(islice((spec for spec in specs if not module or _module(spec) == module), number))


def _module(spec: Spec) -> str:
    return spec[0].split(":")[1].split("/")[0]


def planned(specs: Sequence[Spec]) -> list[PlannedResource]:
    """Return the stack as the offline runner takes it."""
    urns = {name: f"urn:pulumi:local::bench::{type_}::{name}" for type_, name, _ in specs}

    def unknown(given: Any) -> bool:
        return isinstance(given, dict) and REFERENCE in given

    def sources(given: Any) -> tuple[str, ...]:
        return (urns[given[REFERENCE]],) if unknown(given) and given[REFERENCE] in urns else ()

    return [
        PlannedResource(
            urn=urns[name],
            type=type_,
            name=name,
            props={key: UNKNOWN if unknown(given) else given for key, given in props.items()},
            property_dependencies={key: sources(given) for key, given in props.items()},
            dependencies=sorted({urn for given in props.values() for urn in sources(given)}),
            provider={"allowedAccountIds": [ACCOUNT]},
        )
        for type_, name, props in specs
    ]


def sizes(number: int) -> tuple[int, ...]:
    """Return the numbers of resources to compare."""
    return (number // 2, number, 2 * number)


def offline(number: int) -> list[str]:
    """Print what judging costs without an engine; returns the aims that are missed."""
    print("offline: evaluate()")
    evaluate(planned(stack(50)))  # what is read but once is not of the figures
    costs: list[float] = []
    for size in sizes(number):
        resources = planned(stack(size))
        seconds, found = _judged(resources)
        costs.append(seconds / size)
        print(f"  {size:>5} resources {seconds:>6.2f} CPU s, {1000 * costs[-1]:>6.3f} ms each, {found} findings")
    missed = _growth(costs)
    for module in sorted({_module(spec) for spec in _service(0)}):
        # References by value are looked for among resources of one kind, so a stack of one kind tells most.
        costs = [_judged(planned(stack(size, module)))[0] / size for size in sizes(number)]
        missed += [f"{module} alone: {each}" for each in _growth(costs, f"{module} alone")]
    return missed


def _judged(resources: Sequence[PlannedResource]) -> tuple[float, int]:
    """Return the CPU seconds, the fewest of some runs, and the number of findings."""
    runs: list[tuple[float, int]] = []
    for _ in range(3):
        begun = time.process_time()
        found = evaluate(resources)
        runs.append((time.process_time() - begun, len(found)))
    return min(runs)


def _growth(costs: Sequence[float], what: str = "") -> list[str]:
    """Print how the cost of each resource grows from the fewest to the most."""
    growth = costs[-1] / costs[0]
    print(f"  growth {growth:.2f} {what}".rstrip())
    return [f"cost of each resource grows by {growth:.2f}"] if growth > MOST_GROWTH else []


def slowest(number: int) -> None:
    """Print the rules that take longest."""
    resources = planned(stack(number))
    times: dict[str, float] = {}
    for pack in packs():
        for rule in rules(pack):
            begun = time.process_time()
            list(evaluate_rules(pack, [rule], resources))
            times[rule.name] = time.process_time() - begun
    print(f"slowest of {len(times)} rules over {number} resources:")
    for name, seconds in sorted(times.items(), key=lambda item: -item[1])[:8]:
        print(f"  {1000 * seconds:>7.1f} ms  {name}")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What serving packs costs: CPU seconds of all their processes, of that until they were up, and peak memory."""

    cpu: float
    starting: float
    memory: float

    def __add__(self, other: "Cost") -> "Cost":
        """All processes run at once."""
        return Cost(
            cpu=self.cpu + other.cpu, starting=self.starting + other.starting, memory=self.memory + other.memory
        )


def served(number: int) -> list[str]:
    """Print what the packs' own processes take; returns the aims that are missed."""
    missed: list[str] = []
    for title, folders in (("all in one process", [ALL]), ("each in its own process", policy_packs(ROOT))):
        print(f"served: {title}")
        costs: list[float] = []
        for size in sizes(number):
            resources = planned(stack(size))
            total = sum((_serve(folder, resources) for folder in folders[1:]), _serve(folders[0], resources))
            costs.append((total.cpu - total.starting) / size)
            print(
                f"  {size:>5} resources {total.cpu:>6.2f} CPU s, of them {total.starting:.2f} to start, "
                f"{1000 * costs[-1]:>6.3f} ms each, {total.memory:.0f} MiB"
            )
            if len(folders) == 1 and size == number:
                missed += [f"{total.cpu:.1f} CPU s are more than {MOST_SECONDS:.0f}"] * (total.cpu > MOST_SECONDS)
                missed += [f"{total.memory:.0f} MiB are more than {MOST_MIB:.0f}"] * (total.memory > MOST_MIB)
        missed += _growth(costs)
    return missed


def _serve(folder: Path, resources: Sequence[PlannedResource]) -> Cost:
    """Ask the pack in a folder what the engine asks: to remedy and judge each resource, then to judge the stack."""
    with ExitStack() as last:
        process = last.enter_context(subprocess.Popen([sys.executable, "-u", str(folder)], stdout=subprocess.PIPE))
        last.callback(process.terminate)
        assert process.stdout is not None
        port = int(process.stdout.readline())
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_send_message_length", -1)])
        pack: Any = cast("Any", analyzer_pb2_grpc.AnalyzerStub)(last.enter_context(channel))
        pack.GetAnalyzerInfo(empty_pb2.Empty())
        starting = _cpu(process.pid)
        whole = analyzer_pb2.AnalyzeStackRequest()
        for resource in resources:
            given: dict[str, Any] = {"type": resource.type, "name": resource.name, "urn": resource.urn}
            request = analyzer_pb2.AnalyzeRequest(**given)
            request.properties.update({k: rpc.UNKNOWN if v is UNKNOWN else v for k, v in resource.props.items()})
            request.provider.properties.update(resource.provider)
            pack.Remediate(request)
            pack.Analyze(request)
            one = whole.resources.add(**given, properties=request.properties, provider=request.provider)
            for key, urns in resource.property_dependencies.items():
                one.propertyDependencies[key].urns.extend(urns)
        pack.AnalyzeStack(whole)
        return Cost(cpu=_cpu(process.pid), starting=starting, memory=_peak(process.pid))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    """Peak memory in MiB; a child's resource usage would count what its parent had before it became another program."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def on_the_engine(number: int, runs: int) -> list[str]:
    """Print what the packs add to a preview; returns the aims that are missed."""
    try:
        find_engine(ROOT, {})
    except NoEngineError as error:
        print(f"engine: not measured: {error}")
        return []
    with tempfile.TemporaryDirectory() as name, _engine(Path(name), stack(number)) as engine:
        # All levels are advisory, so that no violation cuts the preview short.
        (advisory := Path(name) / "advisory.json").write_text('{"all": "advisory"}')
        ways = {
            "no packs": [],
            "a pack without rules": [_empty_pack(Path(name) / "empty")],
            "all in one process": [ALL],
            "each in its own process": policy_packs(ROOT),
        }
        walls: dict[str, list[float]] = {title: [] for title in ways}
        print(f"engine: preview of {number} resources, quickest of {runs} in turn")
        for _ in range(runs):
            for title, folders in ways.items():
                options = [("--policy-pack", str(folder), "--policy-pack-config", str(advisory)) for folder in folders]
                walls[title].append(_preview(engine, list(chain.from_iterable(options))))
    # Whatever else the machine does only ever adds.
    quickest = {title: min(seconds) for title, seconds in walls.items()}
    for title, seconds in quickest.items():
        print(f"  {title:<24} {seconds:>6.1f} s, {seconds - quickest['no packs']:>+5.1f}")
    beyond = quickest["all in one process"] - quickest["a pack without rules"]
    print(f"  beyond engine time, which is what it takes to ask a pack without rules: {beyond:.1f} s")
    return [f"{beyond:.1f} s beyond engine time are more than {MOST_SECONDS:.0f}"] if beyond > MOST_SECONDS else []


def _empty_pack(folder: Path) -> Path:
    """Return a pack that finds nothing: what it costs is the engine's asking."""
    folder.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
    (folder / "PulumiPolicy.yaml").write_text(json.dumps({"version": "0.1.0", "runtime": runtime}))
    (folder / "__main__.py").write_text(EMPTY)
    return folder


def _preview(engine: Engine, options: Sequence[str]) -> float:
    begun = time.monotonic()
    code, output = engine.capture("preview", "--stack", "local", "--non-interactive", *options)
    assert code == 0, output[-3000:]
    return time.monotonic() - begun


@contextmanager
def _engine(folder: Path, specs: Sequence[Spec]) -> Generator[Engine]:
    """Yield an engine on an emulator of its own, with a program that registers these resources."""
    (folder / "state").mkdir()
    program = link_program(ROOT, folder / "program", (ROOT / "Pulumi.local.yaml").read_text())
    (program / "__main__.py").unlink()
    (program / "__main__.py").write_text(PROGRAM)
    (program / "resources.json").write_text(json.dumps(specs))
    running = emulator.start(folder / "emulator", 0)
    try:
        environment = {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "AWS_ENDPOINT_URL": running.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        engine = find_engine(program, environment)
        engine.read("stack", "init", "local")
        yield engine
    finally:
        emulator.stop(folder / "emulator")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resources", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=2, help="previews of each kind")
    parser.add_argument("--no-engine", action="store_true")
    args = parser.parse_args()
    missed = offline(args.resources)
    slowest(args.resources)
    missed += served(args.resources)
    if not args.no_engine:
        missed += on_the_engine(args.resources, args.runs)
    for aim in missed:
        print(f"MISSED {aim}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
