"""`make policy` and `make policy-state`: what they print and write, and when they fail."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import policy as command
from cli.engine import NoEngineError
from cli.policy_packs import policy_pack_options
from policies.framework.registry import packs, rules
from policies.framework.rule import Rule
from tests.program.conftest import ROOT

FAULT = """
import json
import pulumi_aws as aws

statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
aws.iam.RolePolicy("p", role="r", policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
"""
URN = "urn:pulumi:local::mlplatform::"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


def program(folder: Path, body: str | None = None) -> Path:
    """The program of this repository, or another in its place, with its packs and stacks."""
    for name in ("Pulumi.yaml", "Pulumi.local.yaml", "services", "policies"):
        (folder / name).symlink_to(ROOT / name)
    if body is None:
        (folder / "__main__.py").symlink_to(ROOT / "__main__.py")
    else:
        (folder / "__main__.py").write_text(body)
    return folder


def test_a_program_without_fault_passes_and_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.policy(program(tmp_path), "local") == 0
    said = capsys.readouterr()
    assert said.out.startswith("Policies for mlplatform/local: ")
    assert "MANDATORY" not in said.out
    assert said.out.endswith("Written: build/policy/local.json, build/policy/local.sarif\n")
    assert said.err.splitlines()[0] == "recording the program for local"
    written = json.loads((tmp_path / "build/policy/local.json").read_text())
    assert (written["passed"], written["stack"], written["source"]) == (True, "local", "__main__.py")
    assert json.loads((tmp_path / "build/policy/local.sarif").read_text())["version"] == "2.1.0"


def test_a_fault_fails_and_says_what_to_write_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.policy(program(tmp_path, FAULT), "local") == 1
    said = capsys.readouterr().out
    lp01 = named("LP01")[1]
    assert f"{lp01.id} {lp01.title}" in said
    assert lp01.remediation.split(maxsplit=1)[0] in said
    assert lp01.link in said
    assert not json.loads((tmp_path / "build/policy/local.json").read_text())["passed"]


def named(rule: str) -> tuple[str, Rule]:
    return next((pack, each) for pack in packs() for each in rules(pack) if each.id == rule)


def violation(policy: str, message: str, *, at: str = f"{ROLE_POLICY}::p", level: str = "mandatory") -> dict[str, Any]:
    """An event as the engine prints it."""
    described = f"What the policy is about.\n{message}"
    return {
        "policyEvent": {
            "resourceUrn": URN + at,
            "message": described,
            "policyName": policy,
            "enforcementLevel": level,
        }
    }


def remedy(policy: str, at: str, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    event = {"resourceUrn": URN + at, "policyName": policy, "before": before, "after": after}
    return {"policyRemediationEvent": event}


class TestEvents:
    def test_a_violation(self) -> None:
        pack, rule = named("LP01")
        (found,) = command.findings_of([violation(rule.name, f"covers a write\nFix: {rule.remediation}")])
        assert (found.rule, found.pack, found.level, found.severity) == ("LP01", pack, "mandatory", rule.severity)
        assert (found.urn, found.message) == (f"{URN}{ROLE_POLICY}::p", "covers a write")
        assert (found.remediation, found.exempted_by) == (rule.remediation, None)

    def test_a_configured_level_is_the_engines(self) -> None:
        (found,) = command.findings_of([violation(named("LP01")[1].name, "x", level="advisory")])
        assert not found.stops

    def test_a_rule_that_broke_is_named(self) -> None:
        message = f"{named('DP08')[1].name} could not judge it: KeyError at a.py:1; taken as a violation"
        (found,) = command.findings_of([violation("fail-closed", message)])
        assert (found.rule, found.level, found.message) == ("DP08", "mandatory", message)

    @pytest.mark.parametrize(("rule", "level"), [("LP01", "mandatory"), ("CP07", "advisory"), ("DP07", "mandatory")])
    def test_what_is_exempted_has_its_reason_and_stops_nothing(self, rule: str, level: str) -> None:
        message = f"{named(rule)[1].name}: first: second\nExempted: being split (team, until 2027-01-15)"
        (found,) = command.findings_of([violation("exempted", message, level="advisory")])
        assert (found.rule, found.level, found.message) == (rule, level, "first: second")
        assert (found.exempted_by, found.stops) == ("being split (team, until 2027-01-15)", False)

    def test_an_exemption_that_is_not_in_order(self) -> None:
        (found,) = command.findings_of([violation("EXEMPTIONS-are-in-order", "record 1: expired on 2026-01-01")])
        assert (found.rule, found.stops) == ("EXEMPTIONS", True)

    def test_a_remedy_names_what_it_sets_and_no_value(self) -> None:
        before, after = {"a": 1, "secret": "hunter2"}, {"a": 1, "secret": "hunter3", "new": True}
        (found,) = command.findings_of([remedy(named("DP07")[1].name, "aws:kms/key:Key::k", before, after)])
        assert (found.rule, found.level) == ("DP07", "remediate")
        assert found.message == "Keys rotate: sets new, secret"

    def test_a_remedy_of_what_is_a_violation_too_is_told_once(self) -> None:
        name, at = named("DP07")[1].name, "aws:kms/key:Key::k"
        events = [remedy(name, at, {}, {"a": 1}), remedy(name, "aws:kms/key:Key::l", {}, {"a": 1})]
        found = command.findings_of([*events, violation(name, "is not on", at=at)])
        assert [(each.level, each.urn) for each in found] == [
            ("mandatory", URN + at),
            ("remediate", f"{URN}aws:kms/key:Key::l"),
        ]


class TestState:
    STACK = {"urn": f"{URN}pulumi:pulumi:Stack::mlplatform-local", "type": "pulumi:pulumi:Stack", "custom": False}
    ROLE = {"urn": f"{URN}{ROLE_POLICY}::p", "type": ROLE_POLICY, "custom": True}
    PROVIDER = {"urn": f"{URN}pulumi:providers:aws::default", "type": "pulumi:providers:aws", "custom": True}

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
        """What the engine was asked."""
        return []

    @pytest.fixture
    def engine(self, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> Any:
        """Makes the engine print these events, after what it always says of secrets."""

        def made(*events: dict[str, Any] | str, code: int = 1) -> None:
            lines = [event if isinstance(event, str) else json.dumps({"sequence": 0, **event}) for event in events]

            def capture(*arguments: str) -> tuple[int, str]:
                asked.append(arguments)
                return code, "\n".join(["warning: could not decrypt secrets in x; values redacted", *lines])

            monkeypatch.setattr(command, "find_engine", lambda *_: SimpleNamespace(capture=capture))

        return made

    def state(self, folder: Path, *resources: Any) -> Path:
        file = folder / "state.json"
        file.write_text(json.dumps({"version": 3, "deployment": {"resources": list(resources)}}))
        return file

    def test_it_is_judged_by_the_engine_and_reported(
        self, tmp_path: Path, engine: Any, asked: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        engine(violation(named("LP01")[1].name, "covers a write"), {"summaryEvent": {}})
        file = self.state(tmp_path, self.STACK, self.PROVIDER, self.ROLE)
        assert command.policy_state(program(tmp_path), file) == 1
        said = capsys.readouterr()
        assert "Policies for mlplatform/local: 1 mandatory;" in said.out
        assert "1 resources (state.json)" in said.out
        assert "could not decrypt secrets" in said.err
        written = json.loads((tmp_path / "build/policy/local-state.json").read_text())
        assert (written["passed"], written["source"], written["resources"]) == (False, "state.json", 1)
        assert (tmp_path / "build/policy/local-state.sarif").exists()
        assert asked == [("policy", "analyze", "--file", str(file), *policy_pack_options(tmp_path), "--json")]

    def test_a_configuration_of_ones_own_takes_the_place_of_the_platforms(
        self, tmp_path: Path, engine: Any, asked: list[tuple[str, ...]]
    ) -> None:
        engine({"summaryEvent": {}}, code=0)
        (tmp_path / "config.json").write_text('{"all": "advisory"}')
        file = self.state(tmp_path, self.ROLE)
        assert command.policy_state(program(tmp_path), file, tmp_path / "config.json") == 0
        assert asked[0][-3:] == ("--policy-pack-config", str(tmp_path / "config.json"), "--json")

    @pytest.mark.parametrize("events", [[], [{"summaryEvent": {}}]], ids=["at once", "in the end"])
    def test_an_engine_that_could_not_judge_is_no_pass(
        self, tmp_path: Path, engine: Any, events: list[dict[str, Any]]
    ) -> None:
        engine("error: a pack broke", *events)
        with pytest.raises(command.StateError, match="error: a pack broke"):
            command.policy_state(program(tmp_path), self.state(tmp_path, self.ROLE))
        assert not (tmp_path / "build").exists()

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (None, "cannot be read: .*No such file"),
            ("{", "cannot be read: Expecting property name"),
            ("[]", "is not what `pulumi stack export` writes"),
            ("{}", "is not what `pulumi stack export` writes"),
            (json.dumps({"deployment": {"resources": None}}), "nothing is deployed"),
            (json.dumps({"deployment": {"resources": [PROVIDER]}}), "nothing is deployed"),
        ],
        ids=["no file", "no JSON", "a list", "no deployment", "empty", "a provider alone"],
    )
    def test_what_is_no_state_is_an_error(
        self, tmp_path: Path, content: str | None, said: str, engine: Any, asked: list[tuple[str, ...]]
    ) -> None:
        engine()
        file = tmp_path / "state.json"
        if content is not None:
            file.write_text(content)
        with pytest.raises(command.StateError, match=said):
            command.policy_state(tmp_path, file)
        assert asked == []

    def test_without_an_engine_it_says_so_in_one_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def none(*_: object) -> None:
            raise NoEngineError("no Pulumi engine: none on PATH")

        monkeypatch.setattr(command, "find_engine", none)
        assert command.main(["state", "--file", str(self.state(tmp_path, self.ROLE))]) == 1
        assert capsys.readouterr().err == "error: no Pulumi engine: none on PATH\n"
