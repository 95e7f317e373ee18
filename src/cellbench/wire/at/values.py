"""Information text responses and URCs as typed fields (3GPP TS 27.007 clause 3, V.250 5.7)."""

from __future__ import annotations

from typing import TypeAlias

Fields: TypeAlias = tuple["int | str | None", ...]


def prefix_of(line: str) -> str:
    """The prefix of a line, without the colon: ``+CSQ: 3,99`` gives ``+CSQ``; "" where there is none.

    A line without a colon is its own prefix when it is a bare code such as ``RING``.
    """
    if line[:1] not in "+^*&%#" or not line:
        return line if line.isupper() and line.replace(" ", "").isalpha() else ""
    head, colon, _ = line.partition(":")
    return head.rstrip() if colon else line.split("=", 1)[0].rstrip()


def fields_of(line: str) -> Fields:
    """The fields behind the prefix: numbers as int, quoted or other text as str, empty as None.

    Blanks around fields are ignored (LENA-R8 guide 4.2.1); commas inside quotes and round brackets do not
    divide; a bracketed list stays text. A quoted number stays text.
    """
    return tuple(_typed(part) for part in split_fields(_body(line)))


def _body(line: str) -> str:
    if line[:1] in "+^*&%#" and line:
        _, colon, rest = line.partition(":")
        if colon:
            return rest
        return ""
    return line


def split_fields(body: str) -> list[str]:
    """Divide at commas outside quotes and round brackets; each part without the blanks around it."""
    body = body.strip()
    if not body:
        return []
    if '"' not in body and "(" not in body:
        return [part.strip() for part in body.split(",")]
    parts: list[str] = []
    start = depth = 0
    quoted = False
    for index, char in enumerate(body):
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth = max(0, depth - 1)
        elif char == "," and depth == 0:
            parts.append(body[start:index].strip())
            start = index + 1
    parts.append(body[start:].strip())
    return parts


def _typed(part: str) -> int | str | None:
    if not part:
        return None
    if part[0] == '"':
        return part[1:-1] if len(part) > 1 and part[-1] == '"' else part[1:]
    digits = part[1:] if part[0] == "-" else part
    # Leading zeros carry meaning (S registers answer 043) and long digit strings are identities (IMEI, ICCID).
    if digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0") and len(digits) <= 12:
        return int(part)
    return part
