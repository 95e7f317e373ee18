"""Information text responses and URCs as typed fields (3GPP TS 27.007 clause 3, V.250 5.7).

Text is decoded as Latin-1: one character is one byte of the wire, so announced lengths hold and
``text.encode("latin-1")`` gives the bytes back.
"""

from __future__ import annotations

import re
from typing import TypeAlias

Fields: TypeAlias = tuple["int | str | None", ...]


_BLANK = " \r\n"
_LONGEST_NUMBER = 12
_PREFIX_MARKS = "+^*&%#"
_LENGTH = re.compile(r"(?:^|[,:])[ ]*([0-9]{1,9})[ ]*,[ ]*$")
_HEX = re.compile(r"[0-9A-Fa-f]*\Z")
# Lines whose quoted strings follow their own length, and may hold any byte, CR LF and quotes included:
# +USORD: <socket>,<length>,"<data>" (LENA-R8 guide 9.2.2), +USORF, +URDFILE, +URDBLOCK, +UUFTPCD, and the
# reads of the MQTT and MQTT-SN clients (u-blox AT manuals). With hexadecimal data (+UDCONF=1,1) the string
# is twice as long as announced.
_ANNOUNCED_LINE = re.compile(
    r"(?:\+USOR[DF]|\+URDFILE|\+URDBLOCK|\+UUFTPCD):|\+UMQTTC: ?[69] ?,|\+UMQTTSNC: ?9 ?,")


def announces(line: str) -> bool:
    """True for a line whose strings follow their length."""
    return _ANNOUNCED_LINE.match(line) is not None


def announced_length(before: str) -> int | None:
    """The length that a string announces: the number in front of its opening quote, or None."""
    found = _LENGTH.search(before)
    return int(found.group(1)) if found else None


def is_hex(text: str) -> bool:
    """True when every character is a hexadecimal digit."""
    return _HEX.match(text) is not None


def prefix_of(line: str) -> str:
    """The prefix of a line, without the colon: ``+CSQ: 3,99`` gives ``+CSQ``; "" where there is none.

    A line of capitals alone is its own prefix: ``RING``, ``NO CARRIER``.
    """
    if line and line[0] in _PREFIX_MARKS:
        head, colon, _ = line.partition(":")
        if colon and head[-1] != " ":
            return head
        return (head if colon else line.partition("=")[0]).rstrip()
    return line if line.isupper() and line.replace(" ", "").isalpha() else ""


def fields_of(line: str) -> Fields:
    """The fields behind the prefix: numbers as int, quoted or other text as str, empty as None.

    Blanks around fields are ignored (LENA-R8 guide 4.2.1); commas inside quotes and round brackets do not
    divide; a bracketed list stays text. A quoted number stays text.
    """
    return fields_behind(line.partition(":")[2] if line and line[0] in _PREFIX_MARKS else line, line)


def fields_behind(body: str, line: str) -> Fields:
    """The fields of what stands behind the prefix of a line."""
    if '"' in body or "(" in body:
        return tuple([_typed(part) for part in split_fields(body, announces(line))])
    if not body or body.isspace():
        return ()
    # The plain number first: most fields are one.
    return tuple([int(field) if (field := part.strip()).isdecimal() and field[0] != "0" and len(field) < 10
                  else _typed(field) for part in body.split(",")])


def split_fields(body: str, announced: bool = False) -> list[str]:
    """Divide at commas outside quotes and round brackets; each part without the blanks around it.

    With ``announced``, a string whose length stands before it is taken by that length.
    """
    body = body.strip(_BLANK)
    if not body:
        return []
    parts: list[str] = []
    start = depth = index = 0
    while index < len(body):
        char = body[index]
        if char == '"':
            index = string_end(body, index, announced)
        elif char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif char == "," and depth == 0:
            parts.append(body[start:index].strip(" "))
            start = index + 1
        index += 1
    parts.append(body[start:].strip(" "))
    return parts


def string_end(text: str, opening: int, announced: bool) -> int:
    """The index of the quote that closes the string opened at ``opening``; the end where none does."""
    if announced:
        length = announced_length(text[:opening])
        if length is not None:
            for size in (length, 2 * length):
                end = opening + 1 + size
                if text[end:end + 1] == '"' and (size == length or is_hex(text[opening + 1:end])):
                    return end
    end = text.find('"', opening + 1)
    return len(text) if end < 0 else end


def _typed(part: str) -> int | str | None:
    if not part:
        return None
    if part.isdecimal() and (part[0] != "0" or part == "0") and len(part) <= _LONGEST_NUMBER:
        return int(part)
    if part[0] == '"':
        return part[1:-1] if len(part) > 1 and part[-1] == '"' else part[1:]
    digits = part[1:] if part[0] == "-" else part
    # Leading zeros carry meaning (S registers answer 043) and long digit strings are identities (IMEI,
    # ICCID).
    if digits.isdecimal() and (digits[0] != "0" or digits == "0") and len(digits) <= _LONGEST_NUMBER:
        return int(part)
    return part
