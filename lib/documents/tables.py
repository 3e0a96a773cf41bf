"""Rights on the control plane's tables: a function gets the questions that it asks, and no more."""

from collections.abc import Mapping, Sequence

from lib.iam import Conditions, Statement, allow
from lib.naming import Target
from lib.tables import TABLES, Access, TableName


def table_access(
    target: Target,
    names: Mapping[TableName, str],
    accesses: Sequence[Access],
    *,
    partitions: Sequence[str] = (),
    sid: str = "",
) -> list[Statement]:
    """Lets a role ask these questions: each table's operations on the table, queries of an index on that index only.

    The role needs the tables' key as well; `MetadataTables.access` gives both.

    Args:
        target: The account.
        names: Physical names of the tables.
        accesses: The questions and changes.
        partitions: Partitions that the role is confined to, such as `private#${aws:PrincipalTag/user}`; all if empty.
            `*` stands for any characters. Of an index they are the index's own (condition key `dynamodb:LeadingKeys`,
            Amazon DynamoDB developer guide, "Using IAM policy conditions for fine-grained access control").
        sid: What the statements' names begin with, where a document has two sets of them.

    Raises:
        ValueError: There is no question, or the table of one has no name.
    """
    if not accesses:
        raise ValueError("table_access: no access pattern; name those that the role asks, or leave its statements out")
    asked = [table for table in TABLES if any(access.value.table is table for access in accesses)]
    if missing := [table.name for table in asked if table.name not in names]:
        raise ValueError(f"table_access: names has no {', '.join(missing)}; give the names of all tables")
    conditions = _confined(partitions) if partitions else None
    statements = list[Statement]()
    for table in asked:
        patterns = [access.value for access in accesses if access.value.table is table]
        arn = target.arn("dynamodb", f"table/{names[table.name]}")
        title = sid + "".join(word.capitalize() for word in table.name.split("-"))
        if actions := {f"dynamodb:{pattern.operation}" for pattern in patterns if pattern.index is None}:
            statements.append(allow(title, sorted(actions), [arn], conditions=conditions))
        if indexes := {f"{arn}/index/{pattern.index}" for pattern in patterns if pattern.index is not None}:
            statements.append(allow(f"{title}Indexes", ["dynamodb:Query"], sorted(indexes), conditions=conditions))
    return statements


def _confined(partitions: Sequence[str]) -> Conditions:
    operator = "StringLike" if any("*" in partition for partition in partitions) else "StringEquals"
    return {
        # Holds for a request without any key as well, which the second condition refuses.
        f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": sorted(partitions)},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
