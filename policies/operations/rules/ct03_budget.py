"""CT03: a budget tells somebody."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import present
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import UNKNOWN
from policies.operations.stacks import listed

_BUDGET = "aws:budgets/budget:Budget"
_SUBSCRIBERS = ("subscriberEmailAddresses", "subscriberSnsTopicArns")


def _check(graph: Graph, settings: Settings) -> Iterator[Violation]:
    if not listed(settings, "stacks", graph.stack) or not any(type_.startswith("aws:") for type_ in graph.by_type):
        return
    budgets = graph.of_types((_BUDGET,))
    if not budgets:
        yield Violation(message="the stack has no budget, so nobody hears of costs before the bill")
    if not any(_tells(budget) for budget in budgets):
        for budget in budgets:
            yield Violation(message="no notification of it has a subscriber, so nobody hears of it", urn=budget.urn)


def _tells(budget: PlannedResource) -> bool:
    """Whether somebody hears of a budget; unknown subscribers are another resource's output."""
    return budget.raw("notifications") is UNKNOWN or any(
        present(budget, f"notifications[{at}].{path}")
        for at in range(len(budget.items("notifications")))
        for path in _SUBSCRIBERS
    )


RULE = Rule(
    id="CT03",
    slug="budget",
    title="A budget tells somebody",
    level=Level.ADVISORY,
    severity=Severity.LOW,
    description="A budget with a subscriber tells a person within the day what a loop or a forgotten machine costs.",
    remediation=(
        "Add an aws:budgets/budget:Budget whose notifications name an address or a topic; take the stack out of the "
        "setting stacks where the account has one already."
    ),
    link="https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html",
    frameworks=(nist("SA-2"), well_architected("COST02-BP05")),
    types=(_BUDGET,),
    check_stack=_check,
    options=(
        Option(name="stacks", description="Patterns of the stacks that have a budget of their own.", default=("*",)),
    ),
)
