"""Runs one rule so that it fails closed; the engine's adapter and the offline runner both go through here."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Rule, Settings, Violation
from policies.framework.values import UNKNOWN, UnknownPropertyError, lookup, strings

REDACTED = "[secret]"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One thing to report.

    ``failed`` says that the rule itself broke, which is mandatory whatever its level and cannot be exempted.
    """

    rule: Rule
    urn: str
    message: str
    failed: bool = False
    exemptible: bool = True


def judge_resource(rule: Rule, resource: PlannedResource, settings: Settings) -> Iterator[Verdict]:
    """Judge one resource by its inputs."""
    check = rule.check
    if check is None or (rule.types and resource.type not in rule.types):
        return
    graph = Graph.of([resource])
    yield from _run(rule, lambda: check(resource, settings), graph, resource.urn)


def judge_stack(rule: Rule, graph: Graph, settings: Settings) -> Iterator[Verdict]:
    """Judge what needs the whole stack."""
    check = rule.check_stack
    if check is None:
        return
    yield from _run(rule, lambda: check(graph, settings), graph, "")


def failure(rule: Rule, urn: str, error: BaseException) -> Verdict:
    """Turn an exception into a verdict that names its kind and place; its text may hold a value and is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    message = f"{rule.name} could not judge {urn or 'the stack'}: {type(error).__name__}{place}; taken as a violation"
    return Verdict(rule=rule, urn=urn, message=message, failed=True, exemptible=False)


def unknown(resource: PlannedResource, path: str) -> Violation:
    """Report a property that a rule needs and that is unknown."""
    return Violation(message=unknown_message(resource, path), urn=resource.urn)


def unknown_message(resource: PlannedResource, path: str) -> str:
    """Say which property is unknown and, where it can be told, what it comes from."""
    sources = resource.property_dependencies.get(path.split(".", 1)[0].split("[", 1)[0], ())
    origin = f" (it comes from {', '.join(sorted(sources))})" if sources else ""
    return (
        f"'{path}' is unknown at preview{origin}, so the rule cannot judge it; "
        "build the value from names that are known at preview"
    )


def _run(rule: Rule, check: Callable[[], Iterable[Violation]], graph: Graph, urn: str) -> Iterator[Verdict]:
    try:
        for violation in check():
            at = violation.urn or urn
            message = redact(violation.message, graph.by_urn.get(at))
            yield Verdict(rule=rule, urn=at, message=message, exemptible=violation.exemptible)
    except UnknownPropertyError as error:
        at = error.urn or urn
        resource = graph.by_urn.get(at) or PlannedResource(urn=at, type="", name="")
        yield Verdict(rule=rule, urn=at, message=unknown_message(resource, error.path))
    except Exception as error:  # anything else is the rule's own fault and must not let the resource through
        yield failure(rule, urn, error)


def redact(message: str, resource: PlannedResource | None) -> str:
    """Strike out whatever is known to be secret; rules must not quote values, this is the second line."""
    if resource is None or not resource.secret_paths:
        return message
    hidden: set[str] = set()
    for path in resource.secret_paths:
        value: Any = lookup(resource.props, path)
        for text in strings(None if value is UNKNOWN else value):
            hidden.add(text)
            hidden.update(_inside(text))
    for text in sorted((text for text in hidden if len(text) > 3), key=len, reverse=True):
        message = message.replace(text, REDACTED)
    return message


def _inside(text: str) -> Iterator[str]:
    """Strings of a secret that is itself a JSON document."""
    if text[:1] in "{[" and text:
        try:
            yield from strings(json.loads(text))
        except ValueError:
            return
