"""Frozen dataclasses to JSON values and back, so that a journal line and a record have one declaration.

Reading is tolerant in the two ways that old and new journals need: unknown keys are left out, missing
ones take the field's default. Everything else that does not fit raises ValueError with the path.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_SURROGATE = re.compile("[\ud800-\udfff]")

Decoder = Callable[[object], object]


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
    """An instance of ``kind`` from JSON data; raises ValueError that names the field that does not fit."""
    return typing.cast(T, _decoder(typing.cast(Any, kind))(data))


@functools.cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@functools.cache
def _decoder(kind: Any) -> Decoder:
    """The function that makes a value of a type from JSON data."""
    origin = typing.get_origin(kind)
    if origin is types.UnionType or origin is typing.Union:
        return _union(typing.get_args(kind))
    if origin is tuple:
        return _tuple(typing.get_args(kind))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(typing.get_args(kind)[1])
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _record(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind
    scalars: dict[object, Decoder] = {str: _text, float: _number, int: _integer}
    return scalars.get(kind) or _plain(typing.cast(type, kind))


def _text(data: object) -> str:
    if type(data) is not str:
        raise ValueError(f"text is wanted, {data!r} found")
    if data.isascii():
        return data
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", data)  # half a pair fits no document


def _number(data: object) -> float:
    if type(data) is float or type(data) is int:
        return float(data)
    if isinstance(data, dict) and set(data) == {"nonfinite"}:
        return float(str(data["nonfinite"]))
    raise ValueError(f"a number is wanted, {data!r} found")


def _integer(data: object) -> int:
    if type(data) is not int:
        raise ValueError(f"a whole number is wanted, {data!r} found")
    return data


def _plain(kind: type) -> Decoder:
    def decode_plain(data: object) -> object:
        if kind is not object and not isinstance(data, kind):
            raise ValueError(f"{kind.__name__} is wanted, {data!r} found")
        return data

    return decode_plain


def _record(kind: type) -> Decoder:
    hints = typing.get_type_hints(kind)
    fields = tuple((name, _decoder(hints[name])) for name in _names(kind))

    def decode_record(data: object) -> object:
        if not isinstance(data, dict):
            raise ValueError(f"{kind.__name__}: a mapping is wanted, {data!r} found")
        values = {}
        for name, decode_field in fields:
            if name in data:
                try:
                    values[name] = decode_field(data[name])
                except ValueError as problem:
                    raise ValueError(f"{kind.__name__}.{name}: {problem}") from None
        try:
            return kind(**values)
        except TypeError as problem:
            raise ValueError(f"{kind.__name__}: {problem}") from None

    return decode_record


def _union(arms: tuple[object, ...]) -> Decoder:
    optional = type(None) in arms
    decoders = tuple(_decoder(arm) for arm in arms if arm is not type(None))

    def decode_union(data: object) -> object:
        if data is None and optional:
            return None
        problem = ValueError("nothing is not allowed here")
        for number, decode_arm in enumerate(decoders):
            try:
                return decode_arm(data)
            except ValueError as refused:
                problem = problem if number else refused
        raise problem

    return decode_union


def _tuple(arms: tuple[object, ...]) -> Decoder:
    decoders = tuple(_decoder(arm) for arm in arms if arm is not Ellipsis)
    open_ended = Ellipsis in arms

    def decode_tuple(data: object) -> object:
        if not isinstance(data, list):
            raise ValueError(f"a list is wanted, {data!r} found")
        if open_ended:
            return tuple([decoders[0](item) for item in data])
        if len(data) != len(decoders):
            raise ValueError(f"{len(decoders)} items are wanted, {len(data)} found")
        return tuple([decode_item(item) for decode_item, item in zip(decoders, data, strict=True)])

    return decode_tuple


def _mapping(kind: object) -> Decoder:
    decode_value = _decoder(kind)

    def decode_mapping(data: object) -> object:
        if not isinstance(data, dict):
            raise ValueError(f"a mapping is wanted, {data!r} found")
        return {str(key): decode_value(item) for key, item in data.items()}

    return decode_mapping
