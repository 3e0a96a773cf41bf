"""IAM's decision on a request, slowly and by its definition (IAM user guide, "Policy evaluation logic").

Of conditions it knows the operators that this repository's documents use, and fails on any other.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from policies.framework.globs import matches
from policies.iam.document import Condition, Statement, parse
from policies.iam.scope import speaks_of

Context = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request.

    Args:
        action: Such as `batch:SubmitJob`.
        resources: What it concerns, `*` if its action has no resource type. Each must be allowed: a job is submitted to
            a queue by a definition.
        context: Condition keys, in any case.
    """

    action: str
    resources: Sequence[str] = ("*",)
    context: Context = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where requests are made.

    Args:
        region: The region.
        account_id: The account of caller and resources.
    """

    region: str
    account_id: str

    def request(self, action: str, *resources: str, **context: str | Sequence[str]) -> Request:
        """A request to this account, in this region; further condition keys are given as `**{"s3:prefix": "data"}`."""
        known: Context = {
            "aws:RequestedRegion": "us-east-1" if action.startswith("iam:") else self.region,
            **({} if resources in ((), ("*",)) else {"aws:ResourceAccount": self.account_id}),
            **context,
        }
        return Request(action=action, resources=resources or ("*",), context=known)


def allows(request: Request, policies: Iterable[str], boundary: str | None = None) -> bool:
    """Whether a principal with these policies, under this boundary, may do it."""
    granting = [_effects([parse(policy, principals=False) for policy in policies])]
    bounding = [_effects([parse(boundary, principals=False)])] if boundary is not None else []
    return all(all(decide(request, resource) for decide in [*granting, *bounding]) for resource in request.resources)


def allowed(document: str, action: str, resource: str, context: Context) -> bool:
    """Whether one document allows one action on one resource."""
    return allows(Request(action=action, resources=(resource,), context=context), [document])


def refused(requests: Iterable[Request], policies: Sequence[str], boundary: str | None = None) -> list[Request]:
    """Those of the requests that are not allowed."""
    return [request for request in requests if not allows(request, policies, boundary)]


def _effects(documents: Sequence[Sequence[Statement]]) -> Callable[[Request, str], bool]:
    statements = [statement for document in documents for statement in document]

    def decide(request: Request, resource: str) -> bool:
        context = {key.lower(): value for key, value in request.context.items()}
        verdicts = {s.allow for s in statements if _applies(s, request.action, resource, context)}
        return verdicts == {True}

    return decide


def _applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    acts = speaks_of(statement, action)
    patterns = statement.resources or statement.not_resources
    if any("${" in pattern for pattern in patterns):
        raise NotImplementedError("policy variables")
    concerns = any(matches(pattern, resource) for pattern in patterns) is bool(statement.resources)
    return acts and concerns and all(_holds(condition, context) for condition in statement.conditions)


def _holds(condition: Condition, context: Context) -> bool:
    given = context.get(condition.key)
    if condition.operator == "Null":
        return (given is None) is (condition.values == ("true",))
    negated, test = _OPERATORS[condition.operator]
    if given is None:
        return condition.qualifier != "ForAnyValue" and (
            negated or condition.if_exists or condition.qualifier == "ForAllValues"
        )
    values = [given] if isinstance(given, str) else list(given)
    if not condition.qualifier and len(values) != 1:
        raise ValueError(f"{condition.key} has several values: the condition needs ForAnyValue or ForAllValues")
    hits = [any(test(pattern, value) for pattern in condition.values) is not negated for value in values]
    return all(hits) if condition.qualifier == "ForAllValues" else any(hits)


def _same(pattern: str, value: str) -> bool:
    return pattern == value


def _truth(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


def _arn(pattern: str, value: str) -> bool:
    """Each of an ARN's six parts by itself; `ArnEquals` takes wildcards too."""
    parts = list(zip(pattern.split(":", 5), value.split(":", 5), strict=False))
    return len(parts) == 6 and all(matches(one, other) for one, other in parts)


_OPERATORS: Mapping[str, tuple[bool, Callable[[str, str], bool]]] = {
    "StringEquals": (False, _same),
    "StringNotEquals": (True, _same),
    "StringLike": (False, matches),
    "StringNotLike": (True, matches),
    "ArnEquals": (False, _arn),
    "ArnLike": (False, _arn),
    "ArnNotLike": (True, _arn),
    "Bool": (False, _truth),
}
"""Whether the operator is negated, and how one value is compared."""
