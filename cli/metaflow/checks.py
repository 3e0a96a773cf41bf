"""Whether each piece that Metaflow's client needs is there and works, by using it as the client does."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from botocore.exceptions import ClientError

from cli.doctor.findings import Finding, Unread, error_code, error_message, fail, not_read, ok, read, warn
from client.mlplatform_client import TokenError
from client.mlplatform_client.oauth import safe_url
from lib.documents.metaflow import PROBE

SERVICE_TIMEOUT_SECONDS = 15


def datastore(s3: Any, root: str) -> Finding:
    """Whether a small object can be put, read and deleted under the datastore's root.

    Args:
        s3: Client of S3.
        root: `s3://bucket/prefix`.
    """
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    key = "/".join(part for part in (prefix.strip("/"), f"{PROBE}-{uuid.uuid4().hex}") if part)
    action = "s3:PutObject"
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b"written and deleted by: python -m cli metaflow configure")
        try:
            action = "s3:GetObject"
            s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        finally:
            s3.delete_object(Bucket=bucket, Key=key)
    except ClientError as error:
        return fail(
            "datastore", f"{root}: {action}: {error_code(error)}: {error_message(error)}", _s3_way_out(error, root)
        )
    return ok("datastore", f"{root} can be written, read and deleted from")


def _s3_way_out(error: ClientError, root: str) -> str:
    code, message = error_code(error), error_message(error)
    if code.startswith("KMS.") or "kms:" in message.lower():
        if code.startswith("KMS."):
            return "the bucket's KMS key is disabled, being deleted or gone: enable it, or cancel its deletion"
        return (
            "the bucket is encrypted with the stack's KMS key: your role needs kms:GenerateDataKey and kms:Decrypt on "
            "it, from another account by the key's policy as well"
        )
    if code in ("NoSuchBucket", "404"):
        return "the bucket is gone: make deploy makes it again"
    return f"your role needs s3:PutObject, s3:GetObject and s3:DeleteObject on {root}/*; the bucket's policy must agree"


def service(url: str, headers: Mapping[str, str] | TokenError) -> Finding:
    """Whether the metadata service answers a client that says who it is.

    Args:
        url: `METAFLOW_SERVICE_URL`.
        headers: What proves who asks, or why there is nothing.
    """
    if isinstance(headers, TokenError):
        return fail("service", f"{url} is not asked: there is no token", str(headers))
    base = url.rstrip("/")
    try:
        answers = [
            requests.get(
                f"{safe_url(base)}/{path}",
                headers=dict(headers),
                timeout=SERVICE_TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            for path in ("ping", "version")
        ]
    except TokenError as error:
        return fail("service", str(error), "METAFLOW_SERVICE_URL must be https: deploy the stack again")
    except requests.RequestException as error:
        way_out = "check the network, a proxy's NO_PROXY, and mlplatform:metaflow.gateway.allowedCidrs"
        return fail("service", f"{base} cannot be reached ({type(error).__name__})", way_out)
    for answer in answers:
        if answer.status_code != 200:
            said = " ".join(answer.text.split())[:200]
            return fail(
                "service",
                f"{answer.url} answers {answer.status_code}: {said}",
                _service_way_out(answer.status_code, headers),
            )
    return ok("service", f"{base} answers, version {answers[1].text.strip() or 'unknown'}")


def _service_way_out(status: int, headers: Mapping[str, str]) -> str:
    if status in (401, 403):
        if "x-api-key" in headers:
            return (
                "the API key is refused: has it been replaced or disabled, is its quota used up, is your address in "
                "mlplatform:metaflow.gateway.allowedCidrs?"
            )
        return "the token is refused: make logout, make login; is your user in the pool of this stack?"
    if status == 429:
        return "too many requests: mlplatform:metaflow.gateway.throttlingRateLimit, or the quota"
    if status >= 500:
        return "the API is there and the metadata service is not: look at its ECS service's events and its logs"
    return "METAFLOW_SERVICE_URL is not the metadata service: deploy the stack again"


def queue(batch: Any, arn: str) -> Finding:
    """Whether a job queue takes jobs.

    Args:
        batch: Client of AWS Batch.
        arn: The queue.
    """
    name = arn.rsplit("/", 1)[-1]
    found = read("batch:DescribeJobQueues", lambda: batch.describe_job_queues(jobQueues=[arn])["jobQueues"])
    if isinstance(found, Unread):
        return not_read(f"queue {name}", found)
    if not found:
        return fail(f"queue {name}", f"there is no job queue {arn}", "deploy the stack again")
    state, status = str(found[0].get("state")), str(found[0].get("status"))
    if (state, status) != ("ENABLED", "VALID"):
        why = f"{state} and {status}: {found[0].get('statusReason') or 'no reason given'}"
        return fail(
            f"queue {name}",
            why,
            f"make doctor says what is wrong; enable it: aws batch update-job-queue --job-queue {name} --state ENABLED",
        )
    return ok(f"queue {name}", "ENABLED and VALID")


def user_role(sts: Any, arn: str | None, *, demanded: bool) -> Finding | None:
    """Whether the caller may assume the role for users; None where there is none and nobody asks for one.

    Args:
        sts: Client of STS.
        arn: The role, if the stack has one.
        demanded: Whether the caller means to use it.
    """
    if arn is None:
        if not demanded:
            return None
        return fail("user role", "the stack has no MetaflowUserRoleArn", "set mlplatform:metaflow.customRole to true")
    found = read("sts:AssumeRole", lambda: sts.assume_role(RoleArn=arn, RoleSessionName=PROBE, DurationSeconds=900))
    if not isinstance(found, Unread):
        return ok("user role", f"{arn} can be assumed")
    way_out = (
        "mlplatform:metaflow.userRole.trustedPrincipals must name you, and your own policies allow sts:AssumeRole; an "
        "external id or a second factor, where userRole demands one, cannot be given here"
    )
    return (fail if demanded else warn)("user role", f"{arn} cannot be assumed: {found.why}", way_out)


def table(dynamodb: Any, name: str) -> Finding:
    """Whether the table is there in which Step Functions' runs pass values on.

    Args:
        dynamodb: Client of DynamoDB.
        name: `METAFLOW_SFN_DYNAMO_DB_TABLE`.
    """
    found = read("dynamodb:DescribeTable", lambda: dynamodb.describe_table(TableName=name)["Table"])
    if isinstance(found, Unread):
        return not_read("table", found)
    keys = [(key["AttributeName"], key["KeyType"]) for key in found["KeySchema"]]
    if keys != [("pathspec", "HASH")]:
        return fail(
            "table", f"{name} has the keys {keys}", "Metaflow wants the one hash key pathspec: deploy the stack again"
        )
    if found["TableStatus"] != "ACTIVE":
        return fail("table", f"{name} is {found['TableStatus']}", "wait, and check again")
    return ok("table", f"{name} is ACTIVE")


def role(iam: Any, what: str, arn: str) -> Finding:
    """Whether a role that Step Functions or EventBridge assumes is there.

    Args:
        iam: Client of IAM.
        what: Whose role.
        arn: The role.
    """
    name = arn.rsplit("/", 1)[-1]
    found = read("iam:GetRole", lambda: iam.get_role(RoleName=name)["Role"])
    return not_read(what, found) if isinstance(found, Unread) else ok(what, f"{name} is there")


def overridden(wanted: Mapping[str, str], shell: Mapping[str, str]) -> Iterator[Finding]:
    """Variables of the shell that Metaflow prefers to its file.

    Args:
        wanted: What the file holds.
        shell: The shell's variables.
    """
    hidden = sorted(name for name, value in wanted.items() if shell.get(name, value) != value)
    if hidden:
        yield warn("shell", f"{', '.join(hidden)} of this shell come before the file", f"unset {' '.join(hidden)}")


def region(wanted: str, current: str | None) -> Finding:
    """Whether boto3, by which Metaflow calls AWS, is in the stack's region; the file cannot say so.

    Args:
        wanted: The stack's region.
        current: The one that boto3 finds.
    """
    if current == wanted:
        return ok("region", wanted)
    return warn(
        "region",
        f"the stack is in {wanted}, and this shell in {current or 'none'}",
        f"export AWS_DEFAULT_REGION={wanted}",
    )
