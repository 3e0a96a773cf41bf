"""AWS Budgets."""

import json
from collections.abc import Callable
from typing import Any

from moto.budgets.responses import BudgetsResponse

from emulator.registry import adds, corrects, records


def _tags(self: Any, arn: str) -> dict[str, str]:
    return records(self.backend, "tags").setdefault(arn, {})


@adds("budgets", "DescribeSubscribersForNotification", on=BudgetsResponse)
def describe_subscribers_for_notification(self: Any) -> str:  # noqa: D103
    budget = self.backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
    wanted = {key: value for key, value in self._get_param("Notification").items() if key != "NotificationState"}
    subscribers = [
        subscriber
        for notification in budget.notifications
        if wanted.items() <= notification.details.items()
        for subscriber in notification.subscribers
    ]
    return json.dumps({"Subscribers": subscribers})


@adds("budgets", "UpdateBudget", on=BudgetsResponse)
def update_budget(self: Any) -> str:  # noqa: D103
    new = self._get_param("NewBudget")
    self.backend.budgets[self._get_param("AccountId")][new["BudgetName"]].budget.update(new)
    return "{}"


@corrects("budgets", "CreateBudget", "drops the tags", on=BudgetsResponse)
def create_budget(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    arn = f"arn:aws:budgets::{self._get_param('AccountId')}:budget/{self._get_param('Budget')['BudgetName']}"
    tags: list[dict[str, str]] = self._get_param("ResourceTags") or []
    _tags(self, arn).update({tag["Key"]: tag["Value"] for tag in tags})
    return answer


@adds("budgets", "ListTagsForResource", on=BudgetsResponse)
def list_tags_for_resource(self: Any) -> str:  # noqa: D103
    tags = _tags(self, self._get_param("ResourceARN"))
    return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]})


@adds("budgets", "TagResource", on=BudgetsResponse)
def tag_resource(self: Any) -> str:  # noqa: D103
    new = {tag["Key"]: tag["Value"] for tag in self._get_param("ResourceTags")}
    _tags(self, self._get_param("ResourceARN")).update(new)
    return "{}"


@adds("budgets", "UntagResource", on=BudgetsResponse)
def untag_resource(self: Any) -> str:  # noqa: D103
    for key in self._get_param("ResourceTagKeys"):
        _tags(self, self._get_param("ResourceARN")).pop(key, None)
    return "{}"
