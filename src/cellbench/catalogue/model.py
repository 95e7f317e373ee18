"""The shapes that facts take: a command, a URC, an error number, each with source and evidence."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class Series(enum.Enum):
    """A module series of the maker."""

    LENA_R8 = "LENA-R8"
    LARA_R6 = "LARA-R6"


BOTH = frozenset(Series)
R8_ONLY = frozenset({Series.LENA_R8})
R6_ONLY = frozenset({Series.LARA_R6})


class Evidence(enum.Enum):
    """How well a fact is known; a GUESS never decides a FAIL alone."""

    GUIDE = "guide"
    MANUAL = "manual"
    SIBLING = "sibling's manual"
    DRIVER = "foreign driver"
    STANDARD = "standard"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from: the kind of evidence and the place ("LENA-R8 guide 9.2.1, Table 25")."""

    evidence: Evidence
    where: str


class Form(enum.Enum):
    """The forms of a command (V.250 5.4)."""

    EXECUTE = "execute"  # AT+CSQ, ATH
    SET = "set"  # AT+CMEE=2
    READ = "read"  # AT+CMEE?
    TEST = "test"  # AT+CMEE=?


class Kind(enum.Enum):
    """The type of a parameter on the wire."""

    INTEGER = "integer"
    STRING = "string"  # quoted
    EITHER = "either"  # a string whose quotes may be missing
    DATA = "data"  # the last parameter, any characters, quoted or not


class Storage(enum.Enum):
    """Where the module keeps what a set command says."""

    NONE = "none"
    VOLATILE = "volatile"
    PROFILE = "profile"
    NVM = "nvm"


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a set command.

    ``ranges`` are inclusive integer ranges; ``choices`` are allowed strings; both empty: anything of
    the kind. ``max_length`` is in characters. ``secret``: never stored in clear; with ``secret_when``
    only while each integer parameter it names has one of the values given, with ``secret_part`` (a
    regular expression) only what its group matches. ``by_series`` replaces ``ranges`` for one series.
    ``repeated``: one of a run of like parameters of which any number may be given (the contexts of +CGACT).
    """

    name: str
    kind: Kind = Kind.INTEGER
    ranges: tuple[tuple[int, int], ...] = ()
    choices: tuple[str, ...] = ()
    optional: bool = False
    max_length: int | None = None
    secret: bool = False
    by_series: Mapping[Series, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    repeated: bool = False
    secret_when: Mapping[str, frozenset[int]] = field(default_factory=dict)
    secret_part: str = ""

    def ranges_for(self, series: Series) -> tuple[tuple[int, int], ...]:
        """The allowed ranges on one series."""
        return self.by_series.get(series, self.ranges)


@dataclass(frozen=True, slots=True)
class Command:
    """One AT command: its name ("+CGDCONT", "I", "&K", "D"), forms, parameters and times.

    ``response_s`` is the longest time to the final result code by form group, in seconds: the key
    None is the default; a Form overrides it. ``info`` is the prefix of the information text
    response, "" when the text has no prefix (ATI, +CGSN), None when there is none. ``prompt`` is the
    character that asks for a payload (">" or "@"). ``stored`` says where the setting lives,
    ``stored_by_series`` where one series differs.
    ``params_by_series`` replaces ``params`` where one series gives them another order.
    ``payload_secret_when``: what the prompt asks for is never stored in clear while these integer
    parameters have these values.
    """

    name: str
    title: str
    forms: frozenset[Form]
    source: Source
    params: tuple[Param, ...] = ()
    series: frozenset[Series] = BOTH
    info: str | None = None
    response_s: Mapping[Form | None, float] = field(default_factory=lambda: {None: 1.0})
    response_source: Source | None = None
    abortable: bool = False
    needs_pin: bool = False
    stored: Storage = Storage.NONE
    prompt: str | None = None
    prompt_forms: frozenset[Form] = frozenset({Form.SET})
    urcs: tuple[str, ...] = ()
    alone_on_line: bool = False
    notes: str = ""
    params_by_series: Mapping[Series, tuple[Param, ...]] = field(default_factory=dict)
    stored_by_series: Mapping[Series, Storage] = field(default_factory=dict)
    payload_secret_when: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def stored_on(self, series: Series) -> Storage:
        """Where one series keeps the setting."""
        return self.stored_by_series.get(series, self.stored)

    def params_for(self, series: Series) -> tuple[Param, ...]:
        """The parameters of the set command on one series, in the order in which they are sent."""
        return self.params_by_series.get(series, self.params)

    def response_time_s(self, form: Form) -> float:
        """The longest time to the final result code of one form, in seconds."""
        return self.response_s.get(form, self.response_s[None])


@dataclass(frozen=True, slots=True)
class Urc:
    """An unsolicited result code: its prefix ("+UUSORD", "RING") and parameter names."""

    prefix: str
    title: str
    source: Source
    params: tuple[str, ...] = ()
    series: frozenset[Series] = BOTH
    also_information: bool = False  # the prefix is that of an information text response too


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One number of +CME ERROR, +CMS ERROR or a client's error class."""

    number: int
    text: str
    source: Source
    series: frozenset[Series] = BOTH


@dataclass(frozen=True, slots=True)
class FinalCode:
    """A final result code in both forms (V.250 5.7.1)."""

    text: str
    number: int
    success: bool
    source: Source
