"""An exported state is judged on the engine as the same resources are offline."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import policy as command
from cli.policy_packs import policy_config
from policies.framework.exemptions import VARIABLE, load
from policies.framework.registry import packs, rules
from policies.framework.rule import Level
from policies.framework.runner import Finding, PlannedResource, evaluate
from tests.engine.conftest import ROOT

URN = "urn:pulumi:local::mlplatform::"
BUCKET, KEY, ROLE_POLICY = "aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:iam/rolePolicy:RolePolicy"
GRANT = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
RESOURCES: dict[tuple[str, str], dict[str, Any]] = {
    (ROLE_POLICY, "grants"): {"role": "r", "policy": json.dumps({"Version": "2012-10-17", "Statement": [GRANT]})},
    (BUCKET, "reports"): {"bucket": "mlplatform-reports", "forceDestroy": False},
    (KEY, "key"): {"enableKeyRotation": False, "deletionWindowInDays": 7, "tags": {"Project": "mlplatform"}},
}


def exported(folder: Path) -> Path:
    """What `pulumi stack export` writes of these resources."""
    stack = {"urn": f"{URN}pulumi:pulumi:Stack::mlplatform-local", "custom": False, "type": "pulumi:pulumi:Stack"}
    resources = [
        {
            "urn": f"{URN}{type_}::{name}",
            "custom": True,
            "id": name,
            "type": type_,
            "inputs": inputs,
            "outputs": {**inputs, "arn": f"arn:aws:x:::{name}"},
            "parent": stack["urn"],
            "propertyDependencies": dict.fromkeys(inputs),
        }
        for (type_, name), inputs in RESOURCES.items()
    ]
    manifest = {"time": "2026-11-01T00:00:00Z", "magic": "", "version": ""}
    file = folder / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"manifest": manifest, "resources": [stack, *resources]}}))
    return file


def told(findings: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    keys = ("rule", "level", "urn", "message", "exemptedBy")
    return {tuple(str(finding[key]) for key in keys) for finding in findings}


def offline(finding: Finding) -> dict[str, Any]:
    urn = finding.urn or f"{URN}pulumi:pulumi:Stack::mlplatform-local"
    given = {"rule": finding.rule, "level": finding.level.value, "urn": urn, "message": finding.message}
    return {**given, "exemptedBy": finding.exempted_by}


def test_a_state_is_judged_as_the_program_is(
    tmp_path: Path, engine_or_skip: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {
        "rule": "LP01",
        "urn": f"{URN}{ROLE_POLICY}::grants",
        "finding": "'s3:*' covers",
        "reason": "being split",
        "owner": "ml-platform",
        "expires": datetime.date.today() + datetime.timedelta(days=30),
    }
    (tmp_path / "exemptions.yaml").write_text(yaml.safe_dump([record]))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "exemptions.yaml"))
    for name in ("Pulumi.yaml", "policies", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)

    assert command.policy_state(tmp_path, exported(tmp_path)) == 1

    found = json.loads((tmp_path / "build/policy/local-state.json").read_text())["findings"]
    planned = [
        PlannedResource(
            urn=f"{URN}{type_}::{name}",
            type=type_,
            name=name,
            props=inputs,
            property_dependencies=dict.fromkeys(inputs, ()),
        )
        for (type_, name), inputs in RESOURCES.items()
    ]
    # A state is not changed, so what would be remedied is judged as it stands.
    config = policy_config(ROOT)
    for rule in [rule for pack in packs() for rule in rules(pack) if rule.level is Level.REMEDIATE]:
        config[rule.name] = {**config.get(rule.name, {}), "enforcementLevel": "mandatory"}
    expected = evaluate(planned, config=config, exemptions=load())
    assert told(found) == told([offline(finding) for finding in expected])
    assert {"LP01", "DP06", "DP07"} <= {finding["rule"] for finding in found}
    assert [finding["rule"] for finding in found if finding["exemptedBy"]] == ["LP01"]


def test_what_configures_nothing_is_an_error(
    tmp_path: Path, engine_or_skip: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text('{"LP01": "advisory"}')
    assert command.main(["state", "--file", str(exported(tmp_path)), "--config", str(tmp_path / "config.json")]) == 1
    assert "there is no rule LP01; it goes by LP01-no-wildcard-writes" in capsys.readouterr().err
