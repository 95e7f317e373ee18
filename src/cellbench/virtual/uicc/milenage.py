"""Milenage: f1 to f5* of 3GPP TS 35.206, AES-128 being its kernel."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16
_ROTATIONS = (64, 0, 32, 64, 96)  # r1 to r5 in bits (TS 35.206 4.1)
_CONSTANTS = (0, 1, 2, 4, 8)  # c1 to c5 (TS 35.206 4.1)


def xor(one: bytes, other: bytes) -> bytes:
    """Bitwise exclusive or of two strings of the same length."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _rotated(block: bytes, bits: int) -> bytes:
    """Cyclic rotation towards the most significant bit, by whole bytes."""
    place = bits // 8
    return block[place:] + block[:place]


@dataclass(frozen=True, slots=True)
class Vector:
    """What one challenge gives: RES, CK, IK, and AK that hides the sequence number."""

    res: bytes
    ck: bytes
    ik: bytes
    ak: bytes


class Milenage:
    """The functions under one subscriber key ``k`` and operator value ``opc`` of 16 bytes each."""

    def __init__(self, k: bytes, opc: bytes) -> None:
        if len(k) != BLOCK or len(opc) != BLOCK:
            raise ValueError("K and OPc have 16 bytes")
        self._k = k
        self.opc = opc

    @classmethod
    def with_op(cls, k: bytes, op: bytes) -> Milenage:
        """From OP: OPc = OP xor E[OP] (TS 35.206 4.1)."""
        return cls(k, xor(op, cls(k, op)._kernel(op)))

    def _kernel(self, block: bytes) -> bytes:
        """E[block] under K; a single block, so the mode chains nothing."""
        encryptor = Cipher(algorithms.AES(self._k), modes.ECB()).encryptor()
        return encryptor.update(block) + encryptor.finalize()

    def _temp(self, rand: bytes) -> bytes:
        return self._kernel(xor(rand, self.opc))

    def _out(self, number: int, temp: bytes) -> bytes:
        """OUT2 to OUT5 (TS 35.206 4.1)."""
        turned = bytearray(_rotated(xor(temp, self.opc), _ROTATIONS[number - 1]))
        turned[-1] ^= _CONSTANTS[number - 1]
        return xor(self._kernel(bytes(turned)), self.opc)

    def _out1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        turned = _rotated(xor((sqn + amf) * 2, self.opc), _ROTATIONS[0])
        return xor(self._kernel(xor(self._temp(rand), turned)), self.opc)

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A."""
        return self._out1(rand, sqn, amf)[:8]

    def f1_star(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S, for resynchronisation."""
        return self._out1(rand, sqn, amf)[8:]

    def f2345(self, rand: bytes) -> Vector:
        """RES (f2), CK (f3), IK (f4), AK (f5)."""
        temp = self._temp(rand)
        out2 = self._out(2, temp)
        return Vector(out2[8:], self._out(3, temp), self._out(4, temp), out2[:6])

    def f5_star(self, rand: bytes) -> bytes:
        """AK for resynchronisation."""
        return self._out(5, self._temp(rand))[:6]
