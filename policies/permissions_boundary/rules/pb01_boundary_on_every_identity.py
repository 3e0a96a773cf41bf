"""PB01: every role and user has the boundary."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.judge import unknown
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import UNKNOWN
from policies.iam.scope import quote
from policies.permissions_boundary.boundaries import ARN, LISTED, PROPERTY, ROLE, USER, Policies, listed


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    arn = resource.raw(PROPERTY)
    if arn is UNKNOWN:
        return  # another resource's output: the stack shows whose
    if not arn:
        yield Violation(message=f"it has no {PROPERTY}")
    elif not ARN.fullmatch(str(arn)) and not listed(str(arn), settings.strings(LISTED.name, resource.stack)):
        yield Violation(message=f"{PROPERTY} is {quote(str(arn))}, which no program can make and {LISTED.name} lacks")


def _check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
    policies, patterns = Policies(graph), settings.strings(LISTED.name, graph.stack)
    for resource in graph.of_types((ROLE, USER)):
        arn = resource.raw(PROPERTY)
        if arn is UNKNOWN:
            if not policies.meant(resource, PROPERTY):
                yield unknown(resource, PROPERTY)
        elif arn and ARN.fullmatch(str(arn)) and not policies.named(str(arn)) and not listed(str(arn), patterns):
            message = f"{PROPERTY} is {quote(str(arn))}, which is neither a policy of the program nor in {LISTED.name}"
            yield Violation(message=message, urn=resource.urn)


RULE = Rule(
    id="PB01",
    slug="boundary-on-every-identity",
    title="Every role and user has the boundary",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "A role or user without permissions boundary may do whatever is granted to it, now or later. The boundary is a "
        "policy of the program, whose document the other rules judge, or one of a list."
    ),
    remediation=(
        "Set permissionsBoundary to the ARN of the boundary that the program makes; list the ARN of one that exists "
        "elsewhere in boundaries."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    frameworks=(nist("AC-6"), nist("AC-6(10)"), well_architected("SEC03-BP05")),
    types=(ROLE, USER),
    check=_check,
    check_stack=_check_stack,
    options=(LISTED,),
)
