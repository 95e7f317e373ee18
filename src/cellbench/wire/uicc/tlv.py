"""BER-TLV data objects (ETSI TS 101 220 7.1, ISO/IEC 7816-4 5.2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cellbench.wire.uicc.errors import MalformedAnswer

_LONGEST_TAG = 3


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object; ``tag`` with all its octets."""

    tag: int
    value: bytes

    @property
    def constructed(self) -> bool:
        """True when the value is data objects."""
        return bool(_first_octet(self.tag) & 0x20)

    def parts(self) -> tuple[Tlv, ...]:
        """The data objects in its value."""
        return parse_tlvs(self.value)


def parse_tlvs(octets: bytes, *, padding: bool = False) -> tuple[Tlv, ...]:
    """The data objects one after the other; with ``padding`` FF behind the last is passed over. Raises
    MalformedAnswer for what is cut short or coded otherwise."""
    return tuple(_objects(octets, padding))


def encode_tlv(tag: int, value: bytes) -> bytes:
    """One data object, its length in the shortest form."""
    size = len(value)
    if size < 0x80:
        length = bytes((size,))
    else:
        width = (size.bit_length() + 7) // 8
        length = bytes((0x80 | width,)) + size.to_bytes(width, "big")
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + length + value


def _objects(octets: bytes, padding: bool) -> Iterator[Tlv]:
    place = 0
    while place < len(octets):
        if padding and set(octets[place:]) == {0xFF}:
            return
        tag, place = _tag(octets, place)
        size, place = _length(octets, place)
        if place + size > len(octets):
            raise MalformedAnswer(f"tag {tag:X}: {size} octets announced, {len(octets) - place} are there")
        yield Tlv(tag, octets[place:place + size])
        place += size


def _tag(octets: bytes, place: int) -> tuple[int, int]:
    begin = place
    more = octets[place] & 0x1F == 0x1F
    place += 1
    while more:
        if place >= len(octets) or place - begin >= _LONGEST_TAG:
            raise MalformedAnswer(f"the tag {octets[begin:place].hex().upper()} does not end")
        more = bool(octets[place] & 0x80)
        place += 1
    return int.from_bytes(octets[begin:place], "big"), place


def _length(octets: bytes, place: int) -> tuple[int, int]:
    if place >= len(octets):
        raise MalformedAnswer("a tag without a length")
    first = octets[place]
    place += 1
    if first < 0x80:
        return first, place
    width = first & 0x7F
    if not 1 <= width <= 3 or place + width > len(octets):
        raise MalformedAnswer(f"a length coded {first:02X}")
    return int.from_bytes(octets[place:place + width], "big"), place + width


def _first_octet(tag: int) -> int:
    return tag >> 8 * max(0, (tag.bit_length() + 7) // 8 - 1)
