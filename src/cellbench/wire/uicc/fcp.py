"""File control parameters, what SELECT and STATUS answer (ETSI TS 102 221 11.1.1.3, 11.1.1.4)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from cellbench.wire.uicc.errors import MalformedAnswer
from cellbench.wire.uicc.tlv import Tlv, parse_tlvs

_TEMPLATE = 0x62
_SIZE, _TOTAL, _DESCRIPTOR, _IDENTIFIER, _NAME, _SFI, _LIFE, _ARR = (
    0x80, 0x81, 0x82, 0x83, 0x84, 0x88, 0x8A, 0x8B)
_PIN_STATUS, _PS, _USAGE, _KEY = 0xC6, 0x90, 0x95, 0x83


class Structure(enum.Enum):
    """What kind of file (11.1.1.4.3)."""

    DIRECTORY = "directory"
    TRANSPARENT = "transparent"
    LINEAR = "linear fixed"
    CYCLIC = "cyclic"
    BER_TLV = "BER-TLV"


class LifeCycle(enum.Enum):
    """Life cycle status (11.1.1.4.9)."""

    NONE = "no information"
    CREATION = "creation"
    INITIALISATION = "initialisation"
    ACTIVATED = "operational, activated"
    DEACTIVATED = "operational, deactivated"
    TERMINATED = "terminated"
    PROPRIETARY = "proprietary"


@dataclass(frozen=True, slots=True)
class FileControl:
    """What a card says of a file. ``size`` in octets (None: not told, as for directories); ``sfi`` 0: it has
    no short identifier; ``rule`` the file of access rules and the record in it; ``pins`` by key reference:
    whether it is enabled."""

    structure: Structure
    shareable: bool
    file: int | None = None
    size: int | None = None
    record_size: int = 0
    records: int = 0
    sfi: int = 0
    name: bytes = b""
    life: LifeCycle = LifeCycle.NONE
    rule: tuple[int, int] | None = None
    pins: Mapping[int, bool] = field(default_factory=dict)


def parse_fcp(octets: bytes) -> FileControl:
    """A template 62; MalformedAnswer for what is none, or lacks the mandatory file descriptor."""
    found = parse_tlvs(octets)
    if len(found) != 1 or found[0].tag != _TEMPLATE:
        raise MalformedAnswer(f"{octets[:8].hex().upper()}...: a template 62 is due (TS 102 221 11.1.1.3)")
    parts = {one.tag: one.value for one in reversed(found[0].parts())}  # the first of each tag counts
    if _DESCRIPTOR not in parts:
        raise MalformedAnswer("file control parameters without a file descriptor (tag 82)")
    structure, shareable, record_size, records = _descriptor(parts[_DESCRIPTOR])
    file = _number(parts, _IDENTIFIER, 2)
    return FileControl(
        structure, shareable, file, _number(parts, _SIZE), record_size, records,
        _sfi(parts.get(_SFI), file, structure), parts.get(_NAME, b""), _life(parts.get(_LIFE)),
        _rule(parts.get(_ARR)), _pins(parts.get(_PIN_STATUS)))


def _descriptor(value: bytes) -> tuple[Structure, bool, int, int]:
    if len(value) not in (2, 5):
        raise MalformedAnswer(f"a file descriptor of {len(value)} octets, 2 or 5 are due (11.1.1.4.3)")
    first = value[0]
    kind, low = first >> 3 & 0x07, first & 0x07
    if kind == 0x07:
        structure = {0: Structure.DIRECTORY, 1: Structure.BER_TLV}.get(low)
    else:
        structure = {1: Structure.TRANSPARENT, 2: Structure.LINEAR, 6: Structure.CYCLIC}.get(low)
    if structure is None or first & 0x80:
        raise MalformedAnswer(f"a file descriptor byte {first:02X} (11.1.1.4.3)")
    recorded = structure in (Structure.LINEAR, Structure.CYCLIC)
    if recorded != (len(value) == 5):
        raise MalformedAnswer(f"a {structure.value} file with a descriptor of {len(value)} octets")
    return (structure, bool(first & 0x40), int.from_bytes(value[2:4], "big") if recorded else 0,
            value[4] if recorded else 0)


def _number(parts: dict[int, bytes], tag: int, width: int | None = None) -> int | None:
    value = parts.get(tag)
    if value is None:
        return None
    if not value or (width is not None and len(value) != width):
        raise MalformedAnswer(f"tag {tag:02X} with {len(value)} octets")
    return int.from_bytes(value, "big")


def _sfi(value: bytes | None, file: int | None, structure: Structure) -> int:
    """Tag 88: absent, the last five bits of the identifier are it; empty, there is none (11.1.1.4.8)."""
    if structure is Structure.DIRECTORY:
        return 0
    if value is None:
        return (file or 0) & 0x1F
    return value[0] >> 3 if value else 0


def _life(value: bytes | None) -> LifeCycle:
    if not value:
        return LifeCycle.NONE
    code = value[0]
    if code > 0x0F:
        return LifeCycle.PROPRIETARY
    if code >= 0x0C:
        return LifeCycle.TERMINATED
    if code & 0x0C == 0x04:
        return LifeCycle.ACTIVATED if code & 1 else LifeCycle.DEACTIVATED
    return {1: LifeCycle.CREATION, 3: LifeCycle.INITIALISATION}.get(code, LifeCycle.NONE)


def _rule(value: bytes | None) -> tuple[int, int] | None:
    """Tag 8B with three octets: file of access rules and record; longer forms go by environment."""
    if value is None or len(value) < 3:
        return None
    return int.from_bytes(value[:2], "big"), value[2]


def _pins(value: bytes | None) -> dict[int, bool]:
    """The PIN status template (9.5.2): bit 8 of PS_DO stands for the first key reference."""
    if value is None:
        return {}
    parts = parse_tlvs(value)
    states = next((one.value for one in parts if one.tag == _PS), b"")
    keys = [one.value[0] for one in parts if _is_key(one)]
    return {key: bool(states[place // 8] & 0x80 >> place % 8)
            for place, key in enumerate(keys) if place // 8 < len(states)}


def _is_key(one: Tlv) -> bool:
    return one.tag == _KEY and len(one.value) == 1
