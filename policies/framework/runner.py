"""Runs the packs over plain data, without an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policies.framework.config import check_names, settings_for
from policies.framework.exemptions import RULE as EXEMPTIONS_RULE
from policies.framework.exemptions import Exemptions, stack_urn
from policies.framework.judge import Verdict, failure, judge_resource, judge_stack
from policies.framework.registry import packs as all_packs
from policies.framework.registry import rules as rules_of
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity
from policies.framework.values import UNKNOWN, merged

__all__ = ["UNKNOWN", "Finding", "PlannedResource", "evaluate", "evaluate_rules", "packs", "rules"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One violation, as reported; ``exempted_by`` says who accepted it and why."""

    rule: str
    pack: str
    level: Level
    severity: Severity
    urn: str
    message: str
    remediation: str
    exemptible: bool = True
    exempted_by: str | None = None

    @property
    def stops(self) -> bool:
        """Whether it stops a deployment."""
        return self.level is Level.MANDATORY and self.exempted_by is None


def packs() -> list[str]:
    """Names of the packs."""
    return list(all_packs())


def rules(pack: str) -> list[Rule]:
    """Rules of a pack."""
    return list(rules_of(pack))


def evaluate(
    resources: Sequence[PlannedResource],
    packs: Sequence[str] | None = None,
    config: Mapping[str, Any] | None = None,
    exemptions: Exemptions | None = None,
) -> list[Finding]:
    """Judge planned resources; the same rules give the same verdicts as under the engine.

    ``config`` has the shape of ``--policy-pack-config``: by rule id or name a level, or an object with the rule's
    settings and, if need be, ``enforcementLevel``. Without ``exemptions`` there are none.
    """
    chosen = all_packs() if packs is None else tuple(packs)
    check_names(config, tuple(rule for pack in all_packs() for rule in rules(pack)))
    found: list[Finding] = []
    for pack in chosen:
        found.extend(evaluate_rules(pack, rules(pack), resources, config))
    if exemptions is None:
        return found
    on = [rule.id for pack in chosen for rule in rules(pack) if settings_for(rule, config)[0] is not Level.DISABLED]
    return _exempted(found, exemptions, resources, on)


def _exempted(
    found: Sequence[Finding], exemptions: Exemptions, resources: Sequence[PlannedResource], ran: Sequence[str]
) -> list[Finding]:
    stack, project = (resources[0].stack, resources[0].project) if resources else ("", "")
    whole = stack_urn(stack, project)
    marked = [
        replace(finding, exempted_by=str(record))
        if finding.exemptible and (record := exemptions.of(finding.rule, finding.urn or whole, finding.message))
        else finding
        for finding in found
    ]
    problems = [
        Finding(
            rule=EXEMPTIONS_RULE.id,
            pack="exemptions",
            level=EXEMPTIONS_RULE.level,
            severity=EXEMPTIONS_RULE.severity,
            urn=whole,
            message=problem,
            remediation=EXEMPTIONS_RULE.remediation,
        )
        for problem in exemptions.problems(stack, ran)
    ]
    return marked + problems


def evaluate_rules(
    pack: str, chosen: Iterable[Rule], resources: Sequence[PlannedResource], config: Mapping[str, Any] | None = None
) -> Iterator[Finding]:
    """Judge planned resources by some rules of a pack, in the engine's order: remediate, resources, stack."""
    active: list[tuple[Rule, Level, Settings]] = []
    for rule in chosen:
        level, settings = settings_for(rule, config)
        if level is not Level.DISABLED:
            active.append((rule, level, settings))
    current = list(resources)
    for rule, level, settings in active:
        if level is Level.REMEDIATE and rule.remediate is not None:
            for at, resource in enumerate(current):
                try:
                    changes = _changes(rule, resource, settings)
                except Exception as error:
                    yield _finding(pack, Level.MANDATORY, failure(rule, resource.urn, error))
                    continue
                if changes:
                    current[at] = replace(resource, props=merged(resource.props, changes))
                    message = f"{rule.title}: sets {', '.join(sorted(changes))}"
                    yield _finding(pack, level, Verdict(rule=rule, urn=resource.urn, message=message))
    graph = Graph.of(current)
    for rule, level, settings in active:
        enforced = Level.MANDATORY if level is Level.REMEDIATE else level
        for resource in graph.of_types(rule.types) if rule.types else graph.resources:
            for verdict in judge_resource(rule, resource, settings):
                yield _finding(pack, enforced, verdict)
        for verdict in judge_stack(rule, graph, settings):
            yield _finding(pack, enforced, verdict)


def _changes(rule: Rule, resource: PlannedResource, settings: Settings) -> Mapping[str, Any] | None:
    if rule.remediate is None or (rule.types and resource.type not in rule.types):
        return None
    return rule.remediate(resource, settings)


def _finding(pack: str, level: Level, verdict: Verdict) -> Finding:
    return Finding(
        rule=verdict.rule.id,
        pack=pack,
        level=Level.MANDATORY if verdict.failed else level,
        severity=verdict.rule.severity,
        urn=verdict.urn,
        message=verdict.message,
        remediation=verdict.rule.remediation,
        exemptible=verdict.exemptible,
    )
