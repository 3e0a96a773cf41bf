"""An exemption accepts one finding on named resources until a date, and is a finding itself when it does not."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.framework.exemptions import MOST_RESOURCES, Exemption, ExemptionError, Exemptions, load, stack_urn
from policies.framework.runner import UNKNOWN, Finding, PlannedResource, evaluate
from tests.unit.policies.harness import ROLE_POLICY, allow, document, planned, urn

TODAY = datetime.date(2027, 1, 15)


def record(**changes: Any) -> Exemption:
    given = {
        "rule": "LP01",
        "urn": urn(ROLE_POLICY, "it"),
        "finding": "'s3:Put*' covers",
        "reason": "being split",
        "owner": "ml-platform",
        "expires": TODAY,
    }
    return Exemption.model_validate({**given, **changes})


def judged(*records: Exemption, resources: list[PlannedResource] | None = None) -> list[Finding]:
    exemptions = Exemptions(records, today=TODAY)
    found = evaluate(resources or [named()], packs=["least_privilege"], exemptions=exemptions)
    return [finding for finding in found if finding.rule in ("LP01", "LP15", "EXEMPTIONS")]


def named(name: str = "policy-it") -> PlannedResource:
    return planned(ROLE_POLICY, name, policy=document(allow("s3:Put*", "arn:aws:s3:::bucket/*")))


GOOD = {"urn": urn(ROLE_POLICY, "policy-it")}


def test_an_exempted_finding_stays_in_the_report_and_stops_nothing() -> None:
    (finding,) = judged(record(**GOOD))
    assert not finding.stops
    assert finding.exempted_by == "being split (ml-platform, until 2027-01-15)"


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": "LP02"},
        {"urn": urn(ROLE_POLICY, "policy-other")},
        {"urn": urn(ROLE_POLICY, "policy-it").replace("::mlplatform::", "::other::")},
        {"finding": "'s3:Delete*' covers"},
        {"expires": TODAY - datetime.timedelta(days=1)},
        {"expires": TODAY + datetime.timedelta(days=400)},
    ],
    ids=["another rule", "another name", "another project", "another finding", "yesterday", "in years"],
)
def test_what_a_record_does_not_mean_is_still_found_and_the_record_with_it(changes: dict[str, Any]) -> None:
    found = judged(record(**{**GOOD, **changes}))
    assert [(f.rule, f.stops) for f in found] == [("LP01", True), ("EXEMPTIONS", True)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"urn": "*"}, "the URN must be"),
        ({"urn": "urn:pulumi:test::mlplatform::*::policy-it"}, "type must be spelled out"),
        ({"urn": urn(ROLE_POLICY, "*")}, "which name is meant"),
        ({"urn": urn(ROLE_POLICY, "p*")}, "which name is meant"),
        ({"finding": " ' "}, "quote a part of the message"),
    ],
    ids=["all", "any type", "any name", "nearly any name", "any finding"],
)
def test_what_is_too_broad_exempts_nothing_and_is_named(changes: dict[str, Any], said: str) -> None:
    first, second = judged(record(**{**GOOD, **changes}))
    assert first.stops
    assert said in second.message


def test_one_record_covers_a_few_resources_and_not_many() -> None:
    few = [named(f"policy-{at}") for at in range(MOST_RESOURCES)]
    assert not any(f.stops for f in judged(record(urn=urn(ROLE_POLICY, "policy-*")), resources=few))
    many = [*few, named("policy-more")]
    assert (
        "too broad: it covers 6 resources"
        in judged(record(urn=urn(ROLE_POLICY, "policy-*")), resources=many)[-1].message
    )


def test_a_record_of_another_stack_is_neither_used_nor_missed() -> None:
    elsewhere = record(urn=GOOD["urn"].replace("urn:pulumi:test::", "urn:pulumi:prod::"))
    assert [f.rule for f in judged(elsewhere)] == ["LP01"]


def test_a_rule_that_does_not_exist_is_named_whatever_the_stack() -> None:
    elsewhere = record(rule="LP99", urn=GOOD["urn"].replace("urn:pulumi:test::", "urn:pulumi:prod::"))
    assert "there is no such rule" in judged(elsewhere)[-1].message


def test_an_unused_record_of_a_pack_that_did_not_run_is_left_alone() -> None:
    assert [f.rule for f in judged(record(**GOOD), record(rule="DP01"))] == ["LP01"]


@pytest.mark.parametrize("policy", [UNKNOWN, "{", '{"Version": "2012-10-17"}'], ids=["unknown", "cut", "no statement"])
def test_a_document_that_nobody_can_read_cannot_be_exempted(policy: Any) -> None:
    found = judged(
        *(record(rule="LP15", urn=GOOD["urn"], finding=text) for text in ("policy", "unknown at preview")),
        resources=[planned(ROLE_POLICY, "policy-it", policy=policy)],
    )
    assert [f.stops for f in found if f.rule == "LP15"] == [True]


def test_a_rule_that_breaks_cannot_be_exempted() -> None:
    broken = {"LP11-trust-is-closed": {"trustedAccounts": 7}}
    role = planned(
        "aws:iam/role:Role",
        "role-it",
        assumeRolePolicy=document(allow("sts:AssumeRole", Principal={"AWS": "1" * 12}) | {"Resource": "*"}),
    )
    exemptions = Exemptions([record(rule="LP11", urn=role.urn, finding="could not judge")], today=TODAY)
    found = evaluate([role], packs=["least_privilege"], config=broken, exemptions=exemptions)
    assert [f.stops for f in found if f.rule == "LP11"] == [True]


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)


@given(NAMES, NAMES)
def test_only_the_wildcards_mean_more_than_they_say(name: str, other: str) -> None:
    exemptions = Exemptions([record(urn=urn(ROLE_POLICY, f"abc{name}"))], today=TODAY)
    hit = exemptions.of("LP01", urn(ROLE_POLICY, f"abc{other}"), "'s3:Put*' covers") is not None
    if not set(name) & set("*?:"):
        assert hit == (name == other)


def _file(folder: Path, text: str) -> Path:
    path = folder / "exemptions.yaml"
    path.write_text(text)
    return path


WHOLE = """
- rule: LP07
  urn: urn:pulumi:dev::mlplatform::aws:iam/rolePolicy:RolePolicy::reader
  finding: s3:GetObject on
  reason: public data
  owner: data team
  expires: 2027-03-31
"""


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (one,) = load(_file(tmp_path, WHOLE)).records
    assert (one.rule, one.expires) == ("LP07", datetime.date(2027, 3, 31))


def test_no_file_is_no_exemption_but_a_named_one_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.framework.exemptions.ROOT", tmp_path)
    assert load().records == ()
    monkeypatch.setenv("POLICY_EXEMPTIONS", str(tmp_path / "gone.yaml"))
    with pytest.raises(ExemptionError, match=r"gone\.yaml"):
        load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (": [", "is not YAML at line"),
        ("rule: LP07", "list"),
        (WHOLE.replace("  owner: data team\n", ""), "owner"),
        (WHOLE.replace("data team", "''"), "owner"),
        (WHOLE + "  note: x\n", "note"),
        (WHOLE.replace("2027-03-31", "soon"), "expires"),
    ],
    ids=["not YAML", "not a list", "no owner", "empty owner", "a field more", "no date"],
)
def test_a_malformed_file_names_the_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ExemptionError, match=said):
        load(_file(tmp_path, text))


def test_the_stack_has_a_urn_of_its_own() -> None:
    assert stack_urn("dev", "ml") == "urn:pulumi:dev::ml::pulumi:pulumi:Stack::ml-dev"


def test_a_record_of_a_rule_that_is_off_is_left_alone() -> None:
    exemptions = Exemptions([record(**GOOD)], today=TODAY)
    found = evaluate([named()], packs=["least_privilege"], config={"LP01": "disabled"}, exemptions=exemptions)
    assert [f.rule for f in found] == []
