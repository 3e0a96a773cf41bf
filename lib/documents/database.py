"""The master secret that RDS manages, as policy documents name it before it exists."""

from collections.abc import Mapping
from dataclasses import dataclass

from lib.naming import Target


@dataclass(frozen=True, kw_only=True)
class ManagedSecret:
    """A master secret whose name RDS chooses when the database is made.

    RDS names it `rds!cluster-<uuid>` or `rds!db-<uuid>` and tags it with the database's ARN (Secrets Manager user
    guide, "Secrets managed by other services"), which is known beforehand.

    Args:
        target: The account.
        kind: `cluster` or `db`.
        database_arn: ARN of the database.
    """

    target: Target
    kind: str
    database_arn: str

    @property
    def resource(self) -> str:
        """Pattern of the secret's ARN."""
        return self.target.arn("secretsmanager", f"secret:rds!{self.kind}-*")

    @property
    def conditions(self) -> Mapping[str, Mapping[str, str]]:
        """What makes the pattern this database's secret alone."""
        kind = "DBCluster" if self.kind == "cluster" else "DBInstance"
        return {"StringEquals": {f"aws:ResourceTag/aws:rds:primary{kind}Arn": self.database_arn}}
