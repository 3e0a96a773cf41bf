"""Amazon Relational Database Service."""

import json
import secrets
import string
import uuid
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.models import DBCluster, DBInstance, DBParameterGroup, MasterUserSecret, RDSBackend
from moto.rds.responses import RDSResponse

from emulator.registry import adds, attributes, corrects

ENGINES = {
    "aurora-mysql": (
        "8.0.mysql_aurora.3.04.3",
        "8.0.mysql_aurora.3.08.0",
        "8.0.mysql_aurora.3.08.2",
        "8.0.mysql_aurora.3.10.0",
    ),
    "aurora-postgresql": ("15.10", "16.4", "16.6", "16.8", "17.4"),
    "postgres": ("15.10", "16.4", "16.8", "17.4"),
    "mysql": ("8.0.40", "8.4.4"),
}
"""The engine versions a stack may name; the last one is an engine's default."""

INSIGHTS = {
    "EnablePerformanceInsights": "performance_insights_enabled",
    "PerformanceInsightsKMSKeyId": "performance_insights_kms_key_id",
    "PerformanceInsightsRetentionPeriod": "performance_insights_retention_period",
}

_v1_scaling = DBCluster.scaling_configuration_info.fget


def _family(engine: str, version: str) -> str:
    if "mysql_aurora" in version:
        return engine + version.split(".mysql", maxsplit=1)[0]
    parts = 2 if engine == "mysql" else 1
    return engine + ".".join(version.split(".")[:parts])


@adds("rds", "DescribeDBEngineVersions", on=RDSResponse)
def describe_db_engine_versions(self: Any) -> ActionResult:  # noqa: D103
    wanted: dict[str, Any] = self.params
    found: list[dict[str, Any]] = []
    for engine, versions in ENGINES.items():
        for version in versions:
            family = _family(engine, version)
            if (
                wanted.get("Engine", engine) == engine
                and version.startswith(wanted.get("EngineVersion", ""))
                and wanted.get("DBParameterGroupFamily", family) == family
            ):
                found.append(
                    {
                        "Engine": engine,
                        "EngineVersion": version,
                        "DBParameterGroupFamily": family,
                        "MajorEngineVersion": family.removeprefix(engine),
                        "Status": "available",
                        "DBEngineDescription": engine,
                        "DBEngineVersionDescription": f"{engine} {version}",
                        "ValidUpgradeTarget": [],
                        "SupportedEngineModes": ["provisioned"],
                    }
                )
    if str(wanted.get("DefaultOnly", "")).lower() == "true":
        found = found[-1:]
    return ActionResult({"DBEngineVersions": found})


def _resource_id(self: Any) -> str:
    own = attributes(self)
    return own.setdefault("_dbi", "db-" + uuid.uuid5(uuid.NAMESPACE_OID, f"{self.arn}{id(self)}").hex[:26].upper())


def _ignore(self: Any, value: object) -> None:
    """Moto's constructor assigns the constant that is being replaced."""


corrects(
    "rds",
    "DescribeDBInstances",
    "gives every instance the same DbiResourceId, by which the provider reads",
    on=DBInstance,
    attribute="dbi_resource_id",
)(property(_resource_id, _ignore))


@corrects(
    "rds",
    "ModifyDBParameterGroup",
    "does not mark parameters as the user's",
    on=DBParameterGroup,
    attribute="update_parameters",
)
def update_parameters(original: Callable[..., Any], self: Any, new: list[dict[str, Any]]) -> None:  # noqa: D103
    original(self, [{**parameter, "Source": "user"} for parameter in new])


def _http_endpoint(self: Any) -> bool:
    return self._enable_http_endpoint


def _set_http_endpoint(self: Any, value: bool | None) -> None:
    self._enable_http_endpoint = bool(value)


corrects(
    "rds", "CreateDBCluster", "has the Data API for serverless v1 only", on=DBCluster, attribute="enable_http_endpoint"
)(property(_http_endpoint, _set_http_endpoint))


@corrects(
    "rds",
    "DescribeDBClusters",
    "answers an empty v1 scaling configuration for every cluster",
    on=DBCluster,
    attribute="scaling_configuration_info",
)
@property
def scaling_configuration_info(self: Any) -> dict[str, Any] | None:  # noqa: D103
    return _v1_scaling(self) if _v1_scaling and self.engine_mode == "serverless" else None


def _keep_insights(original: Callable[..., Any], self: Any) -> Any:
    answer = original(self)
    database = answer.result.get("DBInstance") or answer.result.get("DBCluster")
    for member, attribute in INSIGHTS.items():
        if (value := self._get_param(member)) is not None:
            setattr(database, attribute, value)
    return answer


for _operation in ("CreateDBInstance", "ModifyDBInstance", "ModifyDBCluster"):
    corrects("rds", _operation, "drops Performance Insights", on=RDSResponse)(_keep_insights)


# ---- the master secret that RDS manages


def new_password() -> str:
    """A password with no character that a connection string must escape."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


@corrects(
    "rds",
    "CreateDBCluster",
    "the managed master secret has a fixed user and password",
    on=MasterUserSecret,
    attribute="_generate_secret_string",
)
def generate_secret_string(original: Callable[..., Any], self: Any) -> str:  # noqa: D103
    fallback = json.loads(original(self))["username"]
    return json.dumps({"username": self.resource.master_username or fallback, "password": new_password()})


@corrects(
    "rds",
    "DescribeDBInstances",
    "answers creating once for the master secret, a difference at the first refresh",
    on=MasterUserSecret,
    attribute="secret_status",
)
@property
def secret_status(_self: Any) -> str:  # noqa: D103
    return "active"


# ---- statuses: the provider polls every half minute, so each intermediate answer costs that long


@corrects(
    "rds",
    "DescribeDBClusters",
    "answers creating once, which costs a slow poll",
    on=RDSBackend,
    attribute="create_db_cluster",
)
def create_db_cluster(original: Callable[..., Any], self: Any, kwargs: dict[str, Any]) -> Any:  # noqa: D103
    cluster = original(self, kwargs)
    cluster.status = "available"
    return cluster


@corrects("rds", "DeleteDBCluster", "leaves the cluster's automated snapshots behind", on=RDSBackend)
def delete_db_cluster(  # noqa: D103
    original: Callable[..., Any], self: Any, cluster_identifier: str, snapshot_name: str | None = None
) -> Any:
    cluster = original(self, cluster_identifier, snapshot_name)
    for name, snapshot in list(self.cluster_snapshots.items()):
        if snapshot.snapshot_type == "automated" and snapshot.cluster.arn == cluster.arn:
            del self.cluster_snapshots[name]
    return cluster
