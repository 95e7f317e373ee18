"""Frames of the basic option (27.010 5.2.6): flag, address, control, length, information, FCS, flag.

There is no transparency: a flag may stand inside the information, so frames are found by their length, and
after damage by trying each flag in turn.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cellbench.virtual.front.cmux.fcs import checks, fcs

FLAG = 0xF9
EA, CR, PF = 0x01, 0x02, 0x10
MAX_DLCI = 61
"""The address of 62 would look like a flag (5.6)."""
_SHORT = 127  # longest information with a length of one octet
LONGEST = 32767
_OVERHEAD = 6  # both flags, address, control, one octet of length, FCS


class Kind(enum.IntEnum):
    """Control field without its P/F bit (27.010 5.2.1.3, table 2)."""

    SABM = 0x2F
    UA = 0x63
    DM = 0x0F
    DISC = 0x43
    UIH = 0xEF
    UI = 0x03

    @property
    def carries(self) -> bool:
        """True for frames with an information field."""
        return self in (Kind.UIH, Kind.UI)


_KINDS = {octet | pf: kind for kind in Kind for octet in (int(kind),) for pf in (0, PF)}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``cr`` is the C/R bit as it stands in the address, ``pf`` the poll or final bit."""

    dlci: int
    kind: Kind
    cr: bool
    pf: bool = False
    info: bytes = b""


def length_octets(length: int) -> bytes:
    """The length indicator: one octet with EA set up to 127, else two (5.2.1.5). ValueError beyond 32767."""
    if not 0 <= length <= LONGEST:
        raise ValueError(f"a frame holds 0 to {LONGEST} octets, not {length}")
    if length <= _SHORT:
        return bytes((length << 1 | EA,))
    return bytes((length << 1 & 0xFE, length >> 7))


def encode(frame: Frame) -> bytes:
    """A frame between its flags. ValueError for a DLCI or an information field that cannot be."""
    if not 0 <= frame.dlci <= MAX_DLCI:
        raise ValueError(f"DLCI {frame.dlci} is not 0 to {MAX_DLCI}")
    if frame.info and not frame.kind.carries:
        raise ValueError(f"{frame.kind.name} carries no information")
    address = frame.dlci << 2 | (CR if frame.cr else 0) | EA
    control = frame.kind | (PF if frame.pf else 0)
    header = bytes((address, control)) + length_octets(len(frame.info))
    covered = header + frame.info if frame.kind is Kind.UI else header
    return b"".join((b"\xF9", header, frame.info, bytes((fcs(covered), FLAG))))


@dataclass(slots=True)
class Losses:
    """What the receiver could not use."""

    damaged: int = 0
    """Frames begun that did not end as they should: FCS, closing flag, control field, length."""
    too_long: int = 0
    """Frames with a length beyond N1."""
    stray: int = 0
    """Octets outside frames."""


class Deframer:
    """Octets in, frames out; any split of the octets gives the same frames."""

    def __init__(self, n1: int) -> None:
        self.n1 = n1
        """Longest information field, in octets."""
        self.losses = Losses()
        self._held = bytearray()

    @property
    def within(self) -> bool:
        """True while a frame is begun and not ended; the closing flag of the last one does not count."""
        return len(self._held) > 1

    def receive(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes."""
        self._held += data
        return self._frames()

    def forget_flag(self) -> None:
        """The closing flag of the last frame does not open the next one."""
        if not self.within:
            self._held.clear()

    def give_up(self) -> list[Frame]:
        """The frame begun never came to its end: look behind its flag for others."""
        if not self.within:
            return []
        self.losses.damaged += 1
        del self._held[0]
        return self._frames()

    def _frames(self) -> list[Frame]:
        found: list[Frame] = []
        held, place = self._held, 0
        while True:
            flag = held.find(FLAG, place)
            if flag < 0:
                self.losses.stray += len(held) - place
                held.clear()
                return found
            self.losses.stray += flag - place
            place = flag
            while place + 1 < len(held) and held[place + 1] == FLAG:
                place += 1
            end = self._end_of(place)
            if end == 0:
                del held[:place]
                return found
            frame = self._frame(place, end) if end > 0 else None
            if frame is None:
                place += 1
            else:
                found.append(frame)
                place = end  # the closing flag may open the next frame (5.2.1.1)

    def _end_of(self, flag: int) -> int:
        """Place of the closing flag of the frame that ``flag`` opens; 0: not yet there, -1: no frame."""
        held = self._held
        have = len(held) - flag
        if (have > 1 and not held[flag + 1] & EA) or (have > 2 and held[flag + 2] not in _KINDS):
            self.losses.damaged += 1
            return -1
        if have < 4:
            return 0
        length, more = held[flag + 3] >> 1, 0
        if not held[flag + 3] & EA:
            if have < 5:
                return 0
            length, more = length | held[flag + 4] << 7, 1
        if length > self.n1:
            self.losses.too_long += 1
            return -1
        end = flag + _OVERHEAD - 1 + more + length
        return end if end < len(held) else 0

    def _frame(self, flag: int, end: int) -> Frame | None:
        """The frame between two flags, None when it is damaged."""
        held = self._held
        address, control = held[flag + 1], held[flag + 2]
        kind = _KINDS[control]
        info_at = flag + (4 if held[flag + 3] & EA else 5)
        covered = bytes(held[flag + 1:end - 1 if kind is Kind.UI else info_at])
        empty = info_at == end - 1
        if held[end] != FLAG or not checks(covered, held[end - 1]) or not (empty or kind.carries):
            self.losses.damaged += 1
            return None
        return Frame(address >> 2, kind, bool(address & CR), bool(control & PF), bytes(held[info_at:end - 1]))
