"""LP03: iam:PassRole names an exact role or the project's path."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.framework.globs import is_glob
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement
from policies.iam.scope import quote, resources, speaks_of
from policies.iam.union import each_held

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/(?P<path>.+)")


def _judge(statement: Statement, resource: PlannedResource, settings: Settings) -> Iterator[str]:
    if not statement.allow or not speaks_of(statement, "iam:PassRole"):
        return
    paths = (*settings.strings("rolePaths"), f"/{resource.project}/")
    for pattern in resources(statement):
        found = _ROLE.fullmatch(pattern)
        if found is None:
            yield f"iam:PassRole on {quote(pattern)}, which is not a role of a named account"
        elif is_glob(found["path"]) and not any(_within(found["path"], path) for path in paths):
            yield f"iam:PassRole on {quote(pattern)}, a wildcard outside the role path of the project"


def _within(pattern: str, path: str) -> bool:
    fixed = path.strip("/")
    return bool(fixed) and not is_glob(fixed) and pattern.startswith(f"{fixed}/")


RULE = Rule(
    id="LP03",
    slug="pass-role-exact",
    title="iam:PassRole names the role",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description="iam:PassRole is granted on an exact role or on the project's own role path, never more widely.",
    remediation=(
        "Set Resource to the role's ARN, or to arn:aws:iam::<account>:role/<project>/* with the project's "
        "roles on that path."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html",
    frameworks=(
        nist("AC-6(1)"),
        well_architected("SEC03-BP02"),
    ),
    types=IDENTITY_TYPES,
    anchors=("AWS-0342",),
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=each_held(_judge),
    options=(
        Option(
            name="rolePaths",
            description="Role paths below which a wildcard is allowed, besides /<project>/ (for example /team/app/).",
        ),
    ),
)
