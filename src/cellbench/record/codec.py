"""Frozen dataclasses to JSON values and back, so that a journal line and a record have one declaration.

Reading is tolerant in the two ways that old and new journals need: unknown keys are left out, missing
ones take the field's default. Everything else that does not fit raises ValueError with the path.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def encode(value: object) -> Any:
    """The JSON value of a dataclass, enum, tuple, mapping or scalar.

    A number that JSON cannot hold becomes ``{"nonfinite": "nan"}`` ("inf", "-inf").
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if math.isfinite(typing.cast(float, value)) else {"nonfinite": str(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: encode(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [encode(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, (str, int)):
        return value
    raise TypeError(f"a journal holds no {kind.__name__}")


def decode(kind: type[T], data: object) -> T:
    """An instance of ``kind`` from JSON data; raises ValueError that names the path of what does not fit."""
    return typing.cast(T, _decode(kind, data, kind.__name__))


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((name, hints[name]) for name in _names(kind))


@functools.cache
def _shape(kind: object) -> tuple[str, Any]:
    """What to do with a type: its family and what the family needs to know."""
    origin = typing.get_origin(kind)
    if origin is types.UnionType or origin is typing.Union:
        return "union", tuple(arm for arm in typing.get_args(kind))
    if origin is tuple:
        return "tuple", typing.get_args(kind)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return "mapping", typing.get_args(kind)[1]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "enum", kind
    if dataclasses.is_dataclass(kind):
        return "record", kind
    return "scalar", kind


def _decode(kind: Any, data: object, path: str) -> object:
    family, detail = _shape(kind)
    if family == "scalar":
        return _scalar(detail, data, path)
    if family == "record":
        return _record(detail, data, path)
    if family == "enum":
        return detail(data)
    if family == "union":
        return _union(detail, data, path)
    if family == "mapping":
        if not isinstance(data, dict):
            raise ValueError(f"{path}: a mapping is wanted")
        return {key: _decode(detail, item, f"{path}.{key}") for key, item in data.items()}
    if not isinstance(data, list):
        raise ValueError(f"{path}: a list is wanted")
    if len(detail) == 2 and detail[1] is Ellipsis:
        return tuple(_decode(detail[0], item, path) for item in data)
    if len(detail) != len(data):
        raise ValueError(f"{path}: {len(detail)} items are wanted, {len(data)} found")
    return tuple(_decode(arm, item, path) for arm, item in zip(detail, data, strict=True))


def _scalar(kind: Any, data: object, path: str) -> object:
    if kind is float:
        if isinstance(data, dict) and set(data) == {"nonfinite"}:
            return float(str(data["nonfinite"]))
        if isinstance(data, (int, float)) and not isinstance(data, bool):
            return float(data)
    elif kind is int:
        if isinstance(data, int) and not isinstance(data, bool):
            return data
    elif kind is object or isinstance(data, kind):
        return data
    raise ValueError(f"{path}: {kind.__name__} is wanted, {data!r} found")


def _record(kind: type, data: object, path: str) -> object:
    if not isinstance(data, dict):
        raise ValueError(f"{path}: a mapping is wanted")
    values = {name: _decode(hint, data[name], f"{path}.{name}")
              for name, hint in _fields(kind) if name in data}
    try:
        return kind(**values)
    except TypeError as problem:
        raise ValueError(f"{path}: {problem}") from problem


def _union(arms: tuple[Any, ...], data: object, path: str) -> object:
    if data is None and type(None) in arms:
        return None
    problem: ValueError | None = None
    for arm in arms:
        if arm is not type(None):
            try:
                return _decode(arm, data, path)
            except ValueError as refused:
                problem = problem or refused
    raise problem or ValueError(f"{path}: nothing is not allowed here")
