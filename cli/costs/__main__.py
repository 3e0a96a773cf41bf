"""`python -m cli.costs` writes `docs/costs.md`."""

from pathlib import Path

from cli.costs.page import page

if __name__ == "__main__":
    root = Path(__file__).parents[2]
    (root / "docs" / "costs.md").write_text(page(root))
