"""LP15: every document is known at preview, parses, and names what exists.

The other rules leave unknown and unparsable documents to this one.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.globs import is_glob
from policies.framework.judge import unknown_message
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.iam import catalogue
from policies.iam.document import DocumentError, DocumentUnknownError, Statement
from policies.iam.keys import exists
from policies.iam.places import ALL_TYPES, Kind, Place, places
from policies.iam.scope import quote


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    for place in places(resource):
        try:
            statements = place.parse()
        except (DocumentError, DocumentUnknownError) as error:
            # No other rule can say anything of such a document, so an exemption would let everything through.
            for message in _unread(place, resource, error):
                yield Violation(message=message, exemptible=False)
            continue
        for statement in statements:
            for message in _statement(statement, place.kind):
                yield Violation(message=f"{place.path}, statement {statement.index + 1}: {message}")


def _unread(place: Place, resource: PlannedResource, error: DocumentError | DocumentUnknownError) -> Iterator[str]:
    if isinstance(error, DocumentError):
        yield f"{place.path} {error}"
        return
    for path in error.paths:
        yield unknown_message(resource, f"{place.path}.{path}" if path else place.path)


def _statement(statement: Statement, kind: Kind) -> Iterator[str]:
    for pattern in (*statement.actions, *statement.not_actions):
        yield from _action(pattern)
    for condition in statement.conditions:
        if not exists(condition.key):
            # The key itself is quoted only when it has the shape of one.
            shown = quote(condition.key) if ":" in condition.key else "a name without a service"
            yield f"there is no condition key {shown}"
    if kind in (Kind.IDENTITY, Kind.TRUST):
        for pattern in statement.resources:
            if pattern != "*" and not (pattern.startswith("arn:") and pattern.count(":") >= 5) and not is_glob(pattern):
                yield "a Resource that is neither * nor an ARN"


def _action(pattern: str) -> Iterator[str]:
    prefix = pattern.lower().partition(":")[0]
    if catalogue.expand(pattern):
        return
    if ":" not in pattern:
        yield f"{quote(pattern)} is not service:Action"
    elif catalogue.exists_elsewhere(prefix):
        yield f"there is no data on service '{prefix}' to judge by; add it to policies/iam/data/refresh.py and run that"
    else:
        near = catalogue.suggest(pattern)
        yield f"no action matches {quote(pattern)}" + (f"; did you mean '{near}'?" if near else "")


RULE = Rule(
    id="LP15",
    slug="documents-known-and-valid",
    title="Documents are known at preview and say what exists",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="An IAM document is known at preview, parses, and its actions and condition keys exist.",
    remediation=(
        "Build ARNs from names and ids known at preview (explicit names, account and region lookups), not "
        "from other resources' outputs."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
    frameworks=(
        nist("CM-6"),
        well_architected("SEC03-BP02"),
    ),
    types=ALL_TYPES,
    anchors=(),
    check=_check,
)
