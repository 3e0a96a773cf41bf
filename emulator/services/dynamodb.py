"""Amazon DynamoDB."""

from collections.abc import Callable
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

from emulator.registry import corrects


@corrects("dynamodb", "UpdateTable", "keeps the capacity of a table that goes on demand", on=DynamoDBBackend)
def update_table(original: Callable[..., Any], self: Any, *args: object, **kwargs: object) -> Any:  # noqa: D103
    table = original(self, *args, **kwargs)
    if table.billing_mode == "PAY_PER_REQUEST":
        for part in (table, *table.global_indexes):
            part.throughput = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    return table
