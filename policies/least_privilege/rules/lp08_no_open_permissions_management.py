"""LP08: permissions are not managed without limit."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, nist, well_architected
from policies.iam.catalogue import Access, Action
from policies.iam.document import Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement
from policies.iam.scope import actions, concerns, limits_resources, names, names_something, quote, resources, specific
from policies.iam.union import each_held

# Keys that say which permissions may be handed out, or to whom.
_LIMITS = frozenset(
    {
        *("iam:permissionsboundary", "iam:policyarn", "iam:awsservicename", "kms:grantisforawsresource"),
        *("kms:granteeprincipal", "ec2:authorizedservice", "lambda:principal"),
    }
)


def _judge(statement: Statement, _resource: PlannedResource, settings: Settings) -> Iterator[str]:
    open_ = [pattern for pattern in resources(statement) if not names_something(pattern)]
    if not statement.allow or not open_ or _limited(statement):
        return
    listed = settings.strings("accountActions")
    managing = [action for action in actions(statement) if _manages(action) and str(action) not in listed]
    for pattern in open_:
        concerned = sorted(str(action) for action in managing if concerns(pattern, action.service))
        if concerned:
            yield f"{names(concerned)} on {quote(pattern)}, with nothing that limits whose permissions"


def _manages(action: Action) -> bool:
    # Of passing roles, LP03 and LP04 speak.
    return action.access is Access.PERMISSIONS and action.changes and str(action) != "iam:PassRole"


def _limited(statement: Statement) -> bool:
    return limits_resources(statement) or any(
        c.key in _LIMITS and c.requires_match and all(specific(value) for value in c.values)
        for c in statement.conditions
    )


RULE = Rule(
    id="LP08",
    slug="no-open-permissions-management",
    title="No management of permissions without limit",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "Actions that manage permissions (policies, grants, access lists) are allowed on named resources, or under a "
        "condition that limits what is handed out."
    ),
    remediation=(
        "Name the resource, or add a condition that limits the permissions: iam:PermissionsBoundary, iam:PolicyARN, "
        "iam:AWSServiceName, kms:GrantIsForAWSResource. List an action without resource type in accountActions."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_understand-policy-summary-access-level-summaries.html",
    frameworks=(
        nist("AC-6"),
        nist("AC-6(1)"),
        well_architected("SEC03-BP02"),
    ),
    types=IDENTITY_TYPES,
    anchors=("CKV_AWS_289", "CKV_AWS_109"),
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=each_held(_judge),
    options=(
        Option(
            name="accountActions",
            description="Actions without a resource type that may be granted all the same, such as "
            "logs:PutResourcePolicy for a state machine's log delivery.",
        ),
    ),
)
