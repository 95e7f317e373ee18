"""The words in which commands are declared."""

from __future__ import annotations

from collections.abc import Mapping

from cellbench.catalogue.model import (
    BOTH,
    Command,
    Form,
    Kind,
    Param,
    Series,
    Source,
    Storage,
)
from cellbench.catalogue.sources import guess, ubxlib

R8 = Series.LENA_R8
R6 = Series.LARA_R6

_FORMS = {"x": Form.EXECUTE, "s": Form.SET, "r": Form.READ, "t": Form.TEST}

Ranges = tuple[tuple[int, int], ...]

DRIVER_WAIT_S = 10.0
DRIVER_WAIT = ubxlib('AT time-out default of the driver, 10 s; the guides\' "-" is some tens of ms')
"""What the public driver waits for an answer that the manuals call immediate."""

TEN = 10.0
TEN_SOURCE = guess("10 s, remembered group of the manual's response times")


def forms(letters: str) -> frozenset[Form]:
    """Forms from letters: x execute, s set, r read, t test."""
    return frozenset(_FORMS[letter] for letter in letters)


def spans(*parts: int | tuple[int, int]) -> Ranges:
    """Inclusive ranges from single numbers and pairs."""
    return tuple(part if isinstance(part, tuple) else (part, part) for part in parts)


def number(
    name: str,
    *parts: int | tuple[int, int],
    optional: bool = False,
    r8: Ranges | None = None,
    r6: Ranges | None = None,
    secret: bool = False,
) -> Param:
    """An integer parameter; ``parts`` are its ranges, ``r8`` and ``r6`` those of one series."""
    by_series = {series: ranges for series, ranges in ((R8, r8), (R6, r6)) if ranges is not None}
    return Param(name, Kind.INTEGER, spans(*parts), optional=optional, by_series=by_series, secret=secret)


def text(
    name: str, *choices: str, optional: bool = False, longest: int | None = None, secret: bool = False
) -> Param:
    """A quoted string."""
    return Param(name, Kind.STRING, choices=choices, optional=optional, max_length=longest, secret=secret)


def either(
    name: str, *choices: str, optional: bool = False, longest: int | None = None, secret: bool = False,
    secret_when: Mapping[str, frozenset[int]] | None = None, secret_part: str = "",
) -> Param:
    """A string whose quotes may be missing."""
    return Param(name, Kind.EITHER, choices=choices, optional=optional, max_length=longest,
                 secret=secret or secret_when is not None or bool(secret_part),
                 secret_when=secret_when or {}, secret_part=secret_part)


def data(name: str, *, optional: bool = False, longest: int | None = None) -> Param:
    """The last parameter, any characters, quoted or not."""
    return Param(name, Kind.DATA, optional=optional, max_length=longest)


def run(
    name: str, count: int, *parts: int | tuple[int, int], r8: Ranges | None = None, r6: Ranges | None = None
) -> tuple[Param, ...]:
    """``count`` like optional integers, of which any number may be given."""
    by_series = {series: ranges for series, ranges in ((R8, r8), (R6, r6)) if ranges is not None}
    return tuple(
        Param(
            f"{name}{place}", Kind.INTEGER, spans(*parts), optional=True, by_series=by_series, repeated=True
        )
        for place in range(1, count + 1)
    )


def command(
    name: str,
    title: str,
    letters: str,
    source: Source,
    *params: Param,
    series: frozenset[Series] = BOTH,
    info: str | None = None,
    times: float | Mapping[Form | None, float] = DRIVER_WAIT_S,
    times_source: Source = DRIVER_WAIT,
    abortable: bool = False,
    needs_pin: bool = False,
    stored: Storage = Storage.NONE,
    prompt: str | None = None,
    urcs: tuple[str, ...] = (),
    alone: bool = False,
    notes: str = "",
    params_by_series: Mapping[Series, tuple[Param, ...]] | None = None,
    stored_by_series: Mapping[Series, Storage] | None = None,
    payload_secret_when: Mapping[str, frozenset[int]] | None = None,
) -> Command:
    """A command; ``info`` defaults to its name where it can be read, ``times`` is in seconds."""
    shown = forms(letters)
    if info is None and name.startswith("+") and Form.READ in shown:
        info = name
    response_s: Mapping[Form | None, float] = {None: times} if isinstance(times, int | float) else times
    return Command(
        name=name,
        title=title,
        forms=shown,
        source=source,
        params=params,
        series=series,
        info=info,
        response_s=response_s,
        response_source=times_source,
        abortable=abortable,
        needs_pin=needs_pin,
        stored=stored,
        prompt=prompt,
        urcs=urcs,
        alone_on_line=alone,
        notes=notes,
        params_by_series=params_by_series or {},
        stored_by_series=stored_by_series or {},
        payload_secret_when=payload_secret_when or {},
    )


def slow_set(set_s: float, others_s: float = DRIVER_WAIT_S) -> dict[Form | None, float]:
    """``set_s`` for the set and execute forms, ``others_s`` for the rest, in seconds."""
    return {None: others_s, Form.SET: set_s, Form.EXECUTE: set_s}
