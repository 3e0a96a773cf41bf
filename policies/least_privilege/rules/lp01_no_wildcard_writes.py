"""LP01: no Allow with a wildcard that expands to actions that change something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.framework.globs import is_glob
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, cis, nist, well_architected
from policies.iam import catalogue
from policies.iam.catalogue import Action
from policies.iam.document import Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement
from policies.iam.scope import actions, names, quote
from policies.iam.union import each_held


def _judge(statement: Statement, _resource: PlannedResource, _settings: Settings) -> Iterator[str]:
    if not statement.allow:
        return
    wide: dict[str, Sequence[Action]] = {
        quote(pattern): catalogue.at_worst(pattern) for pattern in statement.actions if is_glob(pattern)
    }
    if statement.not_actions:
        wide["NotAction"] = actions(statement)
    for pattern, covered in wide.items():
        changing = [str(action) for action in covered if action.changes]
        if changing:
            yield f"{pattern} covers {len(changing)} actions that change something: {names(changing)}"


RULE = Rule(
    id="LP01",
    slug="no-wildcard-writes",
    title="No wildcard covers actions that change something",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=("An Allow must not use a wildcard that expands to write, tagging or permissions-management actions."),
    remediation=(
        "List the actions that are called, one by one; wildcards may stay where they cover only List and Read."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html",
    frameworks=(
        cis("1.16"),
        nist("AC-6"),
        well_architected("SEC03-BP02"),
    ),
    types=IDENTITY_TYPES,
    anchors=(
        "CKV_AWS_62",
        "CKV_AWS_63",
        "AwsSolutions-IAM5",
        "CKV2_AWS_40",
    ),
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=each_held(_judge),
)
