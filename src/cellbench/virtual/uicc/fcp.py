"""File control parameters: what SELECT and STATUS answer (11.1.1.3)."""

from __future__ import annotations

from collections.abc import Callable

from cellbench.virtual.uicc.files import CURRENT_APPLICATION, MASTER, Df, Ef, Structure

SHAREABLE, DIRECTORY, CODING = 0x40, 0x38, 0x21
OPERATIONAL, DEACTIVATED = 5, 4  # life cycle status, activated or not (11.1.1.4.9)
CHARACTERISTICS = 0x71  # clock stop allowed, 3 V and 1.8 V (11.1.1.4.6.1)


def tlv(tag: int, value: bytes) -> bytes:
    """One data object with a tag of one byte (ISO/IEC 8825-1)."""
    size = len(value)
    length = bytes([size]) if size < 0x80 else bytes([0x81, size])
    return bytes([tag]) + length + value


def template(file: Df | Ef, enabled: Callable[[int], bool], memory: int) -> bytes:
    """The FCP template of a file; ``enabled`` tells of a key reference, ``memory`` what is free, in bytes."""
    return tlv(0x62, _of_ef(file) if isinstance(file, Ef) else _of_df(file, enabled, memory))


def _of_ef(file: Ef) -> bytes:
    descriptor = bytes([SHAREABLE | file.structure, CODING])
    if file.structure is not Structure.TRANSPARENT:
        descriptor += file.record.to_bytes(2, "big") + bytes([file.records])
    life = OPERATIONAL if file.active else DEACTIVATED
    short = bytes([file.sfi << 3]) if file.sfi else b""  # empty: the file has none (11.1.1.4.8)
    return (tlv(0x82, descriptor) + tlv(0x83, file.fid.to_bytes(2, "big")) + tlv(0x8A, bytes([life]))
            + _security(file.parent.inner, file.rule) + tlv(0x80, len(file.content).to_bytes(2, "big"))
            + tlv(0x88, short))


def _of_df(file: Df, enabled: Callable[[int], bool], memory: int) -> bytes:
    number = CURRENT_APPLICATION if file.aid else file.fid
    name = tlv(0x84, file.aid) if file.aid else b""
    about = tlv(0x80, bytes([CHARACTERISTICS])) if file.fid == MASTER else b""
    about += tlv(0x83, memory.to_bytes(2, "big"))
    return (tlv(0x82, bytes([SHAREABLE | DIRECTORY, CODING])) + tlv(0x83, number.to_bytes(2, "big")) + name
            + tlv(0xA5, about) + tlv(0x8A, bytes([OPERATIONAL])) + _security(file.arr, file.rule)
            + tlv(0xC6, _pin_status(file, enabled)))


def _security(arr: int, rule: int) -> bytes:
    """A reference to a record of EF_ARR (11.1.1.4.7.3)."""
    return tlv(0x8B, arr.to_bytes(2, "big") + bytes([rule]))


def _pin_status(file: Df, enabled: Callable[[int], bool]) -> bytes:
    """PIN status template: one bit for each key reference that follows, the first the highest (9.5.2)."""
    bits = sum(0x80 >> place for place, key in enumerate(file.pins) if enabled(key))
    return tlv(0x90, bytes([bits])) + b"".join(tlv(0x83, bytes([key])) for key in file.pins)
