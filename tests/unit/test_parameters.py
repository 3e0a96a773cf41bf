"""The pages that say where a documented system's parameters went name settings and tests that exist."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from settings.model import Settings
from tests.program.test_keys_do_something import keys

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "parameters").glob("*.md"))
KEY = re.compile(r"`([a-z]\w*(?:\.[a-z]\w*)+)(?:: [^`]*)?`")


def sections(model: type[BaseModel]) -> set[str]:
    return {str(field.alias) for field in model.model_fields.values()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_setting_that_a_page_names_is_one(page: Path) -> None:
    known = set(keys(Settings))
    named = {key for key in KEY.findall(page.read_text()) if key.split(".")[0] in sections(Settings)}
    unknown = {key for key in named if key not in known and not any(other.startswith(f"{key}.") for other in known)}
    assert len(named) > 10
    assert unknown == set()


def test_each_test_that_the_page_names_is_one() -> None:
    rows = [line for line in (ROOT / "docs/parameters/infinstor.md").read_text().splitlines() if line.startswith("| ")]
    named = [re.findall(r"`((?:unit|program|engine|services)/test_\w+\.py)`", row) for row in rows]
    without = [row for row, tests in zip(rows, named, strict=True) if not tests and "| --- |" not in row]
    assert [row.split("|")[1].strip() for row in without] == ["root stack", "root stack"]
    assert [test for tests in named for test in tests if not (ROOT / "tests" / test).is_file()] == []


def test_each_documented_output_is_exported_under_its_name() -> None:
    page = (ROOT / "docs/parameters/infinstor.md").read_text().split("## Outputs")[1]
    outputs = re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    assert len(outputs) == 11
    program = (ROOT / "__main__.py").read_text() + (ROOT / "components" / "dns.py").read_text()
    assert [output for output in outputs if f'"{output}"' not in program] == []
