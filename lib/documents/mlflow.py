"""What MLflow's tasks may do: the execution role starts them, the task role is theirs."""

from lib.documents.database import ManagedSecret
from lib.iam import Statement, allow, document
from lib.images import ecr_repository_arn
from lib.naming import Target


def secret_arn_pattern(target: Target, name: str) -> str:
    """Pattern of the ARN of a secret of ours: Secrets Manager adds a hyphen and six characters to its name."""
    return target.arn("secretsmanager", f"secret:{name}-??????")


def read_parameter(target: Target, sid: str, name: str) -> Statement:
    """Lets somebody read one parameter, whose name begins with a slash."""
    return allow(sid, ["ssm:GetParameter"], [target.arn("ssm", f"parameter{name}")])


def execution_policy(target: Target, *, log_group: str, images: list[str]) -> str:
    """Lets ECS pull the task's images and write its logs, and nothing else: no secret passes through this role."""
    repositories = sorted({arn for uri in images if (arn := ecr_repository_arn(target, uri))})
    pull = [
        allow("Login", ["ecr:GetAuthorizationToken"], ["*"]),  # has no resource type
        allow(
            "Pull",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            repositories,
        ),
    ]
    logs = allow(
        "Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [target.arn("logs", f"log-group:{log_group}:*")]
    )
    return document(*(pull if repositories else []), logs)


def task_policy(
    target: Target,
    *,
    bucket: str,
    prefix: str,
    credentials_secret: str | None,
    tokens_parameter: str | None,
    database_secret: ManagedSecret,
    database_parameter: str,
    use_key: Statement,
) -> str:
    """Lets MLflow read its secrets, its parameters and its artifacts. Clients write artifacts, not the server.

    Args:
        target: The account.
        bucket: Name of the artifact bucket.
        prefix: Key prefix of the artifacts.
        credentials_secret: Name of the secret with the basic-auth credentials, if there is one.
        tokens_parameter: Name of the parameter with issuer and audience of the bearer tokens, if there is one.
        database_secret: The database's master secret.
        database_parameter: Name of the parameter with the database's address.
        use_key: Statement that allows to decrypt with the platform's key.
    """
    read_secret = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    credentials = (
        [allow("Credentials", read_secret, [secret_arn_pattern(target, credentials_secret)])]
        if credentials_secret
        else []
    )
    tokens = [read_parameter(target, "Tokens", tokens_parameter)] if tokens_parameter else []
    return document(
        *credentials,
        *tokens,
        allow("DatabaseSecret", read_secret, [database_secret.resource], conditions=database_secret.conditions),
        read_parameter(target, "DatabaseAddress", database_parameter),
        allow(
            "ListArtifacts",
            ["s3:ListBucket"],
            [target.s3_arn(bucket)],
            conditions={"StringLike": {"s3:prefix": [prefix, f"{prefix}/*"]}},
        ),
        allow("ReadArtifacts", ["s3:GetObject"], [target.s3_arn(f"{bucket}/{prefix}/*")]),
        use_key,
    )
