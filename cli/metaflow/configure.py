"""Writes Metaflow's configuration file for a stack, and checks that each piece it names works."""

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import boto3

from cli.aws import aws_client
from cli.doctor.findings import Finding, exit_code, ok, warn
from cli.doctor.findings import table as lines
from cli.engine import find_engine
from cli.metaflow import checks
from cli.metaflow.file import Existing, config_path, differences, merged, read_file, write_file
from cli.metaflow.variables import (
    AUTH_KEY,
    TOKEN_STACK,
    MetaflowError,
    asking_aws,
    read_api_key,
    required,
    takes_key,
    variables,
)
from client.mlplatform_client import TokenError, fresh_token


def configure(
    root: Path,
    stack: str,
    *,
    profile: str | None,
    yes: bool,
    role: bool,
    check_only: bool,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Writes the file, asking before anything in it is lost, and checks the pieces.

    Args:
        root: Folder of `Pulumi.yaml`.
        stack: Name of the stack.
        profile: Metaflow's profile; `$METAFLOW_PROFILE` if absent, and the default profile if that is too.
        yes: Do not ask.
        role: The caller means to use the role for users.
        check_only: Write nothing.
        environment: Variables for engine and AWS, where the account is the emulator.

    Returns:
        1 if nothing was written though something was to be, or a check failed.

    Raises:
        MetaflowError: The stack has no Metaflow, or the file is not to be written; the message says what to do.
    """
    variables_here = environment or {}
    outputs = find_engine(root, variables_here).outputs(stack)
    required(stack, outputs, "metaflowConfig")
    key = read_api_key(outputs, variables_here) if takes_key(outputs) else None
    wanted = variables(stack, outputs, key)
    profile = os.environ.get("METAFLOW_PROFILE", "") if profile is None else profile
    path = config_path(profile, os.environ)
    existing = read_file(path)
    if check_only:
        findings = [file_state(path, existing, wanted)]
    elif put(path, existing, wanted, yes=yes):
        if profile:
            print(f"To use it: export METAFLOW_PROFILE={profile}")
        findings: list[Finding] = []
    else:
        return 1
    with asking_aws():
        findings += pieces(stack, outputs, wanted, role=role, environment=variables_here)
    print("\n".join(lines(findings)))
    return exit_code(findings)


def file_state(path: Path, existing: Existing, wanted: Mapping[str, str]) -> Finding:
    """Whether the file says what the stack does.

    Args:
        path: The file.
        existing: What it holds.
        wanted: What the stack says.
    """
    changes = [line.split(" = ")[0][2:] for line in differences(existing.content, merged(existing.content, wanted))]
    if not changes:
        return ok("file", f"{path} is as the stack says")
    return warn(
        "file", f"{path} is not as the stack says: {', '.join(changes)}", "write it: the same command without --check"
    )


def put(path: Path, existing: Existing, wanted: Mapping[str, str], *, yes: bool) -> bool:
    """Writes the file where something changes; says whether it holds what is wanted now.

    Args:
        path: The file.
        existing: What it holds.
        wanted: What the stack says.
        yes: Do not ask.

    Raises:
        MetaflowError: Nobody can be asked, or the file cannot be written.
    """
    new = merged(existing.content, wanted)
    changes = list(differences(existing.content, new))
    if existing.text is not None and not changes:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            path.chmod(0o600)  # it may hold the API key
        print(f"{path} is as it should be.")
        return True
    if existing.text is not None:
        print(f"{path} is there already. What changes:")
        print("\n".join(f"  {line}" for line in changes))
        if not yes and not _agreed(path):
            print("Nothing is written. Another file: --profile NAME.")
            return False
    write_file(path, new, existing)
    print(f"{path} is written.")
    return True


def _agreed(path: Path) -> bool:
    if not sys.stdin.isatty():
        raise MetaflowError(
            f"{path} is not written: there is no terminal to ask on; give --yes (make metaflow … YES=1), or another "
            "file: --profile NAME (PROFILE=NAME)"
        )
    try:
        return input("Write it? [y/N] ").strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def pieces(
    stack: str, outputs: Mapping[str, Any], wanted: Mapping[str, str], *, role: bool, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """A finding for each piece.

    Args:
        stack: Name of the stack.
        outputs: Its outputs.
        wanted: What Metaflow's client is told.
        role: The caller means to use the role for users.
        environment: Where the account is, if that is the emulator.
    """
    region = str(outputs["region"])

    def client(name: str) -> Any:
        return aws_client(name, region, environment)

    yield from checks.overridden(wanted, os.environ)
    yield checks.region(region, cast("str | None", cast("Any", boto3.Session()).region_name))
    yield checks.datastore(client("s3"), wanted["METAFLOW_DATASTORE_SYSROOT_S3"])
    yield checks.service(wanted["METAFLOW_SERVICE_URL"], _headers(stack, wanted))
    batch = cast("dict[str, Any]", outputs.get("metaflowBatch") or {})
    queues = [wanted["METAFLOW_BATCH_JOB_QUEUE"], *cast("dict[str, str]", batch.get("queues") or {}).values()]
    for arn in dict.fromkeys(queues):
        yield checks.queue(client("batch"), arn)
    if (found := checks.user_role(client("sts"), outputs.get("MetaflowUserRoleArn"), demanded=role)) is not None:
        yield found
    yield checks.table(client("dynamodb"), wanted["METAFLOW_SFN_DYNAMO_DB_TABLE"])
    yield checks.role(client("iam"), "Step Functions", wanted["METAFLOW_SFN_IAM_ROLE"])
    yield checks.role(client("iam"), "EventBridge", wanted["METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE"])


def _headers(stack: str, wanted: Mapping[str, str]) -> dict[str, str] | TokenError:
    if AUTH_KEY in wanted:
        return {"x-api-key": wanted[AUTH_KEY]}
    if TOKEN_STACK not in wanted:
        return {}
    try:
        return {"Authorization": f"Bearer {fresh_token(stack)}"}
    except TokenError as error:
        return error
