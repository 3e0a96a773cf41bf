"""The README tells the truth about what can be looked up."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_readmes_costs_are_those_of_the_costs_page(stack: str) -> None:
    costs = (ROOT / "docs" / "costs.md").read_text()
    total = re.search(rf"^\| `{stack}` \| \*\*([\d.]+)\*\* \|$", costs, re.MULTILINE)
    assert total is not None
    assert re.search(rf"^\| `{stack}` .*\| \${total[1]} \|$", README, re.MULTILINE)


def test_every_link_and_folder_in_the_readme_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    folders = re.findall(r"`((?:[a-z]+/)+|[a-z_]+\.py)`", README)
    assert len(links) >= 4
    made_when_used = {".pulumi-engine/", "build/"}
    missing = [path for path in {*links, *folders} - made_when_used if not (ROOT / path).exists()]
    assert missing == []


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake (?:-s )?([a-z-]+)", README)) - {"it"}
    assert named <= targets
