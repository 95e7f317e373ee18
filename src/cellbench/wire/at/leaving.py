"""From the escape to the module's answer: data may still be on its way, and the answer is a line."""

from __future__ import annotations

import re

_END = re.compile(rb"\r\n(?:OK|ERROR|NO CARRIER|DISCONNECT)\r\n(?=\r\n|\Z)")
_NUMERIC_END = re.compile(rb"(?:[034]|14)\r\Z")


def _beginnings(*codes: bytes) -> frozenset[bytes]:
    return frozenset(code[:length] for code in codes for length in range(1, len(code)))


_TAILS = _beginnings(b"\r\nOK\r\n", b"\r\nERROR\r\n", b"\r\nNO CARRIER\r\n", b"\r\nDISCONNECT\r\n")
_NUMERIC_TAILS = _beginnings(b"0\r", b"3\r", b"4\r", b"14\r")
_LONGEST = max(map(len, _TAILS))


class EndOfData:
    """Cuts what comes behind the escape into data and the answer.

    The answer is a result code on a line of its own with nothing but lines behind it, as far as the bytes
    have come; the same words inside the data, with more data behind them, are data.
    """

    __slots__ = ("_end", "_held", "_tails")

    def __init__(self, *, numeric: bool) -> None:
        self._end = _NUMERIC_END if numeric else _END
        self._tails = _NUMERIC_TAILS if numeric else _TAILS
        self._held = b""

    def take(self, data: bytes) -> tuple[bytes, bytes | None]:
        """What is data for sure; and from the answer on, None while it has not come."""
        data = self._held + data
        found = self._end.search(data)
        if found is not None:
            self._held = b""
            return data[:found.start()], data[found.start():]
        begun = range(min(_LONGEST, len(data)), 0, -1)
        kept = next((length for length in begun if data[-length:] in self._tails), 0)
        self._held = data[len(data) - kept:]
        return data[:len(data) - kept], None
