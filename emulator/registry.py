"""The list of everything that is added to, or corrected in, moto, and the one place that applies it.

Modules in `emulator.services` only declare: importing them changes nothing, so plain moto can be compared with ours
in one code base. `install()` puts the declarations on moto's classes, once per process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from moto.core.exceptions import ServiceException
from moto.core.utils import camelcase_to_underscores

MOTO = "5.2.5"
"""The moto version the additions were written and proven against."""

Kind = Literal["adds", "corrects"]
Declared = TypeVar("Declared", bound=Callable[..., Any] | property)


@dataclass(frozen=True, kw_only=True, order=True)
class Addition:
    """One operation that moto lacks (`adds`) or answers wrongly (`corrects`)."""

    service: str
    operation: str
    kind: Kind
    reason: str
    moto: str
    target: str
    """The class and attribute of moto that is replaced."""


class Refusal(ServiceException):
    """An error `(code, message)` that the emulator itself answers.

    Moto derives the service of its own exceptions from their module, and fails on the base class; not on this one.
    """


ADDITIONS: list[Addition] = []
_patches: list[Callable[[], None]] = []
_state = {"installed": False}


def adds(
    service: str, operation: str, reason: str = "missing in moto", *, on: type, moto: str = MOTO
) -> Callable[[Declared], Declared]:
    """Declare the response method `(self)` for an operation that moto lacks."""
    attribute = camelcase_to_underscores(operation)

    def declare(method: Declared) -> Declared:
        _record(service, operation, "adds", reason, moto=moto, target=_path(on, attribute))
        _patches.append(lambda: setattr(on, attribute, method))
        return method

    return declare


def corrects(
    service: str, operation: str, reason: str, *, on: type, attribute: str | None = None, moto: str = MOTO
) -> Callable[[Declared], Declared]:
    """Declare a replacement for `attribute` of moto's class (by default the operation's own method).

    A function gets `(original, self, *args)`; a `property` takes the place of the attribute as it stands.
    """
    name = attribute or camelcase_to_underscores(operation)

    def declare(replacement: Declared) -> Declared:
        _record(service, operation, "corrects", reason, moto=moto, target=_path(on, name))
        _patches.append(lambda: _replace(on, name, replacement))
        return replacement

    return declare


def install() -> None:
    """Apply every declared addition to moto. A second call does nothing."""
    if _state["installed"]:
        return
    _state["installed"] = True
    for patch in _patches:
        patch()


def setup(action: Callable[[], None]) -> Callable[[], None]:
    """Declare something else to run at installation, such as a URL that moto does not route."""
    _patches.append(action)
    return action


def attributes(obj: object) -> dict[str, Any]:
    """The object's own attributes: where additions keep state on moto's backends, so that a moto reset clears it."""
    return vars(obj)


def records(backend: object, kind: str) -> dict[str, Any]:
    """A named dictionary kept on one of moto's backends."""
    return attributes(backend).setdefault("_mlplatform", {}).setdefault(kind, {})


def _path(on: type, name: str) -> str:
    return f"{on.__module__}.{on.__qualname__}.{name}"


def _record(service: str, operation: str, kind: Kind, reason: str, *, moto: str, target: str) -> None:
    ADDITIONS.append(Addition(service=service, operation=operation, kind=kind, reason=reason, moto=moto, target=target))


def _replace(on: type, name: str, replacement: Callable[..., Any] | property) -> None:
    if isinstance(replacement, property):
        setattr(on, name, replacement)
        return
    original = getattr(on, name)

    def method(self: object, *args: object, **kwargs: object) -> object:
        return replacement(original, self, *args, **kwargs)

    setattr(on, name, method)
