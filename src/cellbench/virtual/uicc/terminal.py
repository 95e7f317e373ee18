"""The terminal's half of T=0: an APDU becomes commands of T=0, and what they say is followed (7.3.1.1)."""

from __future__ import annotations

from collections.abc import Callable

Transmit = Callable[[bytes], bytes]
GET_RESPONSE = 0xC0
HEADER = 5
BOTH_WAYS = frozenset({0x32, 0x88, 0xA2, 0xA4, 0xC2})
DATA_TO_CARD = BOTH_WAYS | {0x04, 0x10, 0x14, 0x20, 0x24, 0x26, 0x28, 0x2C, 0x44, 0xAA, 0xD6, 0xDC}
"""Instructions whose fifth byte is Lc; those whose response is fetched besides (table 10.5)."""
MORE, WRONG_LE = 0x61, 0x6C
WARNINGS = (0x62, 0x63)
_LONGEST = 64
"""Rounds in which a response is fetched, lest a card lead the terminal round for ever."""


def exchange(transmit: Transmit, apdu: bytes, *, repeat: bool = True) -> bytes:
    """The whole response to an APDU. 61XX is followed by GET RESPONSE, 6CXX by the command again with the
    length it names (not without ``repeat``), as 7.3.1.1.3 to 7.3.1.1.5 prescribe."""
    command, ins = apdu, apdu[1]
    to_card = ins in DATA_TO_CARD
    if to_card and len(apdu) > HEADER and len(apdu) == HEADER + apdu[4] + 1:
        command = apdu[:-1]  # case 4: T=0 has no place for Le
    answer = transmit(command)
    if answer[-2] == WRONG_LE and not to_card and repeat:
        answer = transmit(command[:4] + answer[-1:])
    if ins not in BOTH_WAYS or answer[-2] not in (MORE, *WARNINGS):
        return answer
    return _fetched(transmit, command[0], answer)


def _fetched(transmit: Transmit, cla: int, first: bytes) -> bytes:
    """The data that wait, and the ending: that of the command itself when it was a warning."""
    warning = first if first[0] in WARNINGS else b""
    head = bytes([cla & 0x4F, GET_RESPONSE, 0, 0])  # the same channel, without 80 (table 10.5)
    answer = transmit(head + (first[1:] if not warning else b"\0"))
    data = b""
    for _ in range(_LONGEST):
        data += answer[:-2]
        if answer[-2] not in (MORE, WRONG_LE):
            break
        answer = transmit(head + answer[-1:])
    if warning and not data:
        return warning
    return data + (warning or answer[-2:])
