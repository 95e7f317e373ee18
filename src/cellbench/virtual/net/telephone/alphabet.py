"""Alphabets of short messages: the GSM 7 bit default alphabet with its extension table, and its packing
(3GPP TS 23.038 6.1.2.1, 6.2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""Table 6.2.1.0.1 in the order of its codes; 27 escapes to the extension table."""
ESCAPE = 27
EXTENSION: Mapping[int, str] = MappingProxyType({
    10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"})
"""Table 6.2.1.1.1 without the two codes that mean no character (13: CR2, 27: SS2)."""

_CODES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {**{char: (code,) for code, char in enumerate(DEFAULT) if code != ESCAPE},
     **{char: (ESCAPE, code) for code, char in EXTENSION.items()}})
_SPACE = 32


def septets(text: str) -> bytes | None:
    """The codes of a text, one in each byte; None when a character is in neither table."""
    found = bytearray()
    for char in text:
        codes = _CODES.get(char)
        if codes is None:
            return None
        found += bytes(codes)
    return bytes(found)


def nearest_septets(text: str) -> bytes:
    """As ``septets``, a space for every character that is in neither table."""
    return b"".join(bytes(_CODES.get(char, (_SPACE,))) for char in text)


def text_of(codes: bytes) -> str:
    """The text of codes; a code that the extension table lacks is that of the default table (6.2.1.1, note),
    an escape at the end a space."""
    found: list[str] = []
    escaped = False
    for code in codes:
        if escaped:
            found.append(EXTENSION.get(code, " " if code == ESCAPE else DEFAULT[code & 0x7F]))
            escaped = False
        elif code == ESCAPE:
            escaped = True
        else:
            found.append(DEFAULT[code & 0x7F])
    return "".join(found) + (" " if escaped else "")


def pack(codes: bytes, fill: int = 0) -> bytes:
    """Septets to octets, lowest bits first, behind ``fill`` zero bits (6.1.2.1.1; the fill bits bring the
    first septet behind a user data header to a septet boundary, 3GPP TS 23.040 9.2.3.24)."""
    value, bits = 0, fill
    for code in codes:
        value |= (code & 0x7F) << bits
        bits += 7
    return value.to_bytes((bits + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill: int = 0) -> bytes:
    """``count`` septets out of octets."""
    value = int.from_bytes(octets, "little") >> fill
    return bytes(value >> 7 * place & 0x7F for place in range(count))
