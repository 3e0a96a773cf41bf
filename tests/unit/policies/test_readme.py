"""What the READMEs say is what the packs hold."""

from policies.framework.runner import packs, rules
from policies.framework.table import README, current


def test_the_table_of_rules_is_current() -> None:
    text = README.read_text()
    assert text == current(text), "run python -m policies.framework.table"


def test_each_setting_is_explained() -> None:
    for pack in packs():
        text = (README.parent / pack / "README.md").read_text()
        for rule in rules(pack):
            for option in rule.options:
                assert f"| {rule.id} | `{option.name}` |" in text
