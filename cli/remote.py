"""`make preview`, `deploy`, `destroy` and `env` for stacks of real accounts: the engine, with what people forget."""

import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cli.aws import aws_client
from cli.engine import Engine, find_engine
from cli.metaflow.variables import read_api_key, takes_key, variables
from cli.policy_packs import policy_pack_options
from client.mlplatform_client import TokenError, logins
from settings.mlflow import Auth

APP_DELETION_SECONDS = 600
DELETION_PROTECTION = ("deletionProtection", "deletionProtectionEnabled", "enableDeletionProtection")
"""What AWS calls it: on databases and user pools (`ACTIVE`), on tables, on load balancers."""


def preview(root: Path, stack: str) -> int:
    """`pulumi preview` with every policy pack; gives the exit code."""
    return find_engine(root, {}).run("preview", "--stack", stack, "--non-interactive", *policy_pack_options(root))


def deploy(root: Path, stack: str, *, yes: bool) -> int:
    """`pulumi up` with every policy pack, asking before it acts unless `yes`; gives the exit code."""
    options = ["--yes"] if yes else []
    return find_engine(root, {}).interact("up", "--stack", stack, *options, *policy_pack_options(root))


def destroy(root: Path, stack: str, *, yes: bool, environment: Mapping[str, str] | None = None) -> int:
    """`pulumi destroy`, which refuses first what is protected, ends Studio's apps, and says what stays.

    Returns:
        The engine's exit code, or 1 if something is protected.
    """
    engine = find_engine(root, environment or {})
    state = engine.state(stack)
    protected = list(protections(state))
    if protected:
        print(f"{stack} is not destroyed, because it holds data:")
        print("\n".join(f"  {line}" for line in protected))
        print("Change the setting, `make deploy`, then destroy.")
        return 1
    for domain in created_domains(state):
        delete_apps(domain, environment or {})
    options = ["--yes", "--non-interactive"] if yes else []
    code = engine.interact("destroy", "--stack", stack, *options)
    if code == 0:
        left = list(leftovers(state))
        print("What stays behind:" if left else "Nothing stays behind.")
        print("\n".join(f"  {line}" for line in left))
    return code


def protections(state: list[dict[str, Any]]) -> Iterator[str]:
    """What refuses to be destroyed, and by which setting."""
    for resource in state:
        name = str(resource["urn"]).split("::")[-1]
        inputs = _props(resource, "inputs")
        if resource.get("protect"):
            yield f"{name} ({resource['type']}): mlplatform:protection.protectResources is true"
        if any(inputs.get(key) in (True, "ACTIVE") for key in DELETION_PROTECTION):
            yield f"{name} ({resource['type']}): mlplatform:protection.deletionProtection is true"


@dataclass(frozen=True, kw_only=True)
class StudioDomain:
    """A Studio domain of the stack: its id and region."""

    domain_id: str
    region: str


def created_domains(state: list[dict[str, Any]]) -> list[StudioDomain]:
    """Domains that the stack created."""
    return [
        StudioDomain(domain_id=resource["id"], region=str(resource["outputs"]["arn"]).split(":")[3])
        for resource in state
        if resource["type"] == "aws:sagemaker/domain:Domain"
    ]


def delete_apps(domain: StudioDomain, environment: Mapping[str, str]) -> None:
    """Deletes the apps and spaces of a domain and waits, as the domain cannot be deleted while they run.

    Raises:
        TimeoutError: Apps were still there after ten minutes.
    """
    client = aws_client("sagemaker", domain.region, environment)
    deadline = time.monotonic() + APP_DELETION_SECONDS
    asked: set[str] = set()
    while apps := _running_apps(client, domain.domain_id):
        for app in apps:
            owner = {key: app[key] for key in ("UserProfileName", "SpaceName") if app.get(key)}
            label = f"{'/'.join(owner.values())}/{app['AppName']}"
            if label not in asked and app["Status"] != "Deleting":
                print(f"deleting Studio app {label} ({app['AppType']})")
                client.delete_app(DomainId=domain.domain_id, AppType=app["AppType"], AppName=app["AppName"], **owner)
                asked.add(label)
        if time.monotonic() > deadline:
            raise TimeoutError(f"Studio domain {domain.domain_id}: apps are still running: {', '.join(sorted(asked))}")
        time.sleep(5 if _running_apps(client, domain.domain_id) else 0)
    for space in client.list_spaces(DomainIdEquals=domain.domain_id)["Spaces"]:
        print(f"deleting Studio space {space['SpaceName']}")
        client.delete_space(DomainId=domain.domain_id, SpaceName=space["SpaceName"])


def _running_apps(client: Any, domain_id: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_apps").paginate(DomainIdEquals=domain_id)
    apps = cast("list[dict[str, Any]]", [app for page in pages for app in page["Apps"]])
    return [app for app in apps if app["Status"] not in ("Deleted", "Failed")]


def leftovers(state: list[dict[str, Any]]) -> Iterator[str]:
    """What AWS keeps when the stack is destroyed."""
    for resource in state:
        inputs, outputs = _props(resource, "inputs"), _props(resource, "outputs")
        match resource["type"]:
            case "aws:kms/key:Key":
                yield f"KMS key {outputs['keyId']}: deleted by AWS after {inputs.get('deletionWindowInDays', 30)} days"
            case "aws:rds/cluster:Cluster" | "aws:rds/instance:Instance" if not inputs.get("skipFinalSnapshot"):
                yield f"database snapshot {outputs.get('finalSnapshotIdentifier')}"
            case "aws:secretsmanager/secret:Secret" if inputs.get("recoveryWindowInDays"):
                yield f"secret {outputs['name']}: recoverable for {inputs['recoveryWindowInDays']} days"
            case "aws:sagemaker/domain:Domain":
                if _props(inputs, "retentionPolicy").get("homeEfsFileSystem") != "Delete":
                    yield f"EFS file system {outputs['homeEfsFileSystemId']} with Studio's home directories"
                yield "log groups /aws/sagemaker/*, which jobs and endpoints made"
            case _:
                pass


def _props(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    return cast("dict[str, Any]", value.get(key) or {})


def environment_lines(
    outputs: Mapping[str, Any], credentials: Mapping[str, str] | None, token: str | None = None
) -> list[str]:
    """Shell exports for an MLflow client; user and password, or a token, only where they are given."""
    exports = {
        "AWS_REGION": outputs["region"],
        "AWS_DEFAULT_REGION": outputs["region"],  # the one that boto3 reads
        "MLFLOW_TRACKING_URI": outputs["mlflowTrackingUri"],
        "MLFLOW_ARTIFACT_ROOT": outputs["artifactRoot"],
    }
    if "mlflowSecretArn" in outputs:
        exports["MLFLOW_TRACKING_SECRET_ARN"] = outputs["mlflowSecretArn"]
    if credentials:
        exports["MLFLOW_TRACKING_USERNAME"] = credentials["username"]
        exports["MLFLOW_TRACKING_PASSWORD"] = credentials["password"]
    if token:
        exports["MLFLOW_TRACKING_TOKEN"] = token
    return _exports(exports)


def _exports(variables: Mapping[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def env(root: Path, stack: str, *, with_secrets: bool, environment: Mapping[str, str] | None = None) -> int:
    """Prints what clients of MLflow and Metaflow need, as shell exports; gives the exit code."""
    engine = find_engine(root, environment or {})
    outputs = engine.outputs(stack)
    if outputs.get("mlflowAuth") == Auth.COGNITO:
        _token_environment(stack, outputs)
    else:
        credentials = None
        if with_secrets:
            credentials = read_credentials(engine, outputs["mlflowSecretArn"], outputs["region"])
        print("\n".join(environment_lines(outputs, credentials)))
        if not with_secrets:
            print(f"# User and password are in the secret; to print them too: make env STACK={stack} SECRETS=1")
    _metaflow_environment(stack, outputs, engine.environment if with_secrets else None)
    return 0


def _metaflow_environment(stack: str, outputs: Mapping[str, Any], environment: Mapping[str, str] | None) -> None:
    """Prints Metaflow's variables; with its API key where there is an environment to read it in."""
    has_key = takes_key(outputs)
    key = read_api_key(outputs, environment) if has_key and environment is not None else None
    for line in _exports(variables(stack, outputs, key)):
        print(line)
    if has_key and key is None:
        print(f"# Metaflow's API key is not printed; to print it too: make env STACK={stack} SECRETS=1")


def _token_environment(stack: str, outputs: Mapping[str, Any]) -> None:
    token, hint = None, f"not logged in to stack {stack}: {logins.how_to_log_in(stack)}"
    try:
        token = logins.fresh(stack)
    except TokenError as error:
        hint = str(error)
    print("\n".join([*environment_lines(outputs, None, token), f"export MLPLATFORM_STACK={shlex.quote(stack)}"]))
    if token is None:
        print(f"# MLFLOW_TRACKING_TOKEN is not set: {hint}", file=sys.stderr)


def read_credentials(engine: Engine, secret_arn: str, region: str) -> Mapping[str, str]:
    """MLflow's user and password, from Secrets Manager with the caller's own rights."""
    client = aws_client("secretsmanager", region, engine.environment)
    return json.loads(client.get_secret_value(SecretId=secret_arn)["SecretString"])
