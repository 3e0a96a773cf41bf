"""Parses IAM documents into statements; never quotes what it refuses, because a document may be secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from policies.framework.values import unknown_paths

_DOCUMENT_KEYS = {"Version", "Id", "Statement"}
_STATEMENT_KEYS = {
    *("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"),
}
_QUALIFIERS = ("ForAnyValue:", "ForAllValues:")
_OPERATOR = re.compile(
    r"(String(Not)?(Equals|Like|EqualsIgnoreCase)|Numeric(Not)?Equals|Numeric(Less|Greater)Than(Equals)?"
    r"|Date(Not)?Equals|Date(Less|Greater)Than(Equals)?|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like)|Null)"
    r"(IfExists)?"
)


class DocumentError(Exception):
    """A document that is not one; the message says where, not what."""


class DocumentUnknownError(Exception):
    """A document that is unknown, wholly or at some places."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Name the places, relative to the document."""
        super().__init__(", ".join(paths))
        self.paths = tuple(paths)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One operator with one key. ``operator`` is bare: qualifier and ``IfExists`` stand beside it."""

    operator: str
    key: str
    values: tuple[str, ...]
    qualifier: str = ""
    if_exists: bool = False

    @property
    def requires_match(self) -> bool:
        """Whether it holds only when the key is present and matches: a limit that cannot be passed by omission."""
        positive = self.operator in {
            *("StringEquals", "StringLike", "StringEqualsIgnoreCase", "ArnEquals", "ArnLike", "Bool", "IpAddress"),
        }
        return positive and not self.if_exists and self.qualifier != "ForAllValues" and bool(self.values)


def _nobody() -> dict[str, tuple[str, ...]]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement."""

    index: int
    allow: bool
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    not_resources: tuple[str, ...] = ()
    principals: Mapping[str, tuple[str, ...]] = field(default_factory=_nobody)
    not_principals: Mapping[str, tuple[str, ...]] = field(default_factory=_nobody)
    conditions: tuple[Condition, ...] = ()


def parse(value: Any, *, principals: bool) -> tuple[Statement, ...]:
    """Parse a document: JSON text or an object. ``principals`` says whether its kind names them."""
    return _parse_text(value, principals) if isinstance(value, str) else _parse(value, principals)


@lru_cache(maxsize=65536)  # many rules ask about one document
def _parse_text(text: str, principals: bool) -> tuple[Statement, ...]:
    try:
        value = json.loads(text, object_pairs_hook=_without_twins)
    except ValueError as error:
        place = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise DocumentError(f"is not JSON{place}") from None
    return _parse(value, principals)


def _parse(value: Any, principals: bool) -> tuple[Statement, ...]:
    missing = [path.lstrip(".") for path in unknown_paths(value, "")]
    if missing:
        raise DocumentUnknownError(missing)
    if not isinstance(value, Mapping):
        raise DocumentError("is not an object")
    document = cast("Mapping[str, Any]", value)
    if set(document) - _DOCUMENT_KEYS:
        raise DocumentError("has keys other than Version, Id and Statement")
    if document.get("Version") != "2012-10-17":
        raise DocumentError('must have "Version": "2012-10-17"')
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [cast("Any", statements)]
    if not isinstance(statements, list) or not statements:
        raise DocumentError("has no Statement")
    return tuple(_statement(at, each, principals) for at, each in enumerate(cast("list[Any]", statements)))


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice in one object: readers differ in which of the two counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("has the same key twice in one object")
    return found


def _statement(index: int, value: Any, principals: bool) -> Statement:
    where = f"statement {index + 1}"
    if not isinstance(value, Mapping):
        raise DocumentError(f"{where} is not an object")
    given = cast("Mapping[str, Any]", value)
    if set(given) - _STATEMENT_KEYS:
        raise DocumentError(f"{where} has an element that IAM does not know")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise DocumentError(f'{where} must have "Effect" "Allow" or "Deny"')
    if ("Action" in given) == ("NotAction" in given):
        raise DocumentError(f"{where} must have one of Action and NotAction")
    if "Resource" in given and "NotResource" in given:
        raise DocumentError(f"{where} has both Resource and NotResource")
    if principals and ("Principal" in given) == ("NotPrincipal" in given):
        raise DocumentError(f"{where} must have one of Principal and NotPrincipal")
    if not principals:
        if "Principal" in given or "NotPrincipal" in given:
            raise DocumentError(f"{where} names a principal, which an identity's policy cannot")
        if "Resource" not in given and "NotResource" not in given:
            raise DocumentError(f"{where} must have one of Resource and NotResource")
    return Statement(
        index=index,
        allow=given["Effect"] == "Allow",
        actions=_texts(given.get("Action"), f"{where}.Action"),
        not_actions=_texts(given.get("NotAction"), f"{where}.NotAction"),
        resources=_texts(given.get("Resource"), f"{where}.Resource"),
        not_resources=_texts(given.get("NotResource"), f"{where}.NotResource"),
        principals=_principals(given.get("Principal"), f"{where}.Principal"),
        not_principals=_principals(given.get("NotPrincipal"), f"{where}.NotPrincipal"),
        conditions=_conditions(given.get("Condition"), f"{where}.Condition"),
    )


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not items or not all(isinstance(i, str) for i in cast("list[Any]", items)):
        raise DocumentError(f"{where} must be a text or a list of texts")
    return tuple(cast("list[str]", items))


def _principals(value: Any, where: str) -> dict[str, tuple[str, ...]]:
    if value is None:
        return {}
    if value == "*":
        return {"AWS": ("*",)}
    if not isinstance(value, Mapping):
        raise DocumentError(f"{where} must be * or an object")
    kinds = cast("Mapping[str, Any]", value)
    if set(kinds) - {"AWS", "Service", "Federated", "CanonicalUser"}:
        raise DocumentError(f"{where} has a kind of principal that IAM does not know")
    return {kind: _texts(given, f"{where}.{kind}") for kind, given in kinds.items()}


def _conditions(value: Any, where: str) -> tuple[Condition, ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise DocumentError(f"{where} must be an object")
    found: list[Condition] = []
    for full, keys in cast("Mapping[str, Any]", value).items():
        qualifier = next((q for q in _QUALIFIERS if full.startswith(q)), "")
        bare = full.removeprefix(qualifier)
        if not _OPERATOR.fullmatch(bare):
            raise DocumentError(f"{where} has an operator that IAM does not know")
        if not isinstance(keys, Mapping):
            raise DocumentError(f"{where}: an operator must hold an object")
        for key, values in cast("Mapping[str, Any]", keys).items():
            items = cast("list[Any]", values) if isinstance(values, list) else [values]
            if not all(isinstance(item, str | int | float | bool) for item in items):
                raise DocumentError(f"{where}: a value must be a text, number or boolean")
            texts = tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items)
            found.append(
                Condition(
                    operator=bare.removesuffix("IfExists"),
                    key=key.lower(),
                    values=texts,
                    qualifier=qualifier.rstrip(":"),
                    if_exists=bare.endswith("IfExists"),
                )
            )
    return tuple(found)
