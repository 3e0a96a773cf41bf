"""Reports say everything that was found, to people, to programs, and in SARIF as its standard has it."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from policies.framework.exemptions import RULE as EXEMPTIONS
from policies.framework.report import Report, as_json, as_sarif, text
from policies.framework.rule import Level, Severity
from policies.framework.runner import Finding, packs, rules
from policies.framework.table import PAGE, current
from tests.unit.policies.harness import BUCKET, KEY, ROLE_POLICY, urn

REASON = "being split (ml-platform, until 2027-01-15)"


def finding(rule: str = "LP01", at: str = "", **changes: Any) -> Finding:
    (pack, found) = next((pack, each) for pack in packs() for each in rules(pack) if each.id == rule)
    plain = Finding(
        rule=rule,
        pack=pack,
        level=Level.MANDATORY,
        severity=Severity.HIGH,
        urn=at,
        message="'s3:*' covers a write",
        remediation=found.remediation,
    )
    return replace(plain, **changes)


FOUND = [
    finding("CT02", urn(BUCKET, "reports"), level=Level.ADVISORY, severity=Severity.LOW, message="it has no lifecycle"),
    finding("LP01", urn(ROLE_POLICY, "two")),
    finding("LP01", urn(ROLE_POLICY, "one"), message="'iam:*' covers a write"),
    finding("LP01", urn(ROLE_POLICY, "one")),
    finding("LP07", urn(ROLE_POLICY, "one"), message="reads all", exempted_by=REASON),
    finding("DP07", urn(f"a:b:C${KEY}", "key"), level=Level.REMEDIATE, message="Keys rotate: sets enableKeyRotation"),
    finding("DP04", message="the stack has a fault"),
]


def report(*findings: Finding) -> Report:
    return Report(findings=findings, project="mlplatform", stack="test", source="__main__.py", resources=7)


class TestText:
    def test_it_goes_by_level_then_resource_then_rule_and_says_what_to_write_instead(self) -> None:
        lines = text(report(*FOUND)).splitlines()
        heads = [line for line in lines if line and not line.startswith("     ")]
        assert [line.split(":")[0] if not line.startswith("  ") else line.strip() for line in heads] == [
            "Policies for mlplatform/test",
            "MANDATORY",
            "aws:iam/rolePolicy:RolePolicy one",
            "LP01 No wildcard covers actions that change something [high]",
            "aws:iam/rolePolicy:RolePolicy two",
            "LP01 No wildcard covers actions that change something [high]",
            "the stack as a whole",
            "DP04 Database clients must use TLS [high]",
            "ADVISORY",
            "aws:s3/bucket:Bucket reports",
            "CT02 Buckets and image repositories have a lifecycle [low]",
            "REMEDIATED",
            "aws:kms/key:Key key",
            "DP07 Keys rotate [medium]",
            "EXEMPTED",
            "aws:iam/rolePolicy:RolePolicy one",
            "LP07 No unscoped reads of data [high]",
        ]
        at = lines.index("  aws:iam/rolePolicy:RolePolicy one")
        assert lines[at + 2 : at + 4] == ["         - 'iam:*' covers a write", "         - 's3:*' covers a write"]
        assert lines[at + 4].startswith("         instead: ")
        assert any(line.startswith("         see: https://docs.aws.amazon.com/") for line in lines[at + 4 : at + 10])
        assert f"         exempted: {REASON}" in lines

    def test_it_counts_what_is_exempted_apart(self) -> None:
        first = text(report(*FOUND)).splitlines()[0]
        assert "4 mandatory, 1 advisory, 1 remediate, 1 exempted;" in first
        assert "7 resources (__main__.py)" in first

    def test_nothing_found_is_said(self) -> None:
        assert "nothing found" in text(report())

    def test_a_terminal_of_120_columns_shows_it_whole_but_for_addresses(self) -> None:
        lines = text(report(finding(message="word " * 60), *FOUND)).splitlines()
        assert all(len(line) <= 120 for line in lines if "https://" not in line)

    def test_it_has_no_colour(self) -> None:
        assert "\x1b" not in text(report(*FOUND))


@pytest.mark.parametrize(
    ("findings", "passed"),
    [
        ([], True),
        ([finding()], False),
        ([finding(exempted_by=REASON)], True),
        ([finding(level=Level.ADVISORY), finding(level=Level.REMEDIATE)], True),
    ],
    ids=["nothing", "a mandatory one", "an exempted one", "others"],
)
def test_what_passes(findings: list[Finding], passed: bool) -> None:
    assert report(*findings).passed == passed
    assert as_json(report(*findings))["passed"] == passed


def test_the_fields_of_the_json_are_those_that_its_page_lists() -> None:
    whole = as_json(report(*FOUND))
    assert json.loads(json.dumps(whole)) == whole
    (one,) = [each for each in whole["findings"] if each["exemptedBy"]]
    page = PAGE.read_text()
    section = page[page.index("**JSON.**") : page.index("**SARIF")]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall("`(.+?)`", row)}
    assert listed - {"findings[]"} == (set(whole) - {"findings"}) | set(one)
    assert whole["version"] == 1
    assert whole["counts"] == {"mandatory": 4, "advisory": 1, "remediate": 1, "exempted": 1}
    assert {**one, "title": "", "link": "", "remediation": "", "frameworks": []} == {
        "rule": "LP07",
        "title": "",
        "pack": "least_privilege",
        "level": "mandatory",
        "severity": "high",
        "urn": urn(ROLE_POLICY, "one"),
        "type": ROLE_POLICY,
        "name": "one",
        "message": "reads all",
        "remediation": "",
        "link": "",
        "frameworks": [],
        "exemptedBy": REASON,
    }


def test_what_concerns_no_single_resource_has_the_stacks_urn() -> None:
    (one,) = as_json(report(finding("DP04")))["findings"]
    assert (one["urn"], one["type"], one["name"]) == (
        "urn:pulumi:test::mlplatform::pulumi:pulumi:Stack::mlplatform-test",
        "pulumi:pulumi:Stack",
        "mlplatform-test",
    )


class TestSarif:
    """Validated against the parts of the standard (OASIS SARIF 2.1.0) that the reports use."""

    MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
    LEVEL = {"enum": ["none", "note", "warning", "error"]}
    URI = {"type": "string", "pattern": r"^[\w./%:#?=~-]+$"}

    @staticmethod
    def record(required: Mapping[str, Any], **optional: Any) -> dict[str, Any]:
        """An object with these properties and, as in the standard, no others."""
        properties = {**required, **optional, "properties": {"type": "object"}}
        return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}

    def schema(self) -> dict[str, Any]:
        text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
        rule = self.record(
            {"id": text},
            name=text,
            shortDescription=self.MESSAGE,
            fullDescription=self.MESSAGE,
            help=self.MESSAGE,
            helpUri={**self.URI, "pattern": "^https://"},
            defaultConfiguration=self.record({}, level=self.LEVEL),
        )
        logical = self.record({}, name=text, fullyQualifiedName=text, kind=text)
        physical = self.record(
            {"artifactLocation": self.record({}, uri=self.URI)},
            region=self.record({}, startLine={"type": "integer", "minimum": 1}),
        )
        suppression = self.record(
            {"kind": {"enum": ["inSource", "external"]}},
            status={"enum": ["accepted", "underReview", "rejected"]},
            justification=text,
        )
        result = self.record(
            {"message": self.MESSAGE},
            ruleId=text,
            ruleIndex=count,
            level=self.LEVEL,
            locations={
                "type": "array",
                "items": self.record(
                    {}, physicalLocation=physical, logicalLocations={"type": "array", "items": logical}
                ),
            },
            partialFingerprints={"type": "object", "additionalProperties": text},
            suppressions={"type": "array", "items": suppression},
        )
        driver = self.record({"name": text}, version=text, rules={"type": "array", "items": rule, "uniqueItems": True})
        run = self.record(
            {"tool": self.record({"driver": driver})},
            results={"type": "array", "items": result},
            automationDetails=self.record({}, id=text),
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        )
        return self.record(
            {"version": {"const": "2.1.0"}, "runs": {"type": "array", "items": run}},
            **{"$schema": {"type": "string", "format": "uri"}},
        )

    def results(self, *findings: Finding) -> list[dict[str, Any]]:
        return as_sarif(report(*findings))["runs"][0]["results"]

    @pytest.mark.parametrize("findings", [[], FOUND], ids=["nothing found", "all kinds"])
    def test_it_is_valid(self, findings: list[Finding]) -> None:
        whole = as_sarif(report(*findings))
        assert json.loads(json.dumps(whole)) == whole
        jsonschema.Draft7Validator(self.schema()).validate(whole)

    def test_the_file_is_a_valid_address_whatever_its_name(self) -> None:
        whole = as_sarif(replace(report(finding()), source="my state.json"))
        jsonschema.Draft7Validator(self.schema()).validate(whole)

    def test_it_knows_every_rule_and_each_result_points_at_its_own(self) -> None:
        run = as_sarif(report(*FOUND))["runs"][0]
        known = run["tool"]["driver"]["rules"]
        assert {rule["id"] for rule in known} == {r.id for pack in packs() for r in rules(pack)} | {EXEMPTIONS.id}
        assert all(known[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
        assert len(run["results"]) == len(FOUND)

    @pytest.mark.parametrize(
        ("level", "expected"),
        [(Level.MANDATORY, "error"), (Level.ADVISORY, "warning"), (Level.REMEDIATE, "note")],
    )
    def test_levels(self, level: Level, expected: str) -> None:
        (result,) = self.results(finding(level=level))
        assert result["level"] == expected
        rule = next(rule for pack in packs() for rule in rules(pack) if rule.level is level)
        shown = {each["id"]: each for each in as_sarif(report())["runs"][0]["tool"]["driver"]["rules"]}
        assert shown[rule.id]["defaultConfiguration"]["level"] == expected

    def test_a_result_is_at_the_resources_urn(self) -> None:
        (result,) = self.results(finding(at=urn(ROLE_POLICY, "one")))
        (location,) = result["locations"]
        assert location["logicalLocations"] == [
            {"fullyQualifiedName": urn(ROLE_POLICY, "one"), "name": "one", "kind": "resource"}
        ]

    def test_only_what_is_exempted_is_suppressed_with_its_reason(self) -> None:
        accepted, plain = self.results(finding("LP07", exempted_by=REASON), finding("LP01"))[::-1]
        assert "suppressions" not in plain
        assert accepted["suppressions"] == [{"kind": "external", "status": "accepted", "justification": REASON}]

    def test_a_finding_keeps_its_fingerprint_and_shares_it_with_no_other(self) -> None:
        prints = [result["partialFingerprints"]["finding/v1"] for result in self.results(*FOUND)]
        assert prints == [result["partialFingerprints"]["finding/v1"] for result in self.results(*reversed(FOUND))]
        assert len(set(prints)) == len(FOUND)


def test_the_page_about_the_rules_is_current() -> None:
    page = PAGE.read_text()
    assert page == current(page), "run python -m policies.framework.table"


def test_the_page_names_every_rule_and_what_it_is_called_elsewhere() -> None:
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in PAGE.read_text().splitlines()}
    for rule in [rule for pack in packs() for rule in rules(pack)]:
        assert rows[rule.id].endswith(f"| {', '.join(rule.anchors) or 'own'} |")
