"""The engine's requests: read once for all rules, judged as the SDK would have them judged, and told apart by phase."""

import datetime
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, StackValidationPolicy, proxy
from pulumi_policy import policy as sdk

from policies.framework import adapter, wire
from policies.framework.exemptions import VARIABLE
from policies.framework.resource import Graph
from policies.framework.rule import Level, Rule, Settings, Violation
from policies.framework.runner import UNKNOWN, PlannedResource, packs, rules
from tests.unit.policies.harness import BUCKET, KEY, ROLE, ROLE_POLICY, allow, document, planned, urn

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET, TEXT_FILE = "1b47061264138c4ac30d75fd1eb44270", "c44067f5952c0a294b673a41bacd8c17"
HIDDEN = "hunter2-never-shown"
BASE: Any = vars(sdk)["_PolicyAnalyzerServicer"]
SEEN: list[PlannedResource | Graph] = []
"""What the rule `seeing` was shown."""


def secret(value: Any) -> dict[str, Any]:
    return {SIGNATURE: SECRET, "value": value}


def wired(value: Any) -> Any:
    """A value as the engine sends it."""
    if value is UNKNOWN:
        return proxy.UNKNOWN_STRING_VALUE
    if isinstance(value, dict):
        return {key: wired(below) for key, below in value.items()}
    return [wired(below) for below in value] if isinstance(value, list) else value


def request(resource: PlannedResource, kind: Any = analyzer_pb2.AnalyzeRequest) -> Any:
    message = kind(type=resource.type, urn=resource.urn, name=resource.name)
    message.properties.update(wired(dict(resource.props)))
    message.options.protect = resource.protect
    message.options.ignoreChanges.extend(resource.ignore_changes)
    message.options.parent = resource.parent or ""
    if resource.provider:
        message.provider.properties.update(resource.provider)
    return message


def whole(*resources: PlannedResource) -> Any:
    message = analyzer_pb2.AnalyzeStackRequest()
    for resource in resources:
        one = request(resource, analyzer_pb2.AnalyzerResource)
        one.parent = resource.parent or ""
        one.dependencies.extend(resource.dependencies)
        for key, urns in resource.property_dependencies.items():
            one.propertyDependencies[key].urns.extend(urns)
        message.resources.append(one)
    return message


def serving(chosen: Sequence[Rule], *, once: bool = True) -> Any:
    """A servicer for some rules: the adapter's, or the SDK's own."""
    state = vars(adapter)["_Serving"](chosen, vars(adapter)["_Accepted"]())
    kind = adapter.servicer(BASE, state) if once else BASE
    return kind("pack", "0.0.1", adapter.policies(chosen, state), EnforcementLevel.MANDATORY)


def told(response: Any) -> list[tuple[Any, ...]]:
    return [(d.policyName, d.urn, d.message, d.enforcementLevel) for d in response.diagnostics]


def judged(rule: Rule, *resources: PlannedResource) -> list[tuple[Any, ...]]:
    """What one rule says of each resource, then of the stack."""
    one = serving([rule])
    single = [said for resource in resources for said in told(one.Analyze(request(resource), None))]
    return single + told(one.AnalyzeStack(whole(*resources), None))


def made(**changes: Any) -> Rule:
    template = replace(rules("data_protection")[0], id="XX01", types=(KEY,), options=())
    return replace(template, **{"check": None, "check_stack": None, "remediate": None, **changes})


def seeing(*, stack: bool = False) -> Rule:
    def check(subject: Any, _settings: Settings) -> Iterable[Violation]:
        SEEN.append(subject)
        return ()

    return made(check_stack=check) if stack else made(check=check)


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


RESOURCES = [
    planned(ROLE_POLICY, policy=document(allow("s3:*", "*"), allow("iam:PassRole", "*"))),
    planned(ROLE_POLICY, "unknown", policy=UNKNOWN, deps={"policy": [urn(ROLE, "role")]}),
    planned(ROLE, "role", assumeRolePolicy="{", managedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
    planned(BUCKET, "bucket", bucket="reports", tags={"a": "b"}),
    replace(planned(BUCKET, "other", bucket=UNKNOWN), provider={"region": "us-east-1"}, protect=True),
    planned("aws:rds/instance:Instance", "database", engine="postgres", publiclyAccessible=True, allocatedStorage=20),
    planned("aws:secretsmanager/secretVersion:SecretVersion", "version", secretString=secret(HIDDEN)),
    replace(planned(KEY, "key", enableKeyRotation=False), ignore_changes=("tags",), parent=urn(ROLE, "role")),
    planned("aws:ecs/taskDefinition:TaskDefinition", "task", containerDefinitions=UNKNOWN),
]


@pytest.mark.parametrize("pack", packs())
def test_the_verdicts_are_those_that_the_sdk_gets_when_it_reads_each_request_for_each_policy(pack: str) -> None:
    once, each = serving(rules(pack)), serving(rules(pack), once=False)
    for resource in RESOURCES:
        assert told(once.Analyze(request(resource), None)) == told(each.Analyze(request(resource), None))
        assert (
            once.Remediate(request(resource), None).remediations == each.Remediate(request(resource), None).remediations
        )
    message = whole(*RESOURCES)
    assert told(once.AnalyzeStack(message, None)) == told(each.AnalyzeStack(message, None))


def test_the_resources_above_give_both_phases_something_to_say() -> None:
    """Else the comparison would hold for rules that see nothing."""
    found = [said for pack in packs() for rule in rules(pack) for said in judged(rule, *RESOURCES)]
    assert len({name for name, *_ in found}) > 10


@pytest.mark.parametrize("stack", [False, True], ids=["resource", "stack"])
def test_a_request_is_read_once_for_all_rules(stack: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    resource: Any = vars(wire)["_resource"]

    def counted(message: Any, *given: Any, **more: Any) -> PlannedResource:
        read.append(message.urn)
        return resource(message, *given, **more)

    monkeypatch.setattr(wire, "_resource", counted)
    one = serving([seeing(stack=stack)] * 3)
    keys = [planned(KEY, "a"), planned(KEY, "b")]
    if stack:
        one.AnalyzeStack(whole(*keys), None)
    else:
        for key in keys:
            one.Analyze(request(key), None)
    assert (read, len(SEEN)) == ([key.urn for key in keys], 3 if stack else 6)


def test_a_resource_that_no_rule_is_about_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_resource", None)
    assert told(serving([seeing()]).Analyze(request(planned(BUCKET)), None)) == []


def test_a_resource_is_seen_as_the_offline_runner_sees_it() -> None:
    resource = planned(
        KEY,
        number=1,
        half=0.5,
        flag=True,
        nothing=None,
        unknown=UNKNOWN,
        nested=[{"unknown": UNKNOWN, "list": [1, "two"], "__defaults": []}],
        password=secret({"inner": HIDDEN}),
        file={SIGNATURE: TEXT_FILE, "text": "x", "hash": "y"},
        __defaults=[],
    )
    resource = replace(
        resource, provider={"region": "us-east-1"}, protect=True, ignore_changes=("a",), parent=urn(ROLE, "above")
    )
    judged(seeing(), resource)
    (seen,) = SEEN
    given = dict(resource.props)
    given.pop("__defaults")
    given["nested"] = [{"unknown": UNKNOWN, "list": [1, "two"]}]
    given["password"] = {"inner": HIDDEN}
    assert seen == replace(resource, props=given, property_dependencies={}, secret_paths=["password"])
    assert [type(cast("PlannedResource", seen).props[key]) for key in ("number", "half", "flag")] == [int, float, bool]


def test_a_stack_is_seen_with_what_refers_to_what_and_without_what_only_the_provider_computes() -> None:
    source = planned(ROLE, "source")
    resource = planned(KEY, given=UNKNOWN, deps={"given": [source.urn]})
    resource = replace(resource, props={**resource.props, "arn": UNKNOWN}, dependencies=(source.urn,))
    judged(seeing(stack=True), source, resource)
    graph = cast("Graph", SEEN[0])
    (seen,) = graph.by_type[KEY]
    assert dict(seen.props) == {"given": UNKNOWN}
    assert (seen.dependencies, graph.sources(seen, "given")) == ((source.urn,), [graph.by_urn[source.urn]])


def test_a_secret_that_a_rule_quotes_is_struck_out_on_the_engine_too() -> None:
    def check(resource: PlannedResource, _settings: Settings) -> Iterable[Violation]:
        yield Violation(message=f"found {resource.value('password')}")

    ((_, _, message, _),) = judged(made(check=check), planned(KEY, password=secret(HIDDEN)))
    assert "found [secret]" in message
    assert HIDDEN not in message


def test_a_value_of_a_kind_that_nobody_knows_is_a_violation() -> None:
    ((name, _, message, level),) = judged(seeing(), planned(KEY, policy={SIGNATURE: "another"}))[:1]
    assert (name, "ValueError" in message, level) == (adapter.FAIL_CLOSED, True, analyzer_pb2.MANDATORY)


@pytest.mark.parametrize(
    ("phases", "resource", "stack"),
    [
        (("check",), True, False),
        (("check_stack",), False, True),
        (("check", "check_stack"), True, True),
        (("remediate",), True, False),
        (("remediate", "check_stack"), True, True),
    ],
)
def test_a_rule_is_a_policy_of_the_phases_it_has(phases: tuple[str, ...], resource: bool, stack: bool) -> None:
    (policy, *_) = adapter.policies([made(**dict.fromkeys(phases, lambda *_: ()))])
    assert isinstance(policy, ResourceValidationPolicy) == resource
    assert isinstance(policy, StackValidationPolicy) == stack
    assert getattr(policy, "has_remediation", lambda: False)() == ("remediate" in phases)


def test_a_rule_that_breaks_is_reported_once_and_with_the_request_it_broke_in() -> None:
    def check(resource: PlannedResource, _settings: Settings) -> Iterable[Violation]:
        if resource.name == "bad":
            raise RuntimeError(HIDDEN)
        return ()

    one = serving([made(check=check, level=Level.ADVISORY)])
    bad, good = planned(KEY, "bad"), planned(KEY, "good")
    ((name, at, message, level),) = told(one.Analyze(request(bad), None))
    assert (name, at, level, HIDDEN in message) == (adapter.FAIL_CLOSED, bad.urn, analyzer_pb2.MANDATORY, False)
    assert told(one.Analyze(request(good), None)) == []
    assert told(one.AnalyzeStack(whole(bad), None)) == []


def test_a_remedy_changes_what_it_names_and_keeps_secrets_and_unknowns() -> None:
    changes = {"enableKeyRotation": True, "tags": {"Project": "p"}, "nested": {"deep": {"a": 1}}, "hidden": {"b": "c"}}
    rule = made(level=Level.REMEDIATE, remediate=lambda *_: changes)
    key = planned(
        KEY,
        policy=UNKNOWN,
        password=secret(HIDDEN),
        tags={"Owner": secret("o"), "Cost": UNKNOWN},
        nested={"deep": {"a": 0, "z": [secret("s")]}},
        hidden=secret({"a": HIDDEN}),
    )
    (found,) = serving([rule]).Remediate(request(key), None).remediations
    assert json_format.MessageToDict(found.properties) == {
        "enableKeyRotation": True,
        "policy": proxy.UNKNOWN_STRING_VALUE,
        "password": secret(HIDDEN),
        "tags": {"Owner": secret("o"), "Cost": proxy.UNKNOWN_STRING_VALUE, "Project": "p"},
        "nested": {"deep": {"a": 1, "z": [secret("s")]}},
        "hidden": secret({"a": HIDDEN, "b": "c"}),
    }


class TestExemptions:
    """As offline, but each pack is a process and sees only its own rules."""

    @pytest.fixture
    def accept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        def accept(**changes: Any) -> Any:
            record = {
                "rule": "LP01",
                "urn": urn(ROLE_POLICY, "reports"),
                "finding": "'s3:Put*' covers",
                "reason": "being split",
                "owner": "ml-platform",
                "expires": datetime.date.today() + datetime.timedelta(days=30),
            }
            (tmp_path / "exemptions.yaml").write_text(yaml.safe_dump([{**record, **changes}]))
            monkeypatch.setenv(VARIABLE, str(tmp_path / "exemptions.yaml"))
            return serving([rule for rule in rules("least_privilege") if rule.id in ("LP01", "LP03")])

        return accept

    FAULTY = planned(ROLE_POLICY, "reports", policy=document(allow("s3:Put*", "arn:aws:s3:::bucket/*")))

    def test_what_is_accepted_is_told_and_stops_nothing(self, accept: Any) -> None:
        one = accept()
        ((name, at, message, level),) = told(one.Analyze(request(self.FAULTY), None))
        assert (name, at, level) == (adapter.EXEMPTED, self.FAULTY.urn, analyzer_pb2.ADVISORY)
        assert "LP01-" in message
        assert message.splitlines()[-1].startswith("Exempted: being split (ml-platform, until ")
        assert told(one.AnalyzeStack(whole(self.FAULTY), None)) == []

    def test_what_may_not_be_accepted_is_not(self, accept: Any) -> None:
        def check(resource: PlannedResource, _settings: Settings) -> Iterable[Violation]:
            yield Violation(message="nobody can read it", exemptible=False)

        accept(rule="XX01", urn=urn(KEY, "key"), finding="nobody can read")
        ((name, _, _, level),) = told(serving([made(check=check)]).Analyze(request(planned(KEY, "key")), None))
        assert (name, level) == ("XX01-database-encryption", analyzer_pb2.MANDATORY)

    def test_a_record_that_accepts_nothing_stops_the_deployment(self, accept: Any) -> None:
        one = accept(finding="'s3:Delete*' covers")
        ((name, _, _, level),) = told(one.Analyze(request(self.FAULTY), None))
        assert (name.split("-")[0], level) == ("LP01", analyzer_pb2.MANDATORY)
        ((name, _, message, level),) = told(one.AnalyzeStack(whole(self.FAULTY), None))
        assert (name, "exempts nothing" in message, level) == ("EXEMPTIONS-are-in-order", True, analyzer_pb2.MANDATORY)

    def test_a_record_for_another_packs_rule_is_that_packs_affair(self, accept: Any) -> None:
        one = accept(rule="DP01")
        one.Analyze(request(self.FAULTY), None)
        assert told(one.AnalyzeStack(whole(self.FAULTY), None)) == []

    def test_a_file_that_cannot_be_read_stops_the_deployment(self, accept: Any) -> None:
        ((name, _, message, level),) = told(accept(owner=None).AnalyzeStack(whole(self.FAULTY), None))
        assert (name, level) == ("EXEMPTIONS-are-in-order", analyzer_pb2.MANDATORY)
        assert "exemptions.yaml" in message

    def test_what_concerns_the_stack_is_accepted_by_the_stacks_urn(self, accept: Any) -> None:
        def check(_graph: Graph, _settings: Settings) -> Iterable[Violation]:
            yield Violation(message="there is no trail")

        accept(rule="XX01", urn="urn:pulumi:test::mlplatform::pulumi:pulumi:Stack::mlplatform-test", finding="no trail")
        found = told(serving([made(check_stack=check)]).AnalyzeStack(whole(self.FAULTY), None))
        assert adapter.EXEMPTED in [name for name, *_ in found]
        assert "XX01-database-encryption" not in [name for name, *_ in found]


def test_packs_are_served_by_the_adapters_servicer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK keeps its servicer where the adapter looks for it."""
    before = BASE
    used: list[Any] = []
    monkeypatch.setattr(sdk, "_PolicyAnalyzerServicer", before)
    monkeypatch.setattr(adapter, "PolicyPack", lambda **given: used.append(SimpleNamespace(**given)))
    adapter.serve("data_protection", "d")
    assert issubclass(vars(sdk)["_PolicyAnalyzerServicer"], before)
    assert vars(sdk)["_PolicyAnalyzerServicer"] is not before
    assert used[0].name == "data_protection"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"LP99": {}}, "there is no rule LP99"),
        ({"LP11": {}}, "there is no rule LP11; it goes by LP11-trust-is-closed"),
        (
            {"LP11-trust-is-closed": {"trustedAcounts": ["123456789012"]}},
            "LP11-trust-is-closed has no setting trustedAcounts",
        ),
    ],
    ids=["no such rule", "the rule's id alone", "no such setting"],
)
def test_a_configuration_that_configures_nothing_stops_the_engine(given: dict[str, Any], said: str) -> None:
    with pytest.raises(RuntimeError, match=f"^{re.escape(said)}$"):
        configured(rules("data_protection"), given)


def test_a_file_may_configure_the_rules_of_several_packs() -> None:
    one = configured(rules("data_protection"), {"LP11-trust-is-closed": {"trustedAccounts": []}, "DP08-secrets": {}})
    assert told(one.AnalyzeStack(whole(), None)) == []


def configured(chosen: Sequence[Rule], given: dict[str, Any]) -> Any:
    def abort(_code: Any, message: str) -> None:
        raise RuntimeError(message)

    message = analyzer_pb2.ConfigureAnalyzerRequest()
    for name, settings in given.items():
        message.policyConfig[name].properties.update(settings)
    one = serving(chosen)
    one.Configure(message, SimpleNamespace(abort=abort))
    return one
