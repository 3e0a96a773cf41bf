"""Reads a stack's configuration into `Settings`: the one place that touches Pulumi config."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pulumi
from pulumi.runtime import config as pulumi_config
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from lib import docker
from settings.base import Environment
from settings.inert import FORBIDDEN, INERT
from settings.model import Settings
from settings.presets import PRESETS

NAMESPACE = "mlplatform"


class ConfigError(pulumi.RunError):
    """Every error of a stack's configuration at once; Pulumi prints it without a traceback."""

    def __init__(self, problems: list[str]) -> None:
        lines = "\n".join(f"  {problem}" for problem in sorted(problems))
        super().__init__(
            f"the stack configuration has {len(problems)} error(s); docs/configuration.md lists all keys\n{lines}"
        )
        self.problems = sorted(problems)


def load_settings() -> Settings:
    """The settings of the running stack.

    Raises:
        ConfigError: A key is unknown, a value is refused, a secret stands in plain text, or an image is neither given
            nor to be built here; names all of them.
    """
    raw = {**pulumi_config.get_config_env(), **pulumi_config.CONFIG.get()}
    prefix = f"{NAMESPACE}:"
    ours = {key.removeprefix(prefix): value for key, value in raw.items() if key.startswith(prefix)}
    secret = {key for key in ours if pulumi_config.is_config_secret(prefix + key)}
    settings = parse_settings({key: _decode(value) for key, value in ours.items()}, secret)
    if problems := list(_not_buildable(settings)):
        raise ConfigError(problems)
    return settings


def parse_settings(config: Mapping[str, Any], secret_keys: set[str] | frozenset[str] = frozenset()) -> Settings:
    """The settings that `config` gives on top of its environment's preset.

    Args:
        config: Values by key, sections as mappings; what a stack file has under `mlplatform:`.
        secret_keys: Top-level keys that Pulumi holds as secrets.

    Raises:
        ConfigError: As `load_settings`.
    """
    given = _default_environment(config)
    try:
        settings = Settings.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ConfigError([_worded(cast("dict[str, Any]", problem)) for problem in error.errors()]) from None
    problems = [*_plain_secrets(config, secret_keys), *_inert(settings, config), *_forbidden(settings)]
    if problems:
        raise ConfigError(problems)
    return settings


def _not_buildable(settings: Settings) -> Iterator[str]:
    missing = [image for image in settings.container_images if image.uri is None]
    if missing and docker.builds.get() and not docker.docker_answers():
        for image in missing:
            yield (
                f"{NAMESPACE}:{image.key}: is not given, and Docker, which would build it from "
                f"services/{image.name}, does not answer here; set it to an image's URI, or start Docker"
            )


def _decode(value: str) -> Any:
    try:
        return json.loads(value)
    except (json.JSONDecodeError, TypeError):
        return value


def _default_environment(config: Mapping[str, Any]) -> dict[str, Any]:
    environment = config.get("environment")
    preset = PRESETS[Environment(environment)] if environment in list(Environment) else {}
    return _merged(preset, config)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[key] = _merged(cast("Mapping[str, Any]", below), cast("Mapping[str, Any]", value)) if both else value
    return result


def _worded(problem: dict[str, Any]) -> str:
    """One pydantic error as key path, value, reason and way out."""
    path = [part for part in problem["loc"] if not str(part).startswith("constrained-")]
    key = f"{NAMESPACE}:{'.'.join(map(str, path))}"
    if problem["type"] == "missing":
        return f"{key}: is missing; set it, e.g. `pulumi config set --path {key} …`"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), _known_keys(path[:-1]), n=1)
        known = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(_known_keys(path[:-1])))}"
        return f"{key}: is not a setting; {known}"
    reason = str(problem["msg"]).removeprefix("Value error, ")
    shown = problem.get("input")
    if _is_secret(path):
        return f"{key}: {reason} (the value is secret and not shown)"
    if isinstance(shown, (Mapping, BaseModel)):
        return f"{key}: {reason}"
    return f"{key} = {json.dumps(shown, default=str)}: {reason}"


def _known_keys(path: list[Any]) -> list[str]:
    model = _model_at(path)
    return [str(field.alias) for field in model.model_fields.values()] if model else []


def _model_at(path: list[Any]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Settings
    for part in path:
        if isinstance(part, int):  # an item of a list, whose model the list's field gave
            continue
        field = _field(model, str(part)) if model else None
        model = _model_of(field) if field else None
    return model


def _field(model: type[BaseModel], alias: str) -> FieldInfo | None:
    return next((field for field in model.model_fields.values() if field.alias == alias), None)


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _is_secret(path: list[Any]) -> bool:
    model = _model_at(path[:-1])
    field = _field(model, str(path[-1])) if model and path else None
    return field is not None and "SecretStr" in str(field.annotation)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all keys that hold a value, not a section."""
    if isinstance(value, Mapping):
        for key, below in cast("Mapping[str, Any]", value).items():
            yield from leaves(below, (*path, key))
    else:
        yield path


def _plain_secrets(config: Mapping[str, Any], secret_keys: set[str] | frozenset[str]) -> Iterator[str]:
    for path in leaves(config):
        if _is_secret(list(path)) and path[0] not in secret_keys:
            key = f"{NAMESPACE}:{'.'.join(path)}"
            yield f"{key}: stands in plain text; set it by `pulumi config set --secret --path {key}`"


def _inert(settings: Settings, config: Mapping[str, Any]) -> Iterator[str]:
    given = [".".join(path) for path in leaves(config)]
    for inert in INERT:
        for key in inert.keys:
            found = next((path for path in given if path == key or path.startswith(f"{key}.")), None)
            if found and inert.when(settings):
                yield f"{NAMESPACE}:{found}: has no effect: {inert.why}"


def _forbidden(settings: Settings) -> Iterator[str]:
    for key, when, why in FORBIDDEN:
        if when(settings):
            yield f"{NAMESPACE}:{key} = {json.dumps(_value_at(settings, key), default=str)}: {why}"


def _value_at(settings: Settings, key: str) -> Any:
    value: Any = settings.model_dump(by_alias=True)
    for part in key.split("."):
        value = value[part]
    return "(secret)" if isinstance(value, SecretStr) else value
