"""Authentication and key agreement at the card's end (3GPP TS 33.102 6.3, annex C; TS 31.102 7.1)."""

from __future__ import annotations

from cellbench.virtual.uicc.apdu import Refused, Sw
from cellbench.virtual.uicc.milenage import Milenage, Vector, xor

RESYNCHRONISATION_AMF = b"\0\0"
IND_BITS = 5
SUCCESS, SYNCHRONISATION = 0xDB, 0xDC


class Aka:
    """One subscriber's key and the sequence numbers seen, by index (TS 33.102 C.1.1.3, C.2.2)."""

    def __init__(self, milenage: Milenage, sqn: int = 0) -> None:
        self._milenage = milenage
        self._seen = dict.fromkeys(range(1 << IND_BITS), sqn >> IND_BITS)
        self._highest = sqn
        self.done = 0  # challenges answered

    def third_generation(self, rand: bytes, autn: bytes, *, with_kc: bool) -> bytes:
        """The answer to a 3G challenge: RES, CK, IK, and Kc ``with_kc``; or AUTS when the sequence number is
        not fresh (TS 31.102 7.1.2.1). Refused 9862 when the network's MAC is wrong."""
        vector = self._milenage.f2345(rand)
        sqn, amf, mac = xor(autn[:6], vector.ak), autn[6:8], autn[8:]
        if self._milenage.f1(rand, sqn, amf) != mac:
            raise Refused(Sw.AUTHENTICATION)
        if not self._fresh(int.from_bytes(sqn, "big")):
            return bytes([SYNCHRONISATION, 14]) + self._auts(rand)
        self.done += 1
        parts = [vector.res, vector.ck, vector.ik] + ([_kc(vector)] if with_kc else [])
        return bytes([SUCCESS]) + b"".join(bytes([len(one)]) + one for one in parts)

    def second_generation(self, rand: bytes) -> bytes:
        """The answer to a GSM challenge: SRES and Kc by c2 and c3 (TS 33.102 6.8.1.2)."""
        vector = self._milenage.f2345(rand)
        self.done += 1
        return b"\x04" + xor(vector.res[:4], vector.res[4:]) + b"\x08" + _kc(vector)

    def _fresh(self, sqn: int) -> bool:
        index, sequence = sqn & ((1 << IND_BITS) - 1), sqn >> IND_BITS
        if sequence <= self._seen[index]:
            return False
        self._seen[index] = sequence
        self._highest = max(self._highest, sqn)
        return True

    def _auts(self, rand: bytes) -> bytes:
        sqn = self._highest.to_bytes(6, "big")
        return (xor(sqn, self._milenage.f5_star(rand))
                + self._milenage.f1_star(rand, sqn, RESYNCHRONISATION_AMF))


def _kc(vector: Vector) -> bytes:
    """Kc by the conversion c3 (TS 33.102 6.8.1.2)."""
    return xor(xor(vector.ck[:8], vector.ck[8:]), xor(vector.ik[:8], vector.ik[8:]))
