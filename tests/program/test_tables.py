"""Tables and backups as they are registered, by a program of nothing else."""

import json
from functools import cache
from typing import Any

import pytest
from pulumi.runtime import rpc

from cli.costs.idle import idle_cost
from cli.plan.recorder import Recording, Resource, record
from cli.plan.report import judge
from cli.plan.stack_file import read_stack
from lib.tables import TABLES
from tests.program.conftest import ROOT

PROGRAM = """
import pulumi

from components.backup_plan import BackupPlan, BackupPlanArgs
from components.base import Deployment
from components.encryption import Encryption, EncryptionArgs
from components.metadata_tables import MetadataTables, MetadataTablesArgs
from components.permissions_boundary import bounded
from components.roles import Role, RoleArgs
from lib.iam import document, service_trust
from lib.tables import Access
from settings import load_settings

settings = load_settings()
here = Deployment.current(environment=settings.environment, tags={}, protection=settings.protection)
deployment = bounded(here, settings.iam, image_accounts=())
key = Encryption("encryption", EncryptionArgs(deployment=deployment, settings=settings.encryption))
tables = MetadataTables(
    "metadata", MetadataTablesArgs(deployment=deployment, settings=settings.metadata_tables, encryption=key)
)
Role(
    "reader",
    RoleArgs(
        deployment=deployment,
        iam=settings.iam,
        suffix="reader",
        description="Asks and changes",
        trust=service_trust(deployment.target, "lambda"),
        policies={
            "read": document(*tables.access(Access.PROJECTS_OF_USER, Access.PROJECTS_BY_NAMES)),
            "own": document(*tables.access(Access.DATASET_CREATE, partitions=["private#${aws:PrincipalTag/user}"])),
        },
    ),
)
if settings.backup.enabled:
    database = deployment.target.arn("rds", "cluster:mlplatform-mlflow")
    BackupPlan(
        "backup",
        BackupPlanArgs(
            deployment=deployment,
            settings=settings.backup,
            iam=settings.iam,
            encryption=key,
            resources={database: database, **tables.arns},
        ),
    )
"""
TARGET = "aws:appautoscaling/target:Target"
PROVISIONED = {"billingMode": "PROVISIONED", "readCapacity": {"minimum": 2, "maximum": 9}, "namePrefix": "mlplatform."}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`plan("prod", metadataTables={...})` records the program above."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text("name: mlplatform\nruntime: python\n")
    for stack in ("local", "prod"):
        config = {"aws:region": "us-east-1", "mlplatform:environment": stack}
        (folder / f"Pulumi.{stack}.yaml").write_text(json.dumps({"config": config}))

    @cache
    def recorded(stack: str, sections: str) -> Recording:
        return record(folder, read_stack(folder, stack, json.loads(sections)))

    def run(stack: str, **sections: Any) -> Recording:
        return recorded(stack, json.dumps({f"mlplatform:{key}": value for key, value in sections.items()}))

    return run


def tables(recording: Recording) -> dict[str, dict[str, Any]]:
    return {r.name.removeprefix("metadata-"): dict(r.props) for r in recording.of_type("aws:dynamodb/table:Table")}


def one(recording: Recording, type_: str) -> Resource:
    (found,) = recording.of_type(type_)
    return found


@pytest.mark.parametrize(
    ("stack", "sections"), [("local", {}), ("prod", {}), ("prod", {"metadataTables": PROVISIONED})]
)
def test_tables_backups_and_their_rights_pass_every_pack(plan: Any, stack: str, sections: dict[str, Any]) -> None:
    assert [finding for finding in judge(ROOT, plan(stack, **sections)) if finding.stops] == []


def test_each_table_is_what_its_layout_says(plan: Any) -> None:
    made = tables(plan("prod"))
    assert sorted(made) == sorted(table.name for table in TABLES)
    for table in TABLES:
        props = made[table.name]
        assert (props["hashKey"], props.get("rangeKey")) == (table.key.partition, table.key.sort)
        # DynamoDB refuses attributes that no key has, and keys that are not among the attributes.
        assert {each["name"]: each["type"] for each in props["attributes"]} == table.keys
        assert [
            (i["name"], i["hashKey"], i.get("rangeKey"), i["projectionType"], i.get("nonKeyAttributes", []))
            for i in props.get("globalSecondaryIndexes", [])
        ] == [(i.name, i.key.partition, i.key.sort, i.projection, list(i.include)) for i in table.indexes]
        assert props.get("ttl") == ({"enabled": True, "attributeName": table.ttl} if table.ttl else None)


def test_tables_of_prod_can_be_restored_and_not_be_deleted(plan: Any) -> None:
    for resource in plan("prod").of_type("aws:dynamodb/table:Table"):
        assert resource.props["pointInTimeRecovery"] == {"enabled": True, "recoveryPeriodInDays": 35}
        assert resource.props["deletionProtectionEnabled"] is resource.protect is True
        assert resource.props["serverSideEncryption"]["enabled"] is True
        assert resource.props["billingMode"] == "PAY_PER_REQUEST"
        assert "readCapacity" not in resource.props
    assert not any(
        r.protect or r.props["deletionProtectionEnabled"] for r in plan("local").of_type("aws:dynamodb/table:Table")
    )


def test_without_recovery_no_period_is_asked_for(plan: Any) -> None:
    made = tables(plan("local", metadataTables={"enableDDBPointInTimeRecov": False}))
    assert {json.dumps(props["pointInTimeRecovery"]) for props in made.values()} == {'{"enabled": false}'}


def test_provisioned_capacity_of_every_table_and_index_scales_both_ways(plan: Any) -> None:
    recording = plan("prod", metadataTables=PROVISIONED)
    scaled = {(r.props["resourceId"], r.props["scalableDimension"]) for r in recording.of_type(TARGET)}
    wanted = set[tuple[str, str]]()
    for table in TABLES:
        name = f"table/{tables(recording)[table.name]['name']}"
        parts = [(name, "table"), *((f"{name}/index/{index.name}", "index") for index in table.indexes)]
        wanted |= {(part, f"dynamodb:{kind}:{use}CapacityUnits") for part, kind in parts for use in ("Read", "Write")}
    assert scaled == wanted
    for target in recording.of_type(TARGET):
        read = "Read" in target.props["scalableDimension"]
        assert (target.props["minCapacity"], target.props["maxCapacity"]) == ((2, 9) if read else (1, 10))
    for policy in recording.of_type("aws:appautoscaling/policy:Policy"):
        metric = policy.props["targetTrackingScalingPolicyConfiguration"]["predefinedMetricSpecification"]
        use = "Read" if "Read" in policy.props["scalableDimension"] else "Write"
        assert metric["predefinedMetricType"] == f"DynamoDB{use}CapacityUtilization"
    assert {len(r.ignore_changes) for r in recording.of_type("aws:dynamodb/table:Table")} == {2}
    for props in tables(recording).values():
        for each in (props, *props.get("globalSecondaryIndexes", [])):
            assert (each["readCapacity"], each["writeCapacity"]) == (2, 1)


def test_on_demand_nothing_scales_and_nothing_is_ignored(plan: Any) -> None:
    assert plan("prod").of_type(TARGET) == []
    assert {tuple(r.ignore_changes) for r in plan("prod").of_type("aws:dynamodb/table:Table")} == {()}


def test_names_have_the_stacks_prefix_or_the_given_one(plan: Any) -> None:
    assert tables(plan("prod"))["groups"]["name"] == "mlplatform-prod-mlspace-groups"
    given = tables(plan("prod", metadataTables=PROVISIONED))
    assert given["groups-membership-history"]["name"] == "mlplatform.mlspace-group-membership-history"
    assert tables(plan("local", metadataTables={"namePrefix": ""}))["mlflow"]["name"] == "mlflow"


def policy(recording: Recording, name: str) -> list[dict[str, Any]]:
    (found,) = (r for r in recording.of_type("aws:iam/rolePolicy:RolePolicy") if r.name == name)
    assert rpc.UNKNOWN not in found.props["policy"]
    return json.loads(found.props["policy"])["Statement"]


def test_a_function_gets_its_questions_and_the_key_through_dynamodb(plan: Any) -> None:
    statements = {s["Sid"]: s for s in policy(plan("prod"), "reader-read")}
    assert {sid: s["Action"] for sid, s in statements.items()} == {
        "Projects": ["dynamodb:BatchGetItem"],
        "ProjectUsersIndexes": ["dynamodb:Query"],
        "TablesKey": ["kms:Decrypt"],
    }
    assert statements["TablesKey"]["Condition"]["StringEquals"] == {
        "kms:ViaService": ["dynamodb.us-east-1.amazonaws.com"]
    }
    (put, key) = policy(plan("prod"), "reader-own")
    assert put["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] == ["private#${aws:PrincipalTag/user}"]
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_the_plan_has_every_table_and_the_database_and_its_role_knows_them_at_preview(plan: Any) -> None:
    recording = plan("prod")
    assert len(one(recording, "aws:backup/selection:Selection").props["resources"]) == len(TABLES) + 1
    statements = {s["Sid"]: s for s in policy(recording, "backup-role-backup")}
    assert sorted(arn.rpartition("/")[2] for arn in statements["Tables"]["Resource"]) == sorted(
        props["name"] for props in tables(recording).values()
    )
    assert "arn:aws:rds:us-east-1:123456789012:cluster:mlplatform-mlflow" in statements["SnapshotClusters"]["Resource"]
    for sid in ("Key", "KeyDescribe", "KeyGrant"):
        condition = statements[sid]["Condition"]["ForAnyValue:StringEquals"]
        assert condition == {"kms:ResourceAliases": "alias/mlplatform-prod-key"}
    assert statements["KeyGrant"]["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_backups_go_where_and_as_long_as_the_settings_say(plan: Any) -> None:
    backup = {"schedule": "cron(0 3 * * ? *)", "retentionDays": 200, "coldStorageAfterDays": 30}
    recording = plan("prod", backup=backup)
    (rule,) = one(recording, "aws:backup/plan:Plan").props["rules"]
    assert rule["lifecycle"] == {"deleteAfter": 200, "coldStorageAfter": 30}
    assert (rule["schedule"], rule["targetVaultName"]) == ("cron(0 3 * * ? *)", "mlplatform-prod-backup")
    vault = one(recording, "aws:backup/vault:Vault")
    assert vault.protect is True
    assert vault.props["forceDestroy"] is False
    assert plan("local").of_type("aws:backup/vault:Vault") == []


def test_on_demand_tables_cost_their_storage_and_provisioned_ones_each_unit_by_the_hour(plan: Any) -> None:
    storage = 0.01 * (0.25 + 0.20) * len(TABLES)
    assert idle_cost(plan("prod")).of("tables") == pytest.approx(storage)
    parts = sum(1 + len(table.indexes) for table in TABLES)
    hour = parts * (2 * 0.00013 + 1 * 0.00065)
    assert idle_cost(plan("prod", metadataTables=PROVISIONED)).of("tables") == pytest.approx(storage + 730 * hour)
