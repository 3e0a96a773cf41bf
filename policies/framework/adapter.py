"""Runs rules under the Pulumi engine: turns them into CrossGuard policies that fail closed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as PulumiSeverity
from pulumi_policy import proxy as _proxy

from policies.framework.judge import Verdict, failure, judge_resource, judge_stack
from policies.framework.registry import rules
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Rule, Settings
from policies.framework.values import UNKNOWN

FAIL_CLOSED = "fail-closed"

_UNKNOWNS = frozenset(
    value for name, value in vars(_proxy).items() if name.startswith("UNKNOWN_") and isinstance(value, str)
)
_HIDDEN = frozenset({"__defaults", "__meta"})


def plain(value: Any) -> Any:
    """Take a value out of the SDK's proxies, which raise on unknowns (and so become advisory) and cannot be copied."""
    if isinstance(value, str):
        return UNKNOWN if value in _UNKNOWNS else value
    if isinstance(value, float) and value.is_integer():
        return int(value)  # numbers cross the wire as floats
    if isinstance(value, Mapping):
        target = cast("Mapping[str, Any]", _target(cast("object", value)))
        return {key: plain(target[key]) for key in target if key not in _HIDDEN}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(item) for item in cast("Sequence[Any]", _target(cast("object", value)))]
    inner = getattr(value, "value", None)
    if type(value).__name__ == "Secret":
        return plain(inner)
    return value


def _target(value: Any) -> Any:
    """Return what a proxy stands for; the SDK itself reads it this way when it serialises."""
    return value["__target"] if type(value).__module__.startswith("pulumi_policy") else value


def view(args: ResourceValidationArgs) -> PlannedResource:
    """Return the resource under judgement, by its inputs."""
    return PlannedResource(
        urn=args.urn,
        type=args.resource_type,
        name=args.name,
        props=plain(args.props),
        parent=args.opts.parent,
        provider=plain(args.provider.props) if args.provider else {},
        protect=args.opts.protect,
        ignore_changes=tuple(args.opts.ignore_changes),
    )


def graph(resources: Sequence[PolicyResource]) -> Graph:
    """Return the stack, with dependencies as URNs."""
    return Graph.of(
        [
            PlannedResource(
                urn=resource.urn,
                type=resource.resource_type,
                name=resource.name,
                props=_given(resource),
                parent=resource.parent.urn if resource.parent else resource.opts.parent,
                dependencies=tuple(other.urn for other in resource.dependencies),
                property_dependencies={
                    key: tuple(other.urn for other in others) for key, others in resource.property_dependencies.items()
                },
                provider=plain(resource.provider.props) if resource.provider else {},
                protect=resource.opts.protect,
                ignore_changes=tuple(resource.opts.ignore_changes),
            )
            for resource in resources
        ]
    )


def _given(resource: PolicyResource) -> dict[str, Any]:
    """Return a stack resource's properties without those that only the provider computes.

    The stack phase sees outputs. What is unknown there and was no input says nothing about the program, and would make
    the verdict differ from the offline one; the SDK lists every input among the property dependencies.
    """
    props: dict[str, Any] = plain(resource.props)
    return {key: value for key, value in props.items() if value is not UNKNOWN or key in resource.property_dependencies}


class _Failures(threading.local):
    """Rules that broke in the request this thread is serving."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    def report(self, report_violation: ReportViolation) -> None:
        """Hand them over as the fail-closed policy's own."""
        verdicts, self.verdicts = self.verdicts, []
        for verdict in verdicts:
            report_violation(verdict.message, verdict.urn or None)


class _RulePolicy(ResourceValidationPolicy, StackValidationPolicy):
    """One rule as one policy for both phases, so that its name, level and configuration exist once.

    The SDK asks ``isinstance`` for each phase; neither parent's constructor can serve two, hence ``Policy``'s.
    """

    def __init__(self, rule: Rule, failures: _Failures) -> None:
        schema = {option.name: option.schema() for option in rule.options}
        first = rule.frameworks[0]
        Policy.__init__(
            self,
            name=rule.name,
            description=rule.description,
            enforcement_level=EnforcementLevel(rule.level.value),
            config_schema=PolicyConfigSchema(properties=schema) if schema else None,
            display_name=f"{rule.id} {rule.title}",
            severity=PulumiSeverity(rule.severity.value),
            framework=PolicyComplianceFramework(first.framework, first.version, first.reference, ""),
            tags=[str(control) for control in rule.frameworks],
            remediation_steps=rule.remediation,
            url=rule.link,
        )
        self._rule = rule
        self._failures = failures

    def validate(self, args: ResourceValidationArgs | StackValidationArgs, report_violation: ReportViolation) -> None:
        rule, urn = self._rule, getattr(args, "urn", "")
        try:
            settings = Settings(options=rule.options, given=plain(args.get_config()))
            if isinstance(args, StackValidationArgs):
                verdicts = list(judge_stack(rule, graph(args.resources), settings)) if rule.check_stack else []
            elif rule.check is None or (rule.types and args.resource_type not in rule.types):
                verdicts = []
            else:
                verdicts = list(judge_resource(rule, view(args), settings))
        except Exception as error:
            verdicts = [failure(rule, urn, error)]
        for verdict in verdicts:
            if verdict.failed:
                # The rule may be advisory; that it broke is mandatory, so another policy reports it.
                self._failures.verdicts.append(verdict)
            else:
                report_violation(f"{verdict.message}\nFix: {rule.remediation}", verdict.urn or None)

    def has_validation(self) -> bool:
        return True

    def has_remediation(self) -> bool:
        return self._rule.remediate is not None

    def remediate(self, args: ResourceValidationArgs) -> Any:
        rule = self._rule
        if rule.remediate is None or (rule.types and args.resource_type not in rule.types):
            return None
        try:
            changes = rule.remediate(view(args), Settings(options=rule.options, given=plain(args.get_config())))
        except Exception:
            return None  # nothing is changed; validation meets the same resource next and reports
        # The raw target goes back, so that secrets and unknowns survive.
        return {**_target(args.props), **changes} if changes else None


def policies(chosen: Sequence[Rule]) -> list[Policy]:
    """Return the policies for some rules, last the one that reports rules that broke."""
    failures = _Failures()
    made: list[Policy] = [_RulePolicy(rule, failures) for rule in chosen]
    made.append(
        ResourceValidationPolicy(
            name=FAIL_CLOSED,
            description="A rule that breaks is a violation.",
            enforcement_level=EnforcementLevel.MANDATORY,
            validate=lambda _, report_violation: failures.report(report_violation),
        )
    )
    made.append(
        StackValidationPolicy(
            name=f"{FAIL_CLOSED}-stack",
            description="A rule that breaks is a violation.",
            enforcement_level=EnforcementLevel.MANDATORY,
            validate=lambda _, report_violation: failures.report(report_violation),
        )
    )
    return made


def serve(pack: str, description: str) -> None:
    """Serve a pack to the engine; does not return."""
    PolicyPack(
        name=pack,
        description=description,
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=policies(rules(pack)),
    )
