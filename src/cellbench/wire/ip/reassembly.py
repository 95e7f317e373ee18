"""What comes in on a TCP connection, put in order (RFC 9293 3.10.7.4)."""

from __future__ import annotations


class Reassembly:
    """``next`` is the sequence number expected next; ``ready`` holds what may be read, ``limit`` bytes at
    most; ``finished`` is True once the far end's FIN has its place at the end."""

    __slots__ = ("_fin", "_later", "_limit", "finished", "next", "ready")

    def __init__(self, first: int, limit: int) -> None:
        self.next = first
        self.ready = bytearray()
        self.finished = False
        self._limit = limit
        self._later: dict[int, bytes] = {}  # by sequence number
        self._fin: int | None = None

    @property
    def window(self) -> int:
        """Bytes that the far end may send; what was read counts at once, so the right edge never moves
        back."""
        return max(0, self._limit - len(self.ready))

    @property
    def has_gap(self) -> bool:
        """True while something is missing before data that has come."""
        return bool(self._later)

    def accepts(self, sequence: int, length: int) -> bool:
        """RFC 9293 3.4, table 6: whether any of a segment lies in the window."""
        end = self.next + self.window
        if length == 0:
            return sequence == self.next if not self.window else self.next <= sequence < end
        return bool(self.window) and sequence < end and sequence + length > self.next

    def put(self, sequence: int, data: bytes, fin: bool) -> bool:
        """Take an acceptable segment; True when it was the one expected next."""
        if fin and sequence + len(data) <= self.next + self.window:
            self._fin = sequence + len(data)
        in_order = sequence <= self.next
        data = data[:max(0, self.next + self.window - sequence)]
        if data and len(data) > len(self._later.get(sequence, b"")):
            self._later[sequence] = data
        self._join()
        return in_order

    def take(self, limit: int) -> bytes:
        """At most ``limit`` bytes."""
        data = bytes(self.ready[:limit])
        del self.ready[:limit]
        return data

    def _join(self) -> None:
        for sequence in sorted(self._later):
            if sequence > self.next:
                break
            data = self._later.pop(sequence)[self.next - sequence:]
            self.ready += data
            self.next += len(data)
        if self._fin is not None and self.next == self._fin and not self.finished:
            self.finished = True
            self.next += 1
