"""A finding of any rule can be exempted: it alone, and it stays in the report."""

import datetime
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import pytest

from policies.framework.exemptions import Exemption, Exemptions, stack_urn
from policies.framework.runner import Finding, PlannedResource, evaluate, packs, rules
from tests.unit.policies.harness import ACCOUNT, BUCKET, ROLE, allow, document, inline, planned

RULES = [rule.id for pack in packs() for rule in rules(pack)]
TODAY = datetime.date(2027, 1, 15)
Config = Mapping[str, Any]
ARN = f"arn:aws:iam::{ACCOUNT}:policy/mlplatform/limits-boundary"
BESIDE: dict[str, list[PlannedResource]] = {
    "DP06": [planned(BUCKET, bucket="mlplatform-bare")],
    "DP08": [planned("aws:secretsmanager/secret:Secret", kmsKeyId="arn:aws:kms:us-east-1:1:key/a")],
    "LP06": [inline(allow("iam:CreateAccessKey", "*"))],
    "PB10": [
        planned(
            "aws:iam/policy:Policy",
            "limits-boundary",
            name="limits-boundary",
            path="/mlplatform/",
            policy=document(allow("s3:GetObject")),
        ),
        planned(
            ROLE,
            path="/mlplatform/",
            permissionsBoundary=ARN,
            inlinePolicies=[{"name": "a", "policy": document(allow("sqs:SendMessage", "arn:aws:sqs:us-east-1:1:q"))}],
        ),
    ],
}
"""For rules whose own cases are no table."""


def _tables(*names: str) -> Iterator[tuple[str, Sequence[PlannedResource], Config]]:
    """Rule, resources and configuration of each case in the packs' own tables."""
    for pack in packs():
        module = importlib.import_module(f"tests.unit.policies.test_{pack}")
        for name in names:
            for case in getattr(module, name, {}).values():
                rule, resources, *more = _fields(case)
                given = next((each for each in more if isinstance(each, Mapping)), {})
                config = {rule: given} if given and is_dataclass(case) else given
                yield rule, [resources] if isinstance(resources, PlannedResource) else resources, config


def _fields(case: Any) -> Sequence[Any]:
    return [getattr(case, name) for name in case.__dataclass_fields__] if is_dataclass(case) else case


NONE: Config = {}
FAULTY = ("FAILING", "ADVICE", "ADVISED")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("DP07", "OP04", "TG01")])
def test_a_finding_is_exempted_alone(rule: str) -> None:
    resources, config, finding = next(_exemptible(rule))
    record = Exemption(
        rule=rule,
        urn=finding.urn or stack_urn(resources[0].stack, resources[0].project),
        finding=finding.message,
        reason="a case of this test",
        owner="ml-platform",
        expires=TODAY,
    )
    before = evaluate(resources, config=config)
    after = evaluate(resources, config=config, exemptions=Exemptions([record], today=TODAY))
    assert [(f.rule, f.urn, f.message) for f in after] == [(f.rule, f.urn, f.message) for f in before]
    exempted = [f for f in after if f.exempted_by]
    assert {(f.rule, f.urn, f.message) for f in exempted} == {(rule, finding.urn, finding.message)}


def _exemptible(rule: str) -> Iterator[tuple[Sequence[PlannedResource], Config, Finding]]:
    beside = [(rule, BESIDE[rule], NONE)] if rule in BESIDE else []
    for each, resources, config in (*_tables(*FAULTY), *beside):
        if each == rule and resources:
            for finding in evaluate(resources, config=config):
                if finding.rule == rule and finding.exemptible:
                    yield resources, config, finding
