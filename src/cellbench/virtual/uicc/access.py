"""Who may do what to a file: access rules in EF_ARR, in expanded format (9.2.4, 9.3, ISO/IEC 7816-4)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator

ALWAYS, NEVER, USER, ALL_OF, ANY_OF = 0x90, 0x97, 0xA4, 0xAF, 0xA0
MODE, INSTRUCTIONS = 0x80, 0x84
INCREASE = 0x32


class Operation(enum.IntEnum):
    """What is done to an EF, as the bit of an access mode byte (table 9.2 of ISO/IEC 7816-4)."""

    READ = 0x01
    UPDATE = 0x02
    DEACTIVATE = 0x08
    ACTIVATE = 0x10
    INCREASE = 0x100  # not a bit: named by its instruction code


def objects(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """The data objects in a record; padding with FF ends it. What is cut short is left out."""
    place = 0
    while place + 1 < len(raw) and raw[place] not in (0xFF, 0x00):
        size = raw[place + 1]
        yield raw[place], raw[place + 2:place + 2 + size]
        place += 2 + size


def allowed(record: bytes, operation: Operation, satisfied: Callable[[int], bool]) -> bool:
    """True when a rule lets ``operation`` pass; ``satisfied`` tells of a key reference.

    A rule is a row of access modes, each followed by its security condition; what it does not name is never
    allowed (9.2.4).
    """
    named = False
    for tag, value in objects(record):
        if tag in (MODE, INSTRUCTIONS):
            if tag == MODE:
                named = bool(value and operation < 0x100 and value[0] & operation)
            else:
                named = operation is Operation.INCREASE and INCREASE in value
        elif named:
            return _holds(tag, value, satisfied)
    return False


def _holds(tag: int, value: bytes, satisfied: Callable[[int], bool]) -> bool:
    if tag == ALWAYS:
        return True
    if tag == USER:
        return any(satisfied(key[0]) for inner, key in objects(value) if inner == 0x83 and key)
    if tag in (ANY_OF, ALL_OF):
        parts = [_holds(inner, content, satisfied) for inner, content in objects(value)]
        return any(parts) if tag == ANY_OF else bool(parts) and all(parts)
    return False


def user(key: int) -> bytes:
    """The condition that a PIN has been verified: control reference template with key and usage (9.5.1)."""
    return bytes([USER, 6, 0x83, 1, key, 0x95, 1, 0x08])


def rule(*parts: tuple[int | bytes, int | None]) -> bytes:
    """A record: (access mode byte or instruction codes, key reference); key None is always, 0 never."""
    out = b""
    for mode, key in parts:
        out += bytes([MODE, 1, mode]) if isinstance(mode, int) else bytes([INSTRUCTIONS, len(mode)]) + mode
        out += bytes([ALWAYS, 0]) if key is None else bytes([NEVER, 0]) if key == 0 else user(key)
    return out
