"""The control plane's tables: every question has its key, every right is one question."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.documents.backup import backup_policy
from lib.documents.tables import table_access
from lib.naming import Target
from lib.tables import (
    GROUP_USERS,
    MLFLOW,
    SHARDS,
    TABLES,
    USERS,
    Access,
    Index,
    Key,
    Operation,
    Pattern,
    Table,
    TableName,
    flaws,
    page,
    patterns_of,
    physical_names,
    shard_of,
)
from settings.metadata_tables import MetadataTablesSettings

ROOT = Path(__file__).parents[2]
AWS = Target(
    partition="aws", dns_suffix="amazonaws.com", region="eu-west-1", account_id="111122223333", zones=("eu-west-1a",)
)
NAMES = physical_names("p-", MetadataTablesSettings().names)
PATTERNS: Mapping[str, Pattern] = {access.name: access.value for access in Access}
QUERY = Access.GROUPS_OF_USER.value


def test_every_question_is_answered_by_its_key_or_index_without_a_scan() -> None:
    assert flaws(TABLES, PATTERNS) == []


def test_there_are_the_tables_of_the_settings_and_no_others() -> None:
    assert [table.name for table in TABLES] == list(get_args(TableName))
    assert sorted(get_args(TableName)) == sorted(MetadataTablesSettings().names)
    assert sum(len(patterns_of(table)) for table in TABLES) == len(Access.__members__) == len(Access)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (replace(QUERY, index="by-name"), "has no index by-name"),
        (replace(QUERY, index=None), "user is not how group-users is keyed"),
        (replace(QUERY, by=("group",)), "group is not how by-user is keyed"),
        (replace(QUERY, by=("group", "user")), "it would be a scan"),
        (replace(QUERY, by=()), "it would be a scan"),
        (replace(QUERY, consistent=True), "never strongly consistent"),
        (replace(QUERY, returns=("role",)), "by-user does not have role"),
        (replace(QUERY, operation=Operation.GET), "goes to a table, not to an index"),
        (replace(Access.GROUP_USER_ADD.value, by=("group",)), "needs the whole key of group-users"),
    ],
)
def test_a_question_that_its_index_does_not_answer_is_a_flaw(pattern: Pattern, words: str) -> None:
    found = flaws([], {"A_QUESTION": pattern})
    assert any(words in flaw and flaw.startswith("A_QUESTION: ") for flaw in found), found


def with_indexes(*indexes: Index) -> Table:
    return replace(GROUP_USERS, indexes=indexes)


BY_ROLE = Index(name="by-role", key=Key(partition="role"))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (with_indexes(*(replace(BY_ROLE, name=f"by-{n:02}") for n in range(21))), "21 indexes, and DynamoDB allows 20"),
        (with_indexes(replace(BY_ROLE, name="by role")), "'by role' is no name"),
        (with_indexes(replace(BY_ROLE, name="b" * 256)), "is no name of 3 to 255"),
        (with_indexes(BY_ROLE, BY_ROLE), "two indexes have one name"),
        (with_indexes(replace(BY_ROLE, key=Key(partition="r" * 256))), "no length of 1 to 255 bytes"),
        (with_indexes(replace(BY_ROLE, include=tuple(f"a{n}" for n in range(101)))), "project 101 attributes"),
        (with_indexes(replace(BY_ROLE, include=("user",))), "projects user, a key, a second time"),
        (with_indexes(replace(BY_ROLE, key=GROUP_USERS.key)), "has the table's own key"),
        (replace(GROUP_USERS, ttl="user"), "every item would expire"),
        (with_indexes(*GROUP_USERS.indexes, BY_ROLE), "no pattern asks by-role"),
        (with_indexes(replace(GROUP_USERS.indexes[0], include=("role",))), "no answer of by-user needs role"),
    ],
)
def test_a_table_that_dynamodb_refuses_or_that_costs_for_nothing_is_a_flaw(table: Table, words: str) -> None:
    patterns = {name: replace(pattern, table=table) for name, pattern in patterns_of(GROUP_USERS).items()}
    assert any(words in flaw for flaw in flaws([table], patterns)), flaws([table], patterns)


def test_a_table_that_is_only_written_is_a_flaw() -> None:
    assert flaws([USERS], {"USER_CREATE": Access.USER_CREATE.value})[0] == "users is not both written and read"


def test_the_entries_of_owner_and_permission_are_each_in_one_index_of_mlflow() -> None:
    assert [index.key.partition for index in MLFLOW.indexes] == ["principal", "owner"]
    assert not {"principal", "owner"} & set(MLFLOW.key.attributes)


@given(name=st.text())
def test_a_list_of_everything_is_spread_over_its_shards_only(name: str) -> None:
    assert shard_of(name) in {str(n) for n in range(SHARDS)}


def test_shards_are_about_equal_and_stay_where_they_are() -> None:
    sizes = [sum(shard_of(f"user-{n}") == str(shard) for n in range(800)) for shard in range(SHARDS)]
    assert min(sizes) > 60
    assert (shard_of("ann"), shard_of("eve")) == ("1", "5")


@given(
    prefix=st.from_regex(r"[\w.-]{0,200}", fullmatch=True, alphabet=st.characters(codec="ascii")),
    length=st.integers(1, 190),
)
def test_physical_names_are_dynamodbs_and_distinct(prefix: str, length: int) -> None:
    names = physical_names(prefix, {table.name: "n" * length + table.name[:60] for table in TABLES})
    assert all(len(name) <= 255 for name in names.values())
    assert len(set(names.values())) == len(TABLES)


@given(accesses=st.sets(st.sampled_from(Access), min_size=1))
def test_a_right_is_the_verbs_and_indexes_of_its_questions_and_no_more(accesses: set[Access]) -> None:
    statements = table_access(AWS, NAMES, sorted(accesses, key=lambda access: access.name))
    granted = {
        (action, arn) for statement in statements for action in statement["Action"] for arn in statement["Resource"]
    }
    asked = set[tuple[str, str]]()
    for access in accesses:
        pattern = access.value
        of_index = f"/index/{pattern.index}" if pattern.index else ""
        arn = f"arn:aws:dynamodb:eu-west-1:111122223333:table/{NAMES[pattern.table.name]}{of_index}"
        asked.add((f"dynamodb:{pattern.operation}", arn))
    assert granted == asked
    sids = [statement["Sid"] for statement in statements]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)
    assert "*" not in json.dumps(statements)


def test_projects_of_a_user_are_one_query_of_one_index() -> None:
    assert table_access(AWS, NAMES, [Access.PROJECTS_OF_USER]) == [
        {
            "Sid": "ProjectUsersIndexes",
            "Effect": "Allow",
            "Action": ["dynamodb:Query"],
            "Resource": ["arn:aws:dynamodb:eu-west-1:111122223333:table/p-mlspace-project-users/index/by-user"],
        }
    ]


@pytest.mark.parametrize(
    ("partition", "operator"),
    [("private#${aws:PrincipalTag/user}", "StringEquals"), ("project#team-*", "StringLike")],
)
def test_a_role_that_is_confined_to_partitions_has_no_other_in_any_statement(partition: str, operator: str) -> None:
    accesses = [Access.DATASET, Access.DATASETS_OF_CREATOR]
    statements = table_access(AWS, NAMES, accesses, partitions=[partition], sid="Own")
    assert [statement["Sid"] for statement in statements] == ["OwnDatasets", "OwnDatasetsIndexes"]
    for statement in statements:
        assert statement["Condition"] == {
            f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": [partition]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }


def test_a_right_without_question_or_without_its_tables_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no access pattern"):
        table_access(AWS, NAMES, [])
    with pytest.raises(ValueError, match="names has no users"):
        table_access(AWS, {"groups": "g"}, [Access.USER, Access.GROUP])


def test_nobody_is_granted_to_change_or_delete_history_or_versions() -> None:
    for name in ("groups-membership-history", "app-configuration"):
        (table,) = (table for table in TABLES if table.name == name)
        writes = {p.operation for p in patterns_of(table).values() if p.operation.writes}
        assert writes == {Operation.PUT}


TABLE, CLUSTER, INSTANCE = AWS.arn("dynamodb", "table/t"), AWS.arn("rds", "cluster:c"), AWS.arn("rds", "db:i")


def backup(*arns: str) -> dict[str, dict[str, Any]]:
    return {s["Sid"]: s for s in json.loads(backup_policy(AWS, vault="v", arns=arns, use_key=[]))["Statement"]}


@pytest.mark.parametrize(
    ("arn", "sids"),
    [
        (TABLE, {"Tables", "BackupsOfTables"}),
        (CLUSTER, {"SnapshotClusters", "ClusterSnapshots", "FindClusters"}),
        (INSTANCE, {"SnapshotInstances", "InstanceSnapshots", "FindInstances"}),
    ],
)
def test_backups_may_touch_what_the_plan_has_and_nothing_is_restored(arn: str, sids: set[str]) -> None:
    found = backup(arn)
    assert set(found) == {"Vault", "TagBackups"} | sids
    for sid, statement in found.items():
        assert not [action for action in statement["Action"] if "Restore" in action or "*" in action], sid
        changes = [a for a in statement["Action"] if a.split(":")[1].startswith(("Create", "Delete", "Start"))]
        for resource in statement["Resource"] if changes else []:
            assert resource == arn or resource.startswith(f"{arn}/backup/") or ":awsbackup:" in resource


def test_what_is_no_table_or_database_is_not_backed_up() -> None:
    with pytest.raises(ValueError, match=r"arn:aws:s3:::bucket is no DynamoDB table"):
        backup("arn:aws:s3:::bucket")


def test_the_page_of_tables_is_current() -> None:
    text = (ROOT / "docs" / "tables.md").read_text()
    assert text == page(text), "docs/tables.md is not what lib/tables.py says; run `make docs`"
