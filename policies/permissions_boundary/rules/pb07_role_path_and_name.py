"""PB07: roles stand on the project's path and have its prefix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.framework.judge import unknown
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.permissions_boundary.boundaries import ROLE


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    paths = (f"/{resource.project}/", *settings.strings("rolePaths", resource.stack))
    path = str(resource.value("path") or "/")
    if not any(_below(path, allowed) for allowed in paths):
        yield Violation(message=f"path is not below {' or '.join(paths)}")
    prefixes = settings.strings("namePrefixes", resource.stack)
    if prefixes:
        yield from _name(resource, prefixes)


def _below(path: str, allowed: str) -> bool:
    # Everything is below /, so that means no more than itself.
    return path == allowed or (allowed != "/" and allowed.endswith("/") and path.startswith(allowed))


def _name(resource: PlannedResource, prefixes: Sequence[str]) -> Iterator[Violation]:
    beginning = resource.value("name") or resource.value("namePrefix")
    if not beginning:
        yield unknown(resource, "name")
    elif not str(beginning).startswith(tuple(prefixes)):
        yield Violation(message=f"its name does not begin with {' or '.join(prefixes)}")


RULE = Rule(
    id="PB07",
    slug="role-path-and-name",
    title="Roles stand on the project's path and have its prefix",
    level=Level.MANDATORY,
    severity=Severity.MEDIUM,
    description=(
        "Grants that manage and pass roles are scoped by path and name; a role elsewhere escapes them, or falls under "
        "another project's."
    ),
    remediation="Set path to /<project>/ or to one of rolePaths, and name to one that begins with one of namePrefixes.",
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-friendly-names",
    frameworks=(nist("AC-6"), well_architected("SEC03-BP02")),
    types=(ROLE,),
    check=_check,
    options=(
        Option(
            name="rolePaths",
            description="Paths below which roles may stand, besides /<project>/ (for example /team/app/).",
        ),
        Option(name="namePrefixes", description="Beginnings of role names, one of which is demanded; none if empty."),
    ),
)
