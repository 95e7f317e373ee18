"""Frames out of a stream of bytes, and back in step after damage.

A frame is taken when its header can be one (address and control known, length at most N1), its FCS fits and
a flag stands where it ends. Otherwise the search goes on at the next flag behind the one it began with, so
that a damaged length costs no whole frame behind it. Bytes of no frame come out as ``Outside``: each stretch
of them is at least one lost frame, or the module speaks without a multiplexer.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from cellbench.wire.cmux.frame import (
    COMMAND,
    EXTENSION,
    FLAG,
    LAST_DLCI,
    POLL,
    Frame,
    FrameKind,
    fcs_of,
)

_FLAG = FLAG[0]
_PAIR = FLAG + FLAG
_KINDS = frozenset(FrameKind)
_CARRIERS = frozenset({FrameKind.UIH, FrameKind.UI})  # the others have no information field (5.3)
LEAST_N1 = 31
"""Messages of the control channel come in one frame, whatever N1 (5.7.2: 31 by default)."""
_HEADS_KEPT = 4096


class Outside(NamedTuple):
    """Bytes that belong to no frame."""

    data: bytes


class Place(NamedTuple):
    """Where the information of a frame stands in the bytes that were read."""

    dlci: int
    begin: int
    end: int


Decoded: TypeAlias = Frame | Outside
_Known: TypeAlias = tuple[int, int, bool, int, bool, int, bytes, bytes]


class Decoder:
    """``receive`` any piece of the stream, get what is whole in it. ``stretches`` counts the places where
    frames were lost, ``skipped`` the bytes there."""

    __slots__ = ("_hunting", "_known", "_limit", "_rest", "skipped", "stretches")

    def __init__(self, n1: int) -> None:
        self.stretches = 0
        self.skipped = 0
        self._limit = max(n1, LEAST_N1)
        self._rest = b""  # begins with the flag that may open the next frame
        self._hunting = False
        self._known: dict[bytes, _Known] = {}  # headers of UIH frames that were right once

    @property
    def partial(self) -> bool:
        """True when more of a frame is awaited."""
        return len(self._rest) > 1

    def receive(self, data: bytes) -> list[Decoded]:
        """What is complete now."""
        buffer = data if self._rest == FLAG and data[:1] == FLAG else self._rest + data
        found: list[Decoded] = []
        known, take, new = self._known, found.append, tuple.__new__
        at, end = 0, len(buffer)
        while at < end:
            entry = known.get(buffer[at:at + 4]) or known.get(buffer[at:at + 5])
            if entry is not None and not self._hunting:
                head, dlci, command, kind, final, size, tail, joint = entry
                begin = at + head
                stop, width = begin + size, head + 2
                # frames with the same header behind each other, as bulk data has them
                while buffer[stop:stop + width] == joint:
                    take(new(Frame, (dlci, command, kind, final, buffer[begin:stop])))
                    begin = stop + width
                    stop = begin + size
                at = begin - head
                if stop + 2 > end:
                    break
                if buffer[stop:stop + 2] == tail:
                    take(new(Frame, (dlci, command, kind, final, buffer[begin:stop])))
                    # the flag at its end may open the next frame too
                    at = stop + 2 if buffer[stop + 2:stop + 3] == FLAG else stop + 1
                    if at + 1 == end:
                        break
                    continue
            step = self._step(buffer, at, end, found)
            if step < 0:
                break
            at = step
        rest = buffer[at:]
        self._rest = FLAG + rest.lstrip(FLAG) if rest.startswith(_PAIR) else rest
        return found

    def give_up(self) -> list[Decoded]:
        """The frame that is awaited will not come: look for others in what there is of it."""
        buffer = self._rest
        if len(buffer) <= 1:
            return []
        found: list[Decoded] = []
        at = self._skip(buffer, self._behind_flags(buffer, 0), found)
        self._rest = b""
        return found + self.receive(buffer[at:])

    def reset(self) -> None:
        """The stream begins anew; the counters stay."""
        self._rest, self._hunting = b"", False

    def _step(self, buffer: bytes, at: int, end: int, found: list[Decoded]) -> int:
        """One frame, or one piece that is none, at ``at``; where to go on, -1 when more is needed."""
        if buffer[at] != _FLAG:
            return self._skip(buffer, at, found)
        start = self._behind_flags(buffer, at)
        if end - start < 3:
            # plain text shows before a header is whole
            wrong = (start < end and not _may_be_address(buffer[start])) or (
                end - start == 2 and buffer[start + 1] & ~POLL not in _KINDS)
            return self._skip(buffer, start, found) if wrong else -1
        address, control, size = buffer[start], buffer[start + 1], buffer[start + 2] >> 1
        begin = start + 3
        if not buffer[start + 2] & EXTENSION:
            if end == begin:
                return -1
            size |= buffer[begin] << 7
            begin += 1
        kind = control & ~POLL
        if not _may_be_address(address) or kind not in _KINDS or size > self._limit or (
                size and kind not in _CARRIERS):
            return self._skip(buffer, start, found)
        stop = begin + size
        if end < stop + 2:
            return -1
        covered = buffer[start:begin] if kind == FrameKind.UIH else buffer[start:stop]
        if buffer[stop + 1] != _FLAG or buffer[stop] != fcs_of(covered):
            return self._skip(buffer, start, found)
        self._hunting = False
        frame = Frame(address >> 2, bool(address & COMMAND), kind, bool(control & POLL), buffer[begin:stop])
        found.append(frame)
        if kind == FrameKind.UIH:
            self._remember(buffer, start, begin, stop, frame)
        return stop + 1

    def _skip(self, buffer: bytes, at: int, found: list[Decoded]) -> int:
        """Give the bytes up to the next flag up; where that is."""
        flag = buffer.find(FLAG, at)
        end = len(buffer) if flag < 0 else flag
        if not self._hunting:
            self._hunting = True
            self.stretches += 1
        self.skipped += end - at
        found.append(Outside(buffer[at:end]))
        return end

    @staticmethod
    def _behind_flags(buffer: bytes, at: int) -> int:
        end = len(buffer)
        while at < end and buffer[at] == _FLAG:
            at += 1
        return at

    def _remember(self, buffer: bytes, start: int, begin: int, stop: int, frame: Frame) -> None:
        if len(self._known) >= _HEADS_KEPT:
            self._known.clear()
        tail = buffer[stop:stop + 2]
        self._known[FLAG + buffer[start:begin]] = (
            1 + begin - start, frame.dlci, frame.command, frame.kind, frame.final, stop - begin, tail,
            tail + FLAG + buffer[start:begin])


def _may_be_address(octet: int) -> bool:
    return bool(octet & EXTENSION) and octet >> 2 <= LAST_DLCI


def places(stream: bytes, n1: int) -> list[Place]:
    """Where in a recorded stream the information of its UIH and UI frames stands."""
    decoder = Decoder(n1)
    pieces = decoder.receive(stream)
    while decoder.partial:
        pieces += decoder.give_up()
    found: list[Place] = []
    at = 0
    for piece in pieces:
        while stream[at] == _FLAG:
            at += 1
        if isinstance(piece, Outside):
            at += len(piece.data)
            continue
        begin = at + (3 if stream[at + 2] & EXTENSION else 4)
        at = begin + len(piece.info) + 1
        if piece.kind in _CARRIERS:
            found.append(Place(piece.dlci, begin, at - 1))
    return found
