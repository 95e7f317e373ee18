"""The frame checking sequence (27.010 5.2.1.6, annex B): CRC-8, x^8 + x^2 + x + 1, bits least first."""

from __future__ import annotations

_REVERSED = 0xE0  # the polynomial without x^8, bit 7 standing for x^0
_START = 0xFF
_RESIDUE = 0xCF


def _row(index: int) -> int:
    register = index
    for _ in range(8):
        register = register >> 1 ^ _REVERSED if register & 1 else register >> 1
    return register


TABLE = bytes(map(_row, range(256)))
"""The register after one octet, by register xor octet."""


def fcs(octets: bytes) -> int:
    """The check octet of the covered octets: the ones' complement of the remainder."""
    register = _START
    for octet in octets:
        register = TABLE[register ^ octet]
    return 0xFF - register


def checks(octets: bytes, check: int) -> bool:
    """True when ``check`` belongs to the octets: the remainder over both is always the same."""
    register = _START
    for octet in octets:
        register = TABLE[register ^ octet]
    return TABLE[register ^ check] == _RESIDUE
