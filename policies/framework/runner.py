"""Runs the packs over plain data, without an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from policies.framework.config import check_names, settings_for
from policies.framework.judge import Verdict, failure, judge_resource, judge_stack
from policies.framework.registry import packs as all_packs
from policies.framework.registry import rules as rules_of
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity
from policies.framework.values import UNKNOWN

__all__ = ["UNKNOWN", "Finding", "PlannedResource", "evaluate", "evaluate_rules", "packs", "rules"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One violation, as reported."""

    rule: str
    pack: str
    level: Level
    severity: Severity
    urn: str
    message: str
    remediation: str


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
) -> list[Finding]:
    """Judge planned resources; the same rules give the same verdicts as under the engine.

    ``config`` has the shape of ``--policy-pack-config``: by rule id or name a level, or an object with the rule's
    settings and, if need be, ``enforcementLevel``.
    """
    chosen = all_packs() if packs is None else tuple(packs)
    check_names(config, tuple(rule for pack in all_packs() for rule in rules(pack)))
    found: list[Finding] = []
    for pack in chosen:
        found.extend(evaluate_rules(pack, rules(pack), resources, config))
    return found


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
                    current[at] = replace(resource, props={**resource.props, **changes})
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
    )
