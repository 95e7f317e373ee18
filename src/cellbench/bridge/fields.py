"""What differs from one moment, card or network to another and is no difference between firmwares.

A line becomes a template: such values and stand-ins become ``{name}``, as long as they have the form that is
declared here; a value that has not stays, so that it is named as a difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from cellbench.catalogue.overlay import command_of, literal
from cellbench.wire.at.values import prefix_of

_FIELD = re.compile(r'"[^"]*"|[^,]+|(?<=,)(?=,|$)')


@dataclass(frozen=True, slots=True)
class Free:
    """One field that is free within a form; ``place`` from 0, None: every field."""

    place: int | None
    name: str
    form: str


def _fields(*rows: tuple[int | None, str, str]) -> tuple[Free, ...]:
    return tuple(Free(*row) for row in rows)


_CELL = r'"[0-9A-Fa-f]{2,8}"'
_REGISTRATION = _fields((None, "cell", _CELL))
_HEX_CONTENT = r'"?(?:[0-9A-Fa-f]{2})*"?'
_TIME = r'"?[0-9]{2}(?:[0-9]{2})?/[0-9]{2}/[0-9]{2},[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[+-][0-9]{2})?"?'

FREE: Mapping[str, tuple[Free, ...]] = MappingProxyType({
    "+CSQ": _fields((0, "rssi", r"[0-9]|[12][0-9]|3[01]|99"), (1, "qual", r"[0-7]|99")),
    "+CESQ": _fields((0, "rxlev", r"[0-9]|[1-5][0-9]|6[0-3]|99"), (1, "ber", r"[0-7]|99"),
                     (2, "rscp", r"[0-9]|[1-8][0-9]|9[0-6]|255"), (3, "ecno", r"[0-9]|[1-4][0-9]|255"),
                     (4, "rsrq", r"[0-9]|[12][0-9]|3[0-4]|255"), (5, "rsrp", r"[0-9]|[1-8][0-9]|9[0-7]|255")),
    "+CREG": _REGISTRATION, "+CGREG": _REGISTRATION, "+CEREG": _REGISTRATION,
    "+COPS": _fields((2, "operator", r'"[^"]+"'), (3, "act", r"[0-9]")),
    "+CIND": _fields((None, "indicator", r"[0-9]")),
    "+CSCON": _fields((1, "connected", r"[01]")),
    "+CGDCONT": _fields((2, "apn", r'"[^"]*"')),
    "+CGCONTRDP": _fields((2, "apn", r'"?[^",]*"?')),
    "+CRSM": _fields((2, "content", _HEX_CONTENT)),
    "+CSIM": _fields((1, "content", _HEX_CONTENT)),
    "+CGLA": _fields((1, "content", _HEX_CONTENT)),
    "+CNUM": _fields((0, "name", r'(?:"[^"]*")?'), (1, "number", r'"\+?[0-9]*"')),
    "+CSCA": _fields((0, "number", r'"\+?[0-9]*"')),
    "+CPMS": _fields((1, "used", r"[0-9]+"), (2, "total", r"[0-9]+"), (4, "used", r"[0-9]+"),
                     (5, "total", r"[0-9]+"), (7, "used", r"[0-9]+"), (8, "total", r"[0-9]+")),
    "+CPOL": _fields((1, "form", r"[0-2]"), (2, "operator", r'"[0-9]+"')),
    "+CEER": _fields((None, "cause", r'[^,]+')),
    "+CMGW": _fields((0, "index", r"[0-9]+")),
    "+UUPING": _fields((4, "ttl", r"[0-9]{1,3}"), (5, "rtt", r"[0-9]{1,5}")),
    **dict.fromkeys(("+UMQTT", "+UMQTTSN", "+UFTP", "+UCOAP", "+CSGT"), _fields((None, "word", r'"[^"]*"'))),
})
"""Free fields by the prefix of the line."""

FREE_LINES: Mapping[str, re.Pattern[str]] = MappingProxyType({
    "+CCLK": re.compile(rf"(?P<head>\+CCLK: )(?P<time>{_TIME})"),
    "+ULSTFILE": re.compile(r"(?P<head>\+ULSTFILE: )(?P<bytes>[0-9]{4,})"),
})
"""Lines that are free as a whole behind their head, by the command's name."""

_FREE_ANSWERS = frozenset({"AT+COPS=?"})  # what is on the air
_CELL_LINES = frozenset({"+UCGED"})
_CELL_VALUE = re.compile(r"-?[0-9A-Fa-f]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Template:
    """A line as a template, with the values that stood in its holes."""

    text: str
    values: Mapping[str, str]


def templated(send: str, line: str, listed: Mapping[str, str]) -> Template:
    """A masked line of the answer to a command as a template; ``listed``: kind by stand-in."""
    if send.upper() in _FREE_ANSWERS:
        return Template("{networks}", {"networks": line})
    if send.endswith("=?"):
        return Template(literal(line), {})
    known = command_of(send)
    name = known[0] if known else ""
    values: dict[str, str] = {}
    whole = FREE_LINES[name].fullmatch(line) if name in FREE_LINES else None
    if whole is not None:
        hole = next(key for key in whole.groupdict() if key != "head")
        return Template(literal(whole["head"]) + _hole(hole, whole[hole], values), values)
    prefix = prefix_of(line)
    if name in _CELL_LINES and prefix != name and "," in line:
        fields = [_hole("cell", one, values) if _CELL_VALUE.fullmatch(one) else literal(one)
                  for one in line.split(",")]
        return Template(",".join(fields), values)
    rules = FREE.get(prefix, ())
    head = line[:len(prefix) + 1] if prefix and line.startswith(f"{prefix}:") else ""
    body = line[len(head):]
    parts, at = [_identities(head, listed, values)], 0
    for place, field in enumerate(_FIELD.finditer(body)):
        parts.append(_identities(body[at:field.start()], listed, values))
        parts.append(_field(field[0], place, rules, listed, values))
        at = field.end()
    parts.append(_identities(body[at:], listed, values))
    return Template("".join(parts), values)


def _field(text: str, place: int, rules: tuple[Free, ...], listed: Mapping[str, str],
           values: dict[str, str]) -> str:
    bare = text.strip(" ")
    for rule in rules:
        if rule.place in (None, place) and re.fullmatch(rule.form, bare):
            before, _, after = text.partition(bare) if bare else (text, "", "")
            return before + _hole(rule.name, bare, values) + after
    return _identities(text, listed, values)


def _identities(text: str, listed: Mapping[str, str], values: dict[str, str]) -> str:
    """A text with its stand-ins as holes."""
    if not text:
        return ""
    parts, at = [], 0
    for found in _finder(tuple(listed.items())).finditer(text):
        name = listed.get(found[0]) or found[0].strip("{}")
        parts += [literal(text[at:found.start()]), _hole(name, found[0], values)]
        at = found.end()
    return "".join(parts) + literal(text[at:])


@lru_cache(maxsize=64)
def _finder(stand_ins: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    """What finds stand-ins as whole values, and values of the bench, in a text; a telephone number stands
    behind the digits that were kept of it."""
    longest = sorted(stand_ins, key=lambda one: len(one[0]), reverse=True)
    return re.compile("|".join([r"\{[a-z][a-z0-9_]*\}", *(
        ("" if kind == "number" else "(?<![0-9])") + re.escape(value) + "(?![0-9])"
        for value, kind in longest)]))


def _hole(name: str, value: str, values: dict[str, str]) -> str:
    """A hole by a name that the line has not yet."""
    number, chosen = 1, name
    while chosen in values:
        number += 1
        chosen = f"{name}{number}"
    values[chosen] = value
    return "{" + chosen + "}"
