"""`make plan`: what it prints, writes and draws."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cli.plan import report
from cli.plan.picture import HEAD_CHARACTERS, LINE_CHARACTERS, picture
from cli.plan.recorder import record
from cli.plan.stack_file import read_stack
from cli.plan.tree import counts, tree
from tests.images import MLFLOW_IMAGES
from tests.program.conftest import ROOT, STACKS, Plan


@pytest.mark.parametrize("stack", STACKS)
def test_the_picture_has_a_box_for_each_component_and_is_xml(plan: Plan, stack: str) -> None:
    drawn = ElementTree.fromstring(picture(plan(stack)))
    text = [node.text for node in drawn.iter("{http://www.w3.org/2000/svg}text")]
    components = [r.type.split(":")[-1] for r in plan(stack).resources if not r.parent]
    assert components
    assert set(components) <= set(text)
    title = text[0]
    assert title == f"mlplatform {stack}: {sum(r.custom for r in plan(stack).resources)} resources"


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_in_the_picture_runs_over(plan: Plan, stack: str) -> None:
    for box in ElementTree.fromstring(picture(plan(stack))).iter("{http://www.w3.org/2000/svg}g"):
        class_, name, *lines = [node.text or "" for node in box.iter("{http://www.w3.org/2000/svg}text")]
        assert len(class_ + name) <= HEAD_CHARACTERS, class_
        assert max(map(len, lines), default=0) <= LINE_CHARACTERS, lines


def test_the_readmes_picture_is_current(plan: Plan) -> None:
    assert (ROOT / "docs" / "architecture.svg").read_text() == picture(plan("prod")), "run `make docs`"


def test_the_tree_shows_every_resource_once_and_what_is_protected(plan: Plan) -> None:
    lines = list(tree(plan("prod")))
    assert len(lines) == 1 + len(plan("prod").resources)
    assert sum("[protected]" in line for line in lines) == sum(r.protect for r in plan("prod").resources)
    assert sum(number for _, number in counts(plan("prod"))) == sum(r.custom for r in plan("prod").resources)


def test_plan_writes_what_it_found_without_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("__main__.py", "Pulumi.yaml", "Pulumi.local.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("services", "policies"):
        (tmp_path / name).symlink_to(ROOT / name)
    assert report.plan(tmp_path, "local", {"mlplatform:mlflow": _with_password()}) == 0
    written = (tmp_path / "build" / "plan" / "local.json").read_text()
    content = json.loads(written)
    assert "offline-plan-placeholder" not in written
    versions = [r for r in content["resources"] if r["type"].endswith(":SecretVersion")]
    assert {version["props"]["secretString"] for version in versions} == {"[secret]"}
    assert "04da6b54" not in written
    assert (tmp_path / "build" / "plan" / "local.svg").exists()
    assert re.search(r"Policies: 0 mandatory", capsys.readouterr().out)


def _with_password() -> dict[str, object]:
    return {"auth": "basic", "images": MLFLOW_IMAGES, "password": {"secure": "v1:encrypted"}}


def test_an_unknown_stack_is_named_with_those_there_are() -> None:
    with pytest.raises(FileNotFoundError, match=r"STACK=production: .* stacks here: dev, local, prod"):
        read_stack(ROOT, "production")


def test_two_runs_in_one_process_register_the_same() -> None:
    first, second = (record(ROOT, read_stack(ROOT, "dev")) for _ in range(2))
    assert sorted(r.urn for r in first.resources) == sorted(r.urn for r in second.resources)
