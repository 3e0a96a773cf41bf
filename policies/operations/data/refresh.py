"""List the resource types that take a map of tags, from the installed pulumi-aws.

Run it after an update of pulumi-aws::

    python -m policies.operations.data.refresh
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent

_TAGS = re.compile(r"^ +tags: pulumi\.Input\[(Optional\[)?Mapping\[", re.MULTILINE)
_TOKEN = re.compile(r"__init__\(\s*'aws:(?P<module>\w+)/\w+:(?P<name>\w+)'")


def taggable(package: Path) -> dict[str, list[str]]:
    """Names of the types by module; read as text, as importing every module takes a minute."""
    found: dict[str, list[str]] = {}
    for file in sorted(package.glob("*/*.py")):
        if file.name.startswith("_"):
            continue
        text = file.read_text()
        arguments = text.split("\nclass _", 1)[0]  # below stand the outputs
        token = _TOKEN.search(text)
        if token and _TAGS.search(arguments):
            found.setdefault(token["module"], []).append(token["name"])
    return {module: sorted(names) for module, names in sorted(found.items())}


def main() -> int:
    """Write the file anew."""
    spec = importlib.util.find_spec("pulumi_aws")
    if spec is None or spec.origin is None:
        sys.stderr.write("pulumi-aws is not installed here\n")
        return 1
    types = taggable(Path(spec.origin).parent)
    # One module to a line: a refresh then shows as a readable difference.
    lines = ",\n".join(f'"{module}": {json.dumps(names)}' for module, names in types.items())
    version = importlib.metadata.version("pulumi-aws")
    (HERE / "taggable.json").write_text(f'{{"pulumi-aws": "{version}", "types": {{\n{lines}\n}}}}\n')
    sys.stdout.write(f"{sum(map(len, types.values()))} types of pulumi-aws {version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
