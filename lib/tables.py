"""DynamoDB tables of the control plane: keys and indexes, and the questions they were made for.

Pure data: `components/metadata_tables.py` makes the tables, `lib/documents/tables.py` grants single questions to a
function, `docs/tables.md` is written from here. docs/adr/0013-metadata-tables.md has the reasons.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Literal

from lib.naming import shorten

TableName = Literal[
    "mlflow",
    "datasets",
    "projects",
    "project-users",
    "project-groups",
    "groups",
    "group-users",
    "groups-membership-history",
    "group-datasets",
    "users",
    "app-configuration",
]
"""Logical names; `metadataTables` has the physical ones."""

MAX_NAME = 255
MAX_INDEXES = 20
MAX_PROJECTED = 100
"""Characters of a table's, index's or key attribute's name, global secondary indexes of a table, and attributes that
all of them project beside keys (Amazon DynamoDB developer guide, "Quotas")."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")

SHARDS = 8
"""Partitions over which a list of everything is spread; eight queries read it whole."""


def shard_of(name: str) -> str:
    """The partition, `0` to `7`, in which a list of everything keeps `name`."""
    return str(hashlib.sha256(name.encode()).digest()[0] % SHARDS)


class Operation(StrEnum):
    """What is asked of DynamoDB. `Scan` is none of them: no question may cost more with every item there is."""

    GET = "GetItem"
    BATCH_GET = "BatchGetItem"
    QUERY = "Query"
    PUT = "PutItem"
    UPDATE = "UpdateItem"
    DELETE = "DeleteItem"
    BATCH_WRITE = "BatchWriteItem"
    """Also within a transaction a put, update or delete needs its own right, not this one."""

    @property
    def writes(self) -> bool:
        """Whether items change."""
        return self not in (Operation.GET, Operation.BATCH_GET, Operation.QUERY)


@dataclass(frozen=True, kw_only=True)
class Key:
    """A primary key.

    Args:
        partition: Attribute by whose value items are kept together.
        sort: Attribute by which they are ordered there.
    """

    partition: str
    sort: str | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """One attribute, or two."""
        return (self.partition, self.sort) if self.sort else (self.partition,)


@dataclass(frozen=True, kw_only=True)
class Index:
    """A global secondary index.

    Args:
        name: Name of the index.
        key: Its key; items without one of its attributes are not in it.
        include: Attributes projected beside the keys of table and index.
    """

    name: str
    key: Key
    include: tuple[str, ...] = ()

    @property
    def projection(self) -> Literal["KEYS_ONLY", "INCLUDE"]:
        """The least projection that has the attributes."""
        return "INCLUDE" if self.include else "KEYS_ONLY"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Args:
        name: Logical name.
        holds: What one item is.
        key: Primary key.
        indexes: Global secondary indexes.
        numbers: Key attributes that are numbers; the others are strings.
        ttl: Attribute with the second (Unix time) after which DynamoDB deletes the item, if it has one.
        note: What the attributes' values look like, where that is not plain.
    """

    name: TableName
    holds: str
    key: Key
    indexes: tuple[Index, ...] = ()
    numbers: tuple[str, ...] = ()
    ttl: str | None = None
    note: str = ""

    @property
    def keys(self) -> dict[str, Literal["S", "N"]]:
        """All attributes of the table's and its indexes' keys with their types."""
        names = [*self.key.attributes, *(name for index in self.indexes for name in index.key.attributes)]
        return {name: "N" if name in self.numbers else "S" for name in sorted(names)}

    def index(self, name: str) -> Index | None:
        """The index of that name, if there is one."""
        return next((index for index in self.indexes if index.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """One question to a table, or one change of it.

    Args:
        table: Whom it is put to.
        asks: The question, or what changes.
        operation: How it is put.
        by: Attributes that whoever asks knows, in the order of the key.
        index: The index that answers; the table itself if absent.
        returns: Attributes that the answer needs beside those of the keys; all of the item's from the table itself.
        consistent: Whether the answer must have every write that was confirmed before (only the table gives that).
    """

    table: Table
    asks: str
    operation: Operation
    by: tuple[str, ...]
    index: str | None = None
    returns: tuple[str, ...] = ()
    consistent: bool = False


MLFLOW = Table(
    name="mlflow",
    holds="Owner of an experiment or registered model, or the permission of one user or group on it.",
    key=Key(partition="resource", sort="entry"),
    indexes=(
        Index(
            name="by-principal",
            key=Key(partition="principal", sort="resource"),
            include=("permission", "expiresAt"),
        ),
        Index(name="by-owner", key=Key(partition="owner", sort="resource")),
    ),
    ttl="expiresAt",
    note=(
        "`resource` is `experiment#<id>` or `model#<name>`; `entry` is `owner`, or the `principal` of a permission, "
        "`user#<name>` or `group#<name>`. Only permissions have `principal`, only the entry `owner` has `owner`, so "
        "each index holds its own kind of entry. A permission for a time has `expiresAt`, which readers check too, "
        "because DynamoDB may delete days late."
    ),
)
DATASETS = Table(
    name="datasets",
    holds="A dataset.",
    key=Key(partition="scope", sort="name"),
    indexes=(Index(name="by-creator", key=Key(partition="createdBy", sort="createdAt")),),
    note=(
        "`scope` is the type with whom it belongs to: `global`, `project#<project>`, `private#<user>`, "
        "`group#<user who shares it>`; so no list by type needs a filter. `global` is one partition: a list that "
        "administrators keep short."
    ),
)
PROJECTS = Table(
    name="projects",
    holds="A project.",
    key=Key(partition="name"),
    indexes=(Index(name="by-shard", key=Key(partition="shard", sort="name"), include=("description", "suspended")),),
    note="`shard` is `shard_of(name)`.",
)
PROJECT_USERS = Table(
    name="project-users",
    holds="A user's membership in a project, with permissions and IAM role.",
    key=Key(partition="project", sort="user"),
    indexes=(Index(name="by-user", key=Key(partition="user", sort="project"), include=("permissions",)),),
)
PROJECT_GROUPS = Table(
    name="project-groups",
    holds="A group's membership in a project, with permissions.",
    key=Key(partition="project", sort="group"),
    indexes=(Index(name="by-group", key=Key(partition="group", sort="project"), include=("permissions",)),),
)
GROUPS = Table(
    name="groups",
    holds="A group.",
    key=Key(partition="name"),
    indexes=(Index(name="by-shard", key=Key(partition="shard", sort="name"), include=("description",)),),
    note="`shard` is `shard_of(name)`.",
)
GROUP_USERS = Table(
    name="group-users",
    holds="A user's membership in a group, with permissions and IAM role.",
    key=Key(partition="group", sort="user"),
    indexes=(Index(name="by-user", key=Key(partition="user", sort="group"), include=("permissions",)),),
)
HISTORY = Table(
    name="groups-membership-history",
    holds="A user's coming into a group or leaving it. Entries are only ever added.",
    key=Key(partition="group", sort="occurred"),
    indexes=(Index(name="by-user", key=Key(partition="user", sort="occurred"), include=("action", "actionedBy")),),
    ttl="expiresAt",
    note=(
        "`occurred` is `<UTC time, ISO 8601, milliseconds>#<user>`, so that two changes at one time are two entries. "
        "`expiresAt` is set where audit records may be kept for a time only."
    ),
)
GROUP_DATASETS = Table(
    name="group-datasets",
    holds="A dataset that is shared with a group.",
    key=Key(partition="group", sort="dataset"),
    indexes=(Index(name="by-dataset", key=Key(partition="dataset", sort="group")),),
    note="`dataset` is `<scope>/<name>` of the dataset.",
)
USERS = Table(
    name="users",
    holds="A user.",
    key=Key(partition="username"),
    indexes=(
        Index(name="by-email", key=Key(partition="email")),
        Index(
            name="by-shard",
            key=Key(partition="shard", sort="username"),
            include=("displayName", "email", "suspended"),
        ),
    ),
    note="`shard` is `shard_of(username)`. `email` is in lower case; an index does not keep it unique, Cognito does.",
)
APP_CONFIGURATION = Table(
    name="app-configuration",
    holds="One version of the settings that can be changed while the platform runs. Versions are only ever added.",
    key=Key(partition="scope", sort="version"),
    numbers=("version",),
    note="`scope` is `global` or `project#<project>`; processes keep what they read, so `global` is read rarely.",
)

TABLES = (
    *(MLFLOW, DATASETS, PROJECTS, PROJECT_USERS, PROJECT_GROUPS, GROUPS, GROUP_USERS),
    *(HISTORY, GROUP_DATASETS, USERS, APP_CONFIGURATION),
)
"""All tables."""


def physical_names(prefix: str, names: Mapping[str, str]) -> dict[TableName, str]:
    """The tables' names in the account, by logical names: with a prefix, and no longer than DynamoDB takes."""
    return {table.name: shorten(f"{prefix}{names[table.name]}", MAX_NAME) for table in TABLES}


def _get(table: Table, asks: str, *, consistent: bool = False) -> Pattern:
    return Pattern(table=table, asks=asks, operation=Operation.GET, by=table.key.attributes, consistent=consistent)


def _by_key(operation: Operation, table: Table, what: str) -> Pattern:
    return Pattern(table=table, asks=what, operation=operation, by=table.key.attributes)


def _query(
    table: Table,
    asks: str,
    *by: str,
    index: str | None = None,
    returns: tuple[str, ...] = (),
    consistent: bool = False,
) -> Pattern:
    return Pattern(
        table=table,
        asks=asks,
        operation=Operation.QUERY,
        by=by,
        index=index,
        returns=returns,
        consistent=consistent,
    )


class Access(Enum):
    """Every access pattern. What is not here cannot be granted by `table_access`."""

    MLFLOW_OWNER_OR_PERMISSION = _get(
        MLFLOW, "Who owns this experiment or model? Which permission has this user or group on it?", consistent=True
    )
    MLFLOW_PERMISSIONS_OF_CALLER = _by_key(
        Operation.BATCH_GET, MLFLOW, "Which permissions have a user and all its groups on this experiment or model?"
    )
    MLFLOW_PERMISSIONS_ON_RESOURCE = _query(MLFLOW, "Who may do what with this experiment or model?", "resource")
    MLFLOW_RESOURCES_OF_PRINCIPAL = _query(
        MLFLOW,
        "Which experiments, or which models, may this user or group see, and with which permission?",
        "principal",
        "resource",
        index="by-principal",
        returns=("permission", "expiresAt"),
    )
    MLFLOW_RESOURCES_OF_OWNER = _query(
        MLFLOW, "Which experiments, or which models, does this user own?", "owner", "resource", index="by-owner"
    )
    MLFLOW_REGISTER = _by_key(Operation.PUT, MLFLOW, "An experiment or model gets its owner.")
    MLFLOW_HAND_OVER = _by_key(Operation.UPDATE, MLFLOW, "It gets another owner.")
    MLFLOW_GRANT = _by_key(Operation.PUT, MLFLOW, "A user or group gets a permission.")
    MLFLOW_REVOKE = _by_key(Operation.DELETE, MLFLOW, "It loses the permission.")
    MLFLOW_FORGET = _by_key(Operation.BATCH_WRITE, MLFLOW, "All entries of a deleted experiment, model or user go.")

    DATASET = _get(DATASETS, "What is this dataset?")
    DATASETS_OF_SCOPE = _query(
        DATASETS, "Which datasets has everybody, this project, this user, or has this user shared?", "scope"
    )
    DATASETS_BY_KEYS = _by_key(Operation.BATCH_GET, DATASETS, "What are these datasets, shared with a group?")
    DATASETS_OF_CREATOR = _query(
        DATASETS, "Which datasets has this user made, the newest first?", "createdBy", "createdAt", index="by-creator"
    )
    DATASET_CREATE = _by_key(Operation.PUT, DATASETS, "A dataset comes.")
    DATASET_UPDATE = _by_key(Operation.UPDATE, DATASETS, "Its description or other data changes.")
    DATASET_DELETE = _by_key(Operation.DELETE, DATASETS, "It goes.")

    PROJECT = _get(PROJECTS, "What is this project, and is it suspended?", consistent=True)
    PROJECTS_BY_NAMES = _by_key(Operation.BATCH_GET, PROJECTS, "What are these projects of a user?")
    PROJECTS_LIST = _query(
        PROJECTS,
        "Which projects are there (one query for each shard)?",
        "shard",
        index="by-shard",
        returns=("description", "suspended"),
    )
    PROJECT_CREATE = _by_key(Operation.PUT, PROJECTS, "A project comes.")
    PROJECT_UPDATE = _by_key(Operation.UPDATE, PROJECTS, "It changes, is suspended or taken up again.")
    PROJECT_DELETE = _by_key(Operation.DELETE, PROJECTS, "It goes.")

    PROJECT_USER = _get(PROJECT_USERS, "Is this user in this project, and with which permissions?", consistent=True)
    USERS_OF_PROJECT = _query(PROJECT_USERS, "Who is in this project?", "project")
    PROJECTS_OF_USER = _query(
        PROJECT_USERS, "Which projects is this user in?", "user", index="by-user", returns=("permissions",)
    )
    PROJECT_USER_ADD = _by_key(Operation.PUT, PROJECT_USERS, "A user comes into a project.")
    PROJECT_USER_UPDATE = _by_key(Operation.UPDATE, PROJECT_USERS, "Its permissions or role change.")
    PROJECT_USER_REMOVE = _by_key(Operation.DELETE, PROJECT_USERS, "It leaves the project.")
    PROJECT_USERS_CLEAR = _by_key(Operation.BATCH_WRITE, PROJECT_USERS, "All leave a project that goes.")

    PROJECT_GROUP = _get(PROJECT_GROUPS, "Is this group in this project, and with which permissions?", consistent=True)
    GROUPS_OF_PROJECT = _query(PROJECT_GROUPS, "Which groups are in this project?", "project")
    PROJECTS_OF_GROUP = _query(
        PROJECT_GROUPS, "Which projects is this group in?", "group", index="by-group", returns=("permissions",)
    )
    PROJECT_GROUP_ADD = _by_key(Operation.PUT, PROJECT_GROUPS, "A group comes into a project.")
    PROJECT_GROUP_UPDATE = _by_key(Operation.UPDATE, PROJECT_GROUPS, "Its permissions change.")
    PROJECT_GROUP_REMOVE = _by_key(Operation.DELETE, PROJECT_GROUPS, "It leaves the project.")
    PROJECT_GROUPS_CLEAR = _by_key(Operation.BATCH_WRITE, PROJECT_GROUPS, "All leave a project that goes.")

    GROUP = _get(GROUPS, "What is this group?")
    GROUPS_BY_NAMES = _by_key(Operation.BATCH_GET, GROUPS, "What are these groups of a user?")
    GROUPS_LIST = _query(
        GROUPS,
        "Which groups are there (one query for each shard)?",
        "shard",
        index="by-shard",
        returns=("description",),
    )
    GROUP_CREATE = _by_key(Operation.PUT, GROUPS, "A group comes.")
    GROUP_UPDATE = _by_key(Operation.UPDATE, GROUPS, "Its description changes.")
    GROUP_DELETE = _by_key(Operation.DELETE, GROUPS, "It goes.")

    GROUP_USER = _get(GROUP_USERS, "Is this user in this group?", consistent=True)
    USERS_OF_GROUP = _query(GROUP_USERS, "Who is in this group?", "group")
    GROUPS_OF_USER = _query(
        GROUP_USERS, "Which groups is this user in?", "user", index="by-user", returns=("permissions",)
    )
    GROUP_USER_ADD = _by_key(Operation.PUT, GROUP_USERS, "A user comes into a group.")
    GROUP_USER_UPDATE = _by_key(Operation.UPDATE, GROUP_USERS, "Its permissions or role change.")
    GROUP_USER_REMOVE = _by_key(Operation.DELETE, GROUP_USERS, "It leaves the group.")
    GROUP_USERS_CLEAR = _by_key(Operation.BATCH_WRITE, GROUP_USERS, "All leave a group that goes.")

    HISTORY_OF_GROUP = _query(HISTORY, "Who came into this group and left it, in this time?", "group", "occurred")
    HISTORY_OF_USER = _query(
        HISTORY,
        "Which groups did this user come into and leave, in this time?",
        "user",
        "occurred",
        index="by-user",
        returns=("action", "actionedBy"),
    )
    HISTORY_RECORD = _by_key(Operation.PUT, HISTORY, "A user has come into a group, or left it.")

    GROUP_DATASET = _get(GROUP_DATASETS, "Is this dataset shared with this group?", consistent=True)
    DATASETS_OF_GROUP = _query(GROUP_DATASETS, "Which datasets are shared with this group?", "group")
    GROUPS_OF_DATASET = _query(
        GROUP_DATASETS, "With which groups is this dataset shared?", "dataset", index="by-dataset"
    )
    GROUP_DATASET_SHARE = _by_key(Operation.PUT, GROUP_DATASETS, "A dataset is shared with a group.")
    GROUP_DATASET_UNSHARE = _by_key(Operation.DELETE, GROUP_DATASETS, "It is no longer.")
    GROUP_DATASETS_CLEAR = _by_key(Operation.BATCH_WRITE, GROUP_DATASETS, "All that a group or dataset shares goes.")

    USER = _get(USERS, "Who is this user, and is it suspended?", consistent=True)
    USERS_BY_NAMES = _by_key(Operation.BATCH_GET, USERS, "Who are these members of a project or group?")
    USER_BY_EMAIL = _query(USERS, "Which user has this e-mail address?", "email", index="by-email")
    USERS_LIST = _query(
        USERS,
        "Which users are there (one query for each shard)?",
        "shard",
        index="by-shard",
        returns=("displayName", "email", "suspended"),
    )
    USER_CREATE = _by_key(Operation.PUT, USERS, "A user logs in for the first time.")
    USER_UPDATE = _by_key(Operation.UPDATE, USERS, "Its data or last login changes, or it is suspended.")
    USER_DELETE = _by_key(Operation.DELETE, USERS, "It goes.")

    CONFIGURATION_CURRENT = _query(
        APP_CONFIGURATION, "What is in force (the highest version)?", "scope", consistent=True
    )
    CONFIGURATION_VERSIONS = _query(
        APP_CONFIGURATION, "Who changed what, and why, the newest first?", "scope", "version"
    )
    CONFIGURATION_VERSION = _get(APP_CONFIGURATION, "What was in force in this version?")
    CONFIGURATION_PUBLISH = _by_key(Operation.PUT, APP_CONFIGURATION, "A new version comes into force.")


def patterns_of(table: Table) -> Mapping[str, Pattern]:
    """The table's access patterns by name."""
    return {access.name: access.value for access in Access if access.value.table is table}


def flaws(tables: Sequence[Table], patterns: Mapping[str, Pattern]) -> list[str]:
    """What is wrong with a layout: limits of DynamoDB, and questions that their key or index does not answer."""
    return [
        *(flaw for table in tables for flaw in _flaws_of_table(table)),
        *(f"{name}: {flaw}" for name, pattern in patterns.items() for flaw in _flaws_of_pattern(pattern)),
        *_idle(tables, patterns),
    ]


def _flaws_of_table(table: Table) -> Iterator[str]:
    names = [index.name for index in table.indexes]
    if len(names) > MAX_INDEXES:
        yield f"{table.name}: {len(names)} indexes, and DynamoDB allows {MAX_INDEXES}"
    for name in (table.name, *names):
        if not _NAME.fullmatch(name):
            yield f"{table.name}: {name!r} is no name of 3 to {MAX_NAME} letters, digits, '_', '.', '-'"
    if len(names) != len(set(names)):
        yield f"{table.name}: two indexes have one name"
    for attribute in table.keys:
        if not 1 <= len(attribute.encode()) <= MAX_NAME:
            yield f"{table.name}: {attribute!r} has no length of 1 to {MAX_NAME} bytes"
    if (projected := sum(len(index.include) for index in table.indexes)) > MAX_PROJECTED:
        yield f"{table.name}: indexes project {projected} attributes, and DynamoDB allows {MAX_PROJECTED}"
    for index in table.indexes:
        if twice := {*index.include} & {*table.key.attributes, *index.key.attributes}:
            yield f"{table.name}: {index.name} projects {', '.join(sorted(twice))}, a key, a second time"
        if index.key == table.key:
            yield f"{table.name}: {index.name} has the table's own key"
    if table.ttl in table.keys:
        yield f"{table.name}: {table.ttl} is a key, so that it cannot be absent, and every item would expire"


def _flaws_of_pattern(pattern: Pattern) -> Iterator[str]:
    table = pattern.table
    index = table.index(pattern.index) if pattern.index else None
    if pattern.index and index is None:
        yield f"{table.name} has no index {pattern.index}"
        return
    if pattern.operation is not Operation.QUERY:
        if index is not None:
            yield f"{pattern.operation} goes to a table, not to an index"
        if pattern.by != table.key.attributes:
            yield f"{pattern.operation} needs the whole key of {table.name}, {', '.join(table.key.attributes)}"
        return
    key = index.key if index else table.key
    if not pattern.by or pattern.by != key.attributes[: len(pattern.by)]:
        yield f"{', '.join(pattern.by)} is not how {pattern.index or table.name} is keyed; it would be a scan"
    if index is not None:
        if pattern.consistent:
            yield f"{index.name} is an index, which is never strongly consistent"
        there = {*table.key.attributes, *index.key.attributes, *index.include}
        if missing := {*pattern.returns} - there:
            yield f"{index.name} does not have {', '.join(sorted(missing))}"


def _idle(tables: Sequence[Table], patterns: Mapping[str, Pattern]) -> Iterator[str]:
    """Tables and indexes that nobody asks, and projected attributes that no answer needs: all cost with every write."""
    for table in tables:
        asked = [pattern for pattern in patterns.values() if pattern.table is table]
        if not any(pattern.operation.writes for pattern in asked) or not any(not p.operation.writes for p in asked):
            yield f"{table.name} is not both written and read"
        for index in table.indexes:
            asking = [pattern for pattern in asked if pattern.index == index.name]
            if not asking:
                yield f"{table.name}: no pattern asks {index.name}"
            if unneeded := {*index.include} - {name for pattern in asking for name in pattern.returns}:
                yield f"{table.name}: no answer of {index.name} needs {', '.join(sorted(unneeded))}"


HEADING = "## Tables"


def page(text: str) -> str:
    """docs/tables.md as it should be, from how it is: by hand above `HEADING`, from this module below."""
    start = text.partition(HEADING)[0]
    return "\n".join([start + HEADING, "", *(line for table in TABLES for line in _section(table))])


def _section(table: Table) -> Iterator[str]:
    yield f"### {table.name}\n"
    yield f"{table.holds} {table.note}".strip() + "\n"
    rows = [("the table", table.key, "all")]
    rows += [(index.name, index.key, ", ".join(index.include) or "keys only") for index in table.indexes]
    yield "| key of | partition | sort | attributes |\n| --- | --- | --- | --- |"
    for name, key, attributes in rows:
        yield f"| {name} | `{key.partition}` | {_code(key.sort)} | {attributes} |"
    if table.ttl:
        yield f"\nItems may expire: `{table.ttl}`."
    yield "\n| access pattern | | by | of | operation |\n| --- | --- | --- | --- | --- |"
    for name, pattern in patterns_of(table).items():
        consistent = ", consistent" if pattern.consistent else ""
        by = ", ".join(f"`{attribute}`" for attribute in pattern.by)
        yield f"| `{name}` | {pattern.asks} | {by} | {pattern.index or 'table'} | {pattern.operation}{consistent} |"
    yield ""


def _code(name: str | None) -> str:
    return f"`{name}`" if name else ""
