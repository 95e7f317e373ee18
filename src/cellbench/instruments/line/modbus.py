"""The few Modbus requests that a board of relays needs, without I/O.

MODBUS Application Protocol Specification V1.1b3 (sections 6.1, 6.2, 6.5, 7), MODBUS Messaging on TCP/IP
Implementation Guide V1.0b (3.1.3, the MBAP header) and MODBUS over Serial Line V1.02 (6.2.2, the CRC).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

READ_COILS, READ_INPUTS, WRITE_COIL = 1, 2, 5
COIL = {True: 0xFF00, False: 0x0000}
_MBAP = struct.Struct(">HHHB")
_EXCEPTION = 0x80
EXCEPTIONS: Mapping[int, str] = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "server device failure",
    5: "acknowledge", 6: "server device busy", 10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}


class ModbusRefusal(Exception):
    """The board answered with an exception, or with something that is no answer to the request."""


def read_bits(function: int, address: int, count: int) -> bytes:
    """The request for ``count`` coils or discrete inputs from ``address`` on."""
    return struct.pack(">BHH", function, address, count)


def write_coil(address: int, on: bool) -> bytes:
    """The request that sets one coil."""
    return struct.pack(">BHH", WRITE_COIL, address, COIL[on])


def bits_of(request: bytes, answer: bytes) -> tuple[bool, ...]:
    """The bits in the answer to ``read_bits``; ModbusRefusal when it is none."""
    count: int = struct.unpack(">BHH", request)[2]
    body = _answer_to(request, answer)
    if len(body) != 1 + (count + 7) // 8 or body[0] != len(body) - 1:
        raise ModbusRefusal(f"{len(body)} bytes for {count} bits")
    return tuple(bool(body[1 + index // 8] >> index % 8 & 1) for index in range(count))


def confirm_write(request: bytes, answer: bytes) -> None:
    """The answer to ``write_coil`` repeats it; ModbusRefusal when it does not."""
    if _answer_to(request, answer) != request[1:]:
        raise ModbusRefusal("another coil was written")


def _answer_to(request: bytes, answer: bytes) -> bytes:
    """The answer without its function code."""
    if len(answer) == 2 and answer[0] == request[0] | _EXCEPTION:
        raise ModbusRefusal(f"exception {answer[1]}: {EXCEPTIONS.get(answer[1], 'unknown')}")
    if not answer or answer[0] != request[0]:
        raise ModbusRefusal("the answer is of another function")
    return answer[1:]


class TcpFraming:
    """A request and its answer behind the MBAP header, matched by transaction number."""

    __slots__ = ("_transaction", "_unit")

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._transaction = 0

    def wrap(self, request: bytes) -> bytes:
        """The bytes to send."""
        self._transaction = self._transaction % 0xFFFF + 1
        return _MBAP.pack(self._transaction, 0, len(request) + 1, self._unit) + request

    def complete(self, got: bytes) -> bool:
        """True when the whole answer is there."""
        return len(got) >= _MBAP.size and len(got) >= _MBAP.size - 1 + _MBAP.unpack_from(got)[2]

    def unwrap(self, got: bytes) -> bytes:
        """The answer without its frame; ModbusRefusal when it is that of another request."""
        transaction, protocol, length, unit = _MBAP.unpack_from(got)
        if (transaction, protocol, unit) != (self._transaction, 0, self._unit) or (
                len(got) != _MBAP.size - 1 + length):
            raise ModbusRefusal("the answer is of another request")
        return got[_MBAP.size:]


class RtuFraming:
    """A request and its answer between the unit's address and the CRC."""

    __slots__ = ("_function", "_unit")

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._function = 0

    def wrap(self, request: bytes) -> bytes:
        """The bytes to send."""
        self._function = request[0]
        return with_crc(bytes((self._unit,)) + request)

    def complete(self, got: bytes) -> bool:
        """True when the whole answer is there; its length follows from function and byte count."""
        if len(got) < 5:
            return False
        if got[1] & _EXCEPTION:
            return True
        return len(got) >= (8 if got[1] == WRITE_COIL else 5 + got[2])

    def unwrap(self, got: bytes) -> bytes:
        """The answer without its frame; ModbusRefusal when the CRC or the unit is wrong."""
        if with_crc(got[:-2]) != got:
            raise ModbusRefusal("the CRC is wrong")
        if got[0] != self._unit:
            raise ModbusRefusal(f"unit {got[0]} answered")
        return got[1:-2]


def with_crc(data: bytes) -> bytes:
    """``data`` and its CRC-16, low byte first (MODBUS over Serial Line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return data + struct.pack("<H", crc)
