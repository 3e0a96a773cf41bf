"""`docs/configuration.md`, made from the model, so that it cannot be wrong about a key."""

import json
from collections.abc import Iterator
from enum import Enum
from ipaddress import IPv4Network
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from settings.base import Environment
from settings.load import NAMESPACE, parse_settings
from settings.model import Settings

HEAD = """# Configuration

Every key of a stack's configuration, under `mlplatform:`. Generated from `settings/` by `make docs`; do not edit.

A stack file starts from the preset of its `environment` and changes single keys:

```yaml
config:
  aws:region: eu-west-1
  mlplatform:environment: prod
  mlplatform:database:
    engine: aurora-postgresql
```

Unknown keys, values out of range, keys that would have no effect beside others, and secrets in plain text are errors.
All are reported at once, before any resource exists. Secrets are set by
`pulumi config set --secret --path mlplatform:mlflow.password`.
"""


def configuration() -> str:
    """The whole page."""
    defaults = {name: parse_settings({"environment": name}).model_dump(by_alias=True) for name in Environment}
    parts = [HEAD]
    top = [row for row in _rows(Settings, [], defaults) if "." not in row[0]]
    parts.append(_table("Top level", "", top))
    for field in Settings.model_fields.values():
        section = _section_of(field)
        if section is not None:
            rows = list(_rows(section, [str(field.alias)], defaults))
            parts.append(_table(f"`{NAMESPACE}:{field.alias}`", (section.__doc__ or "").strip(), rows))
    return "\n".join(parts)


Row = tuple[str, str, list[str], str]


def _rows(model: type[BaseModel], path: list[str], defaults: dict[Environment, dict[str, Any]]) -> Iterator[Row]:
    for field in model.model_fields.values():
        below = [*path, str(field.alias)]
        section = _section_of(field)
        if section is not None and _is_list_of_sections(field):
            values = [_shown(_given(section, _at(defaults[name], below))) for name in Environment]
            yield ".".join(below), "list of sections", values, (field.description or "").replace("\n", " ")
            yield from _item_rows(section, [*path, f"{field.alias}[]"])
        elif section is not None and path:
            yield from _rows(section, below, defaults)
        elif section is None:
            values = [
                _shown(_at(defaults[name], below)) if path or below != ["environment"] else "" for name in Environment
            ]
            yield ".".join(below), _type(field), values, (field.description or "").replace("\n", " ")


def _item_rows(model: type[BaseModel], path: list[str]) -> Iterator[Row]:
    """Rows of a section that stands in a list, whose defaults no environment changes."""
    for field in model.model_fields.values():
        below = [*path, f"{field.alias}[]" if _is_list_of_sections(field) else str(field.alias)]
        section = _section_of(field)
        if section is not None:
            yield from _item_rows(section, below)
        else:
            default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
            text = (field.description or "").replace("\n", " ")
            yield ".".join(below), _type(field), [default] * len(Environment), text


def _table(title: str, text: str, rows: list[Row]) -> str:
    lines = [f"\n## {title}\n", *([text, ""] if text else [])]
    lines.append("| key | type | local | dev | prod | meaning |\n| --- | --- | --- | --- | --- | --- |")
    lines += [f"| `{key}` | {type_} | {' | '.join(values)} | {text_} |" for key, type_, values, text_ in rows]
    return "\n".join(lines)


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    candidates = [field.annotation, *get_args(field.annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _is_list_of_sections(field: FieldInfo) -> bool:
    return _section_of(field) is not None and get_origin(field.annotation) is list


def _given(section: type[BaseModel], items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items of a list of sections without what is each item's default."""
    fields = {str(field.alias): field for field in section.model_fields.values()}
    return [
        {
            key: value
            for key, value in item.items()
            if fields[key].is_required() or value != fields[key].get_default(call_default_factory=True)
        }
        for item in items
    ]


def _at(value: Any, path: list[str]) -> Any:
    for part in path:
        value = None if value is None else value[part]
    return value


def _shown(value: Any) -> str:
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, Enum):
        value = value.value
    return f"`{json.dumps(value, default=str) if isinstance(value, (bool, list, dict, float, int)) else value}`"


def _type(field: FieldInfo) -> str:
    bounds = {type(item).__name__: item for item in field.metadata}
    text = _type_name(field.annotation)
    low, high = getattr(bounds.get("Ge"), "ge", None), getattr(bounds.get("Le"), "le", None)
    if low is not None and high is not None:
        text += f", {low:.8g} to {high:.8g}"
    elif low is not None:
        text += f", {low:.8g} or more"
    return text


def _type_name(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _type_name(next(arg for arg in args if arg is not type(None)))
    if origin is Literal:
        return " &#124; ".join(map(str, args))
    if origin is list:
        return f"list of {_type_name(args[0])}"
    if hasattr(annotation, "__metadata__"):
        return _type_name(annotation.__origin__)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " &#124; ".join(f"`{member.value}`" for member in annotation)
    names = {
        "str": "string",
        "int": "integer",
        "float": "number",
        "bool": "boolean",
        "SecretStr": "secret",
        "dict": "map",
    }
    return names.get(annotation.__name__, "IPv4 range" if annotation is IPv4Network else annotation.__name__)
