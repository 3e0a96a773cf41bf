"""The packs' framework: it fails closed, tells no secrets, and gives one verdict offline and on the engine."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulumi_policy import proxy

from policies.framework import adapter
from policies.framework.resource import Graph
from policies.framework.rule import Level, Option, Rule, Settings, Violation
from policies.framework.runner import UNKNOWN, PlannedResource, evaluate, evaluate_rules, packs, rules
from policies.framework.values import UnknownPropertyError
from tests.unit.policies.harness import KEY, ROLE_POLICY, allow, document, planned, urn

HIDDEN = "hunter2-never-shown"
ROOT = Path(__file__).resolve().parents[3]
ALL = [rule for pack in packs() for rule in rules(pack)]


def broken(level: Level = Level.MANDATORY, *, stack: bool = False) -> Rule:
    def check(subject: Any, _settings: Settings) -> Iterable[Violation]:
        raise RuntimeError(f"about {HIDDEN}")

    rule = replace(rules("data_protection")[0], id="XX01", level=level, types=(KEY,), remediate=None)
    return replace(rule, check=None, check_stack=check) if stack else replace(rule, check=check, check_stack=None)


CATALOGUE = {
    "compute": {"CP": 9},
    "data_protection": {"DP": 10},
    "least_privilege": {"LP": 15},
    "network": {"NW": 7},
    "operations": {"CT": 3, "OP": 4, "TG": 2},
    "permissions_boundary": {"PB": 10},
}


def test_every_rule_of_the_catalogue_is_there() -> None:
    assert {pack: [rule.id for rule in rules(pack)] for pack in packs()} == {
        pack: [f"{family}{number:02}" for family, count in families.items() for number in range(1, count + 1)]
        for pack, families in CATALOGUE.items()
    }


@pytest.mark.parametrize("table", [{"*": 7, "local": 1, "lo*": 3}, {"local": 1, "lo*": 3, "*": 7}])
def test_of_a_table_by_stack_the_most_telling_pattern_counts_in_any_order(table: dict[str, int]) -> None:
    settings = Settings(options=[Option(name="days", description="", by_stack={"*": 9})], given={"days": table})
    found = [settings.number("days", stack) for stack in ("local", "lodge", "dev")]
    assert found == [1, 3, 7]


def test_a_table_by_stack_that_does_not_speak_of_a_stack_says_nothing() -> None:
    settings = Settings(options=[Option(name="days", description="", by_stack={"prod*": 9})])
    assert settings.number("days", "dev") is None
    assert settings.number("days", "prod-eu") == 9


@pytest.mark.parametrize("value", ["7", 7.5, True, [7]], ids=str)
def test_a_number_of_another_kind_fails_closed(value: object) -> None:
    settings = Settings(options=[Option(name="days", description="", default=1)], given={"days": value})
    with pytest.raises(TypeError, match="whole number"):
        settings.number("days")


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_a_rules_metadata_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"[A-Z]{2}\d\d", rule.id)
    assert re.fullmatch(r"[a-z0-9-]+", rule.slug)
    for text in (rule.title, rule.description, rule.remediation):
        assert len(text) > 10
    assert not rule.title.endswith(".")
    assert rule.description.endswith(".")
    assert rule.remediation.endswith(".")
    assert rule.link.startswith("https://docs.aws.amazon.com/")
    assert {control.framework for control in rule.frameworks} >= {"NIST 800-53", "AWS Well-Architected"}
    assert rule.types
    assert rule.check or rule.check_stack
    assert (rule.level == Level.REMEDIATE) == (rule.remediate is not None)
    module = next((ROOT / "policies").glob(f"*/rules/{rule.id.lower()}_*.py"))
    assert module.read_text().startswith(f'"""{rule.id}: ')


@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("level", [Level.MANDATORY, Level.ADVISORY])
def test_a_rule_that_breaks_is_a_mandatory_violation(level: Level, stack: bool) -> None:
    (finding,) = evaluate_rules("p", [broken(level, stack=stack)], [planned(KEY)])
    assert finding.level == "mandatory"
    assert finding.rule == "XX01"
    assert "XX01" in finding.message
    assert "RuntimeError" in finding.message
    assert HIDDEN not in finding.message
    assert (urn(KEY) in finding.message) != stack


def test_a_remediation_that_breaks_is_a_mandatory_violation() -> None:
    def remediate(resource: PlannedResource, _settings: Settings) -> None:
        raise RuntimeError(HIDDEN)

    rule = replace(broken(), level=Level.REMEDIATE, check=lambda *_: (), remediate=remediate)
    (finding,) = evaluate_rules("p", [rule], [planned(KEY)])
    assert (finding.level, HIDDEN in finding.message) == ("mandatory", False)


def test_what_a_rule_found_before_it_broke_is_kept() -> None:
    def check(resource: PlannedResource, _settings: Settings) -> Iterable[Violation]:
        yield Violation(message="first")
        resource.value("later")

    findings = list(evaluate_rules("p", [replace(broken(), check=check)], [planned(KEY, later=UNKNOWN)]))
    assert [finding.message.split(",")[0] for finding in findings] == [
        "first",
        "'later' is unknown at preview",
    ]


def test_an_unknown_value_has_no_truth() -> None:
    with pytest.raises(UnknownPropertyError):
        bool(UNKNOWN)


def test_a_secret_that_a_rule_quotes_is_struck_out() -> None:
    def check(resource: PlannedResource, _settings: Settings) -> Iterable[Violation]:
        yield Violation(message=f"found {resource.value('password')}")

    resource = replace(planned(KEY, password=HIDDEN), secret_paths=("password",))
    (finding,) = evaluate_rules("p", [replace(broken(), check=check)], [resource])
    assert finding.message == "found [secret]"


def test_no_rule_ever_quotes_a_value() -> None:
    """Every rule over resources whose every value is a secret, in all the places where rules look."""
    statement = {
        "Effect": "Allow",
        "Action": f"{HIDDEN} x",
        "Resource": f"{HIDDEN} x",
        "Condition": {"StringEquals": {f"{HIDDEN} x": HIDDEN}},
    }
    texts: list[Any] = [
        HIDDEN,
        document(statement),
        json.dumps([{"name": "PASSWORD", "value": HIDDEN}]),
        [HIDDEN],
        {"a": HIDDEN},
    ]
    names = {
        name
        for rule in ALL
        for name in re.findall(
            r'"([a-z]\w+)"', "".join(p.read_text() for p in (ROOT / "policies").glob("*/rules/*.py"))
        )
        if rule
    }
    for text in texts:
        for type_ in {type_ for rule in ALL for type_ in rule.types}:
            findings = evaluate([planned(type_, **dict.fromkeys(names, text))])
            assert HIDDEN not in str([finding.message for finding in findings])


def test_a_configuration_that_does_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="XX99"):
        evaluate([], config={"XX99": {}})
    with pytest.raises(ValueError, match="no policy pack"):
        evaluate([], packs=["absent"])


def test_a_level_can_be_configured() -> None:
    resource = planned(ROLE_POLICY, policy=document(allow("s3:*")))
    assert {f.level for f in evaluate([resource], config={"LP01": "advisory"}) if f.rule == "LP01"} == {"advisory"}
    assert not [f for f in evaluate([resource], config={"LP01": "disabled"}) if f.rule == "LP01"]


def test_a_setting_of_the_wrong_shape_fails_closed() -> None:
    resource = planned(ROLE_POLICY, policy=document(allow("iam:PassRole", "*")))
    findings = evaluate([resource], config={"LP03": {"rolePaths": "/a/"}})
    assert any(f.rule == "LP03" and f.level == "mandatory" and "TypeError" in f.message for f in findings)


def test_the_engines_values_become_plain_data() -> None:
    given = {
        "number": 1.0,
        "half": 0.5,
        "nested": [{"unknown": proxy.UNKNOWN_STRING_VALUE}],
        "flag": True,
        "__defaults": [],
    }
    assert adapter.plain(proxy.unknown_checking_proxy(given)) == {
        "number": 1,
        "half": 0.5,
        "nested": [{"unknown": UNKNOWN}],
        "flag": True,
    }


def validated(rule: Rule, resource: PlannedResource) -> dict[str, list[tuple[str, str | None]]]:
    """What a rule reports through the engine's own classes, by policy."""
    reported: dict[str, list[tuple[str, str | None]]] = {}
    props = {key: proxy.UNKNOWN_STRING_VALUE if value is UNKNOWN else value for key, value in resource.props.items()}
    args = SimpleNamespace(
        urn=resource.urn,
        resource_type=resource.type,
        name=resource.name,
        props=proxy.unknown_checking_proxy(props),
        opts=SimpleNamespace(parent="", protect=False, ignore_changes=[]),
        provider=None,
        get_config=lambda: {},
    )
    for policy in adapter.policies([rule]):
        if not policy.name.endswith("-stack"):
            found = reported.setdefault(policy.name, [])
            cast("Any", policy).validate(args, lambda message, urn=None, found=found: found.append((message, urn)))
    return reported


@pytest.mark.parametrize("policy", [UNKNOWN, document(allow("s3:*")), "{", document(allow("s3:GetObject"))])
def test_the_engine_hears_what_the_runner_says(policy: Any) -> None:
    resource = planned(ROLE_POLICY, policy=policy)
    for rule in rules("least_privilege"):
        offline = [finding.message for finding in evaluate_rules("p", [replace(rule, check_stack=None)], [resource])]
        engine = [message.split("\nFix: ")[0] for message, _ in validated(rule, resource)[rule.name]]
        assert engine == [re.sub(r" \(it comes from .*?\)", "", message) for message in offline]


def test_an_advisory_rule_that_breaks_fails_the_engines_run() -> None:
    reported = validated(broken(Level.ADVISORY), planned(KEY))
    assert reported["XX01-database-encryption"] == []
    ((message, at),) = reported[adapter.FAIL_CLOSED]
    assert ("RuntimeError" in message, HIDDEN in message, at) == (True, False, urn(KEY))


def test_a_setting_that_a_rule_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="LP11 has no setting trustedAccount"):
        evaluate([], config={"LP11": {"trustedAccount": ["1"]}})


def test_a_reference_is_found_by_its_value_among_many() -> None:
    groups = [planned("aws:ec2/securityGroup:SecurityGroup", f"g{at}", id=f"sg-{at}") for at in range(50)]
    rule = planned("aws:ec2/securityGroupRule:SecurityGroupRule", securityGroupId="sg-7")
    graph = Graph.of([*groups, rule])
    found = graph.targets(rule, "securityGroupId", [groups[0].type], ["id", "name"])
    assert [each.name for each in found] == ["g7"]
    assert graph.targets(replace(rule, props={}), "securityGroupId", [groups[0].type], ["id"]) == []
