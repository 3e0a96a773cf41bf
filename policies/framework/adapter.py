"""Runs rules under the Pulumi engine: turns them into CrossGuard policies that fail closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import grpc
from pulumi.runtime.proto import analyzer_pb2
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
    Secret,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as PulumiSeverity
from pulumi_policy import policy as sdk

from policies.framework.config import unknown_settings
from policies.framework.exemptions import RULE as EXEMPTIONS
from policies.framework.exemptions import Exemption, ExemptionError, Exemptions, load, stack_urn
from policies.framework.judge import Verdict, failure, judge_resource, judge_stack
from policies.framework.registry import packs, rules
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Rule, Settings
from policies.framework.values import UNKNOWN
from policies.framework.wire import INTERNAL, UNKNOWNS, Request, without_computed

FAIL_CLOSED = "fail-closed"
EXEMPTED = "exempted"
FIX, EXEMPTED_BY = "Fix: ", "Exempted: "
"""What a message's last line starts with."""

_Found = Callable[[ResourceValidationArgs | StackValidationArgs], Sequence[tuple[str, str]]]


def plain(value: Any) -> Any:
    """Take a value out of the SDK's proxies, which raise on unknowns (and so become advisory) and cannot be copied."""
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWNS else value
    if isinstance(value, float) and value.is_integer():
        return int(value)  # numbers cross the wire as floats
    if isinstance(value, Mapping):
        target = cast("Mapping[str, Any]", _target(cast("object", value)))
        return {key: plain(target[key]) for key in target if key not in INTERNAL}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [plain(item) for item in cast("Sequence[Any]", _target(cast("object", value)))]
    return plain(value.value) if isinstance(value, Secret) else value


def _target(value: Any) -> Any:
    """Return what a proxy stands for; the SDK itself reads it this way when it serialises."""
    return value["__target"] if type(value).__module__.startswith("pulumi_policy") else value


def changed(given: Any, changes: Any) -> Any:
    """Return what the engine gave with changes to it; what they leave out of an object stays.

    It goes back as it came, so that secrets remain secret and unknowns unknown.
    """
    if isinstance(given, Secret):
        return Secret(changed(given.value, changes))
    if not isinstance(given, Mapping) or not isinstance(changes, Mapping):
        return changes
    raw = cast("Mapping[str, Any]", _target(cast("object", given)))
    new = cast("Mapping[str, Any]", changes)
    return {**raw, **{key: changed(raw.get(key), value) for key, value in new.items()}}


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
                props=without_computed(plain(resource.props), resource.property_dependencies),
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


class _Accepted:
    """The exemptions in force, and the rules that asked for one; shared by all threads."""

    def __init__(self) -> None:
        self._ran: set[str] = set()
        self._unreadable: list[str] = []
        try:
            self._exemptions = load()
        except ExemptionError as error:
            self._exemptions, self._unreadable = Exemptions(), [str(error)]

    def ran(self, rule: Rule) -> None:
        """Note that a rule is on; of others' records nothing can be said."""
        self._ran.add(rule.id)

    def of(self, verdict: Verdict, urn: str) -> Exemption | None:
        """Return the record that exempts a verdict."""
        return self._exemptions.of(verdict.rule.id, urn, verdict.message) if verdict.exemptible else None

    def problems(self, stack: str) -> list[str]:
        """Say what is wrong with the exemptions, once all rules have judged."""
        return self._unreadable + self._exemptions.problems(stack, sorted(self._ran))


class _Serving(threading.local):
    """What this thread is serving: the request, where `servicer` keeps it, and what other policies are to report."""

    def __init__(self, chosen: Sequence[Rule], accepted: _Accepted) -> None:
        self._remedies = [rule for rule in chosen if rule.remediate]
        self.accepted = accepted
        self.request: Request | None = None
        self.broken: list[tuple[str, str]] = []
        self.exempted: list[tuple[str, str]] = []

    def remedies(self, type_: str) -> bool:
        """Whether a rule may change resources of a type."""
        return any(not rule.types or type_ in rule.types for rule in self._remedies)

    def resource(self, args: ResourceValidationArgs) -> PlannedResource:
        """Return the resource under judgement."""
        return self.request.resource if self.request else view(args)

    def graph(self, args: StackValidationArgs) -> Graph:
        """Return the stack under judgement."""
        return self.request.graph if self.request else graph(args.resources)

    def whole(self, args: ResourceValidationArgs | StackValidationArgs) -> str:
        """Return the URN of the stack under judgement, for what concerns no single resource."""
        resources = self.graph(args).resources if isinstance(args, StackValidationArgs) else ()
        return stack_urn(resources[0].stack, resources[0].project) if resources else ""


def misconfigured(given: Mapping[str, Sequence[str]]) -> str:
    """Say which rules and settings of a configuration there are not; empty when all is well.

    Several packs may share a file, so rules of other packs are known here too.
    """
    if not given:
        return ""
    known = {rule.name: rule for pack in packs() for rule in rules(pack)}
    names = {rule.id: name for name, rule in known.items()}
    strange: list[str] = []
    for name, settings in given.items():
        if name in known:
            missing = unknown_settings(known[name], settings)
        elif name in ("all", FAIL_CLOSED, EXEMPTED, EXEMPTIONS.name):
            missing = list(settings)
        else:
            missing = []
            strange.append(f"there is no rule {name}" + (f"; it goes by {names[name]}" if name in names else ""))
        strange += [f"{name} has no setting {setting}" for setting in missing]
    return "; ".join(strange)


def servicer(base: Any, serving: _Serving) -> Any:
    """Return the SDK's servicer, but such that a request is read once, not once for every policy.

    The SDK reads all properties anew for each policy. Here it gets the request without them, and the policies take
    them from ``serving``; names, levels, configuration and answers remain the SDK's.
    """

    class Once(base):
        def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802
            bare = analyzer_pb2.AnalyzeRequest(type=request.type, urn=request.urn, name=request.name)
            return self._once(base.Analyze, request, bare, context)

        def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802
            return self._once(base.AnalyzeStack, request, analyzer_pb2.AnalyzeStackRequest(), context)

        def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
            given = {name: list(entry.properties) for name, entry in request.policyConfig.items()}
            if strange := misconfigured(given):
                # The engine stops here; what configures nothing would otherwise be taken for a setting in force.
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, strange)
            return base.Configure(self, request, context)

        def Remediate(self, request: Any, context: Any) -> Any:  # noqa: N802
            if serving.remedies(request.type):
                return base.Remediate(self, request, context)
            return analyzer_pb2.RemediateResponse()

        def _configure_runtime_settings(self) -> None:
            """Leave out what the SDK does for every request: no rule asks for the program's settings."""

        def _once(self, analyze: Callable[..., Any], request: Any, bare: Any, context: Any) -> Any:
            serving.request = Request(request)
            return analyze(self, bare, context)

    return Once


class _RulePolicy(Policy):
    """One rule as one policy; below, one class for each set of phases, as the SDK goes by class.

    A rule with both phases is one policy, so that its name, level and configuration exist once. Neither parent's
    constructor can serve two, hence ``Policy``'s.
    """

    def __init__(self, rule: Rule, serving: _Serving) -> None:
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
        self._serving = serving

    def validate(self, args: ResourceValidationArgs | StackValidationArgs, report_violation: ReportViolation) -> None:
        rule, serving = self._rule, self._serving
        serving.accepted.ran(rule)
        try:
            verdicts = self._judged(args)
        except Exception as error:
            verdicts = [failure(rule, getattr(args, "urn", ""), error)]
        for verdict in verdicts:
            # That a rule broke is mandatory and that one is exempted is not, whatever the rule's level: other
            # policies, which come last, report it.
            if verdict.failed:
                serving.broken.append((verdict.message, verdict.urn))
            elif record := serving.accepted.of(verdict, verdict.urn or serving.whole(args)):
                serving.exempted.append((f"{rule.name}: {verdict.message}\n{EXEMPTED_BY}{record}", verdict.urn))
            else:
                report_violation(f"{verdict.message}\n{FIX}{rule.remediation}", verdict.urn or None)

    def _judged(self, args: ResourceValidationArgs | StackValidationArgs) -> list[Verdict]:
        rule = self._rule
        if isinstance(args, StackValidationArgs):
            return list(judge_stack(rule, self._serving.graph(args), self._settings(args)))
        if rule.types and args.resource_type not in rule.types:
            return []
        return list(judge_resource(rule, self._serving.resource(args), self._settings(args)))

    def _settings(self, args: ResourceValidationArgs | StackValidationArgs) -> Settings:
        return Settings(options=self._rule.options, given=plain(args.get_config()))

    def has_validation(self) -> bool:
        return True

    def has_remediation(self) -> bool:
        return self._rule.remediate is not None

    def remediate(self, args: ResourceValidationArgs) -> Any:
        rule = self._rule
        if rule.remediate is None or (rule.types and args.resource_type not in rule.types):
            return None
        try:
            changes = rule.remediate(view(args), self._settings(args))
        except Exception:
            return None  # nothing is changed; validation meets the same resource next and reports
        return changed(args.props, changes) if changes else None


class _OfResources(_RulePolicy, ResourceValidationPolicy):
    pass


class _OfStacks(_RulePolicy, StackValidationPolicy):
    pass


class _OfBoth(_RulePolicy, ResourceValidationPolicy, StackValidationPolicy):
    pass


def _policy(rule: Rule, serving: _Serving) -> Policy:
    of_resources = rule.check is not None or rule.remediate is not None
    if rule.check_stack is None:
        return _OfResources(rule, serving)
    return _OfBoth(rule, serving) if of_resources else _OfStacks(rule, serving)


class _Besides(ResourceValidationPolicy, StackValidationPolicy):
    """What rules found and their own policies may not report, as it has another level."""

    def __init__(self, name: str, level: EnforcementLevel, description: str, found: _Found) -> None:
        Policy.__init__(self, name=name, enforcement_level=level, description=description)
        self._found = found

    def validate(self, args: ResourceValidationArgs | StackValidationArgs, report_violation: ReportViolation) -> None:
        for message, urn in self._found(args):
            report_violation(message, urn or None)

    def has_validation(self) -> bool:
        return True

    def has_remediation(self) -> bool:
        return False


def policies(chosen: Sequence[Rule], serving: _Serving | None = None) -> list[Policy]:
    """Return the policies for some rules, last the ones that report what those must not."""
    at = serving or _Serving(chosen, _Accepted())

    def broken(_: object) -> list[tuple[str, str]]:
        found, at.broken = at.broken, []
        return found

    def exempted(_: object) -> list[tuple[str, str]]:
        found, at.exempted = at.exempted, []
        return found

    def problems(args: ResourceValidationArgs | StackValidationArgs) -> list[tuple[str, str]]:
        if not isinstance(args, StackValidationArgs):
            return []
        try:
            found = at.accepted.problems(at.graph(args).stack)
        except Exception as error:
            found = [failure(EXEMPTIONS, "", error).message]
        return [(f"{problem}\n{FIX}{EXEMPTIONS.remediation}", "") for problem in found]

    return [
        *(_policy(rule, at) for rule in chosen),
        _Besides(FAIL_CLOSED, EnforcementLevel.MANDATORY, "A rule that breaks is a violation.", broken),
        _Besides(EXEMPTED, EnforcementLevel.ADVISORY, "A violation that somebody has accepted.", exempted),
        _Besides(EXEMPTIONS.name, EnforcementLevel.MANDATORY, EXEMPTIONS.description, problems),
    ]


def serve(name: str, description: str, several: Sequence[str] = ()) -> None:
    """Serve a pack, or several as one, to the engine; does not return."""
    chosen = [rule for pack in several or (name,) for rule in rules(pack)]
    serving = _Serving(chosen, _Accepted())
    # The SDK offers no other place for a servicer. Should it have moved, its own serves the pack: slower, alike.
    place = "_PolicyAnalyzerServicer"
    if hasattr(sdk, place):
        setattr(sdk, place, servicer(getattr(sdk, place), serving))
    PolicyPack(
        name=name,
        description=description,
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=policies(chosen, serving),
    )
