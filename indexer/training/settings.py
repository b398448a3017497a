"""Parse settings from text: `steps=200`, `augment.p_flip=0.2`, `network.dim=64`. Every field can be set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from indexer.training.config import AugmentConfig, JoinConfig, TrainConfig
from search.errors import DataError

_GROUPS: dict[str, type[AugmentConfig] | type[JoinConfig]] = {"augment": AugmentConfig, "join": JoinConfig}
"""Fields that are groups of settings, and their types."""


def with_settings(config: TrainConfig, texts: Sequence[str]) -> TrainConfig:
    """Apply `NAME=VALUE` texts in order. A value is JSON, or else plain text: `loss=triplet`.

    Lists become tuples. `augment.NAME` and `join.NAME` set one of their fields, `network.KEY` sets one key of the
    network's spec.

    Raises:
        DataError: no `=`, an unknown name, or a value of another type.
    """
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise DataError(f"{text!r}: a setting is NAME=VALUE, for example steps=200")
        config = _with(config, name.strip(), value.strip())
    return config


def setting_names() -> list[str]:
    """Every name that `with_settings` accepts, except the keys of `network`."""
    nested = [f"{group}.{each.name}" for group, kind in _GROUPS.items() for each in fields(kind)]
    return [each.name for each in fields(TrainConfig)] + nested


def _with(config: TrainConfig, name: str, text: str) -> TrainConfig:
    field, dot, key = name.partition(".")
    if field == "network" and key:
        return replace(config, network={**config.network, key: _parsed(text)})
    if name not in setting_names():
        raise DataError(f"unknown setting {name!r}. Use one of {', '.join(setting_names())}, or network.KEY")
    if dot:
        group = getattr(config, field) or _GROUPS[field]()
        changed: dict[str, Any] = {field: replace(group, **{key: _value(type(group), group, key, text, name)})}
        return replace(config, **changed)
    return replace(config, **{name: _value(TrainConfig, config, name, text, name)})


def _value(owner: type, current: Any, field: str, text: str, name: str) -> Any:
    kind = get_type_hints(owner)[field]
    for value in (_parsed(text), text):
        try:
            return _converted(value, kind)
        except ValueError:
            continue
    now = getattr(current, field)
    now = json.dumps(asdict(now) if is_dataclass(now) and not isinstance(now, type) else now)
    raise DataError(f"{name}={text}: {name} must be {_words(kind)}, as JSON; it is {now} now")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _converted(value: Any, kind: Any) -> Any:
    """Convert a JSON value to `kind`, the annotated type of a field.

    Raises:
        ValueError: the value is of another type.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _first_of(value, arguments)
    if origin is tuple and isinstance(value, list):
        return _tuple(value, arguments)
    if kind in _GROUPS.values() and isinstance(value, Mapping):
        return _group(value, kind)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is Literal:
        fits = value in arguments
    else:
        fits = isinstance(value, origin or kind) and not (isinstance(value, bool) and kind is not bool)
    if not fits or origin is tuple:
        raise ValueError(value)
    return value


def _first_of(value: Any, kinds: Sequence[Any]) -> Any:
    for kind in kinds:
        try:
            return _converted(value, kind)
        except ValueError:
            continue
    raise ValueError(value)


def _tuple(values: list[Any], kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    expected = (kinds[0],) * len(values) if kinds[-1] is Ellipsis else kinds
    return tuple(_converted(value, kind) for value, kind in zip(values, expected, strict=True))


def _group(values: Mapping[str, Any], kind: type) -> Any:
    kinds = get_type_hints(kind)
    if unknown := sorted(values.keys() - kinds.keys()):
        raise ValueError(unknown)
    return kind(**{name: _converted(value, kinds[name]) for name, value in values.items()})


def _words(kind: Any) -> str:
    """Describe a type in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(_words(each) for each in arguments)
    if origin is Literal:
        return " or ".join(json.dumps(each) for each in arguments)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"a list, each {_words(arguments[0])}"
        return f"a list of {' and '.join(_words(each) for each in arguments)}"
    if origin is dict or kind in _GROUPS.values():
        return "an object"
    plain = {int: "a whole number", float: "a number", str: "text", bool: "true or false", NoneType: "null"}
    return plain.get(kind, str(kind))
