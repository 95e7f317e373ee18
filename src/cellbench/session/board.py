"""Status lines at the foot of a terminal, drawn over; what others write goes above them.

Control sequences: ECMA-48 8.3.22 (cursor up), 8.3.39 (erase in page).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TextIO

_USUAL = (80, 24)


class Board:
    """A few lines that are always the last ones on the terminal behind ``descriptor``.

    It writes through a descriptor of its own, since pytest redirects the first two while a test runs.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self._drawn = 0
        self._line_open = False

    def show(self, lines: Sequence[str]) -> None:
        """Draw ``lines`` in place of those before."""
        columns, rows = self._size()
        fitting = [line[: max(1, columns - 1)] for line in lines[: max(1, rows - 2)]]
        with self._lock:
            begin = self._erasing() + ("\n" if self._line_open else "")
            self._line_open = False
            self._drawn = len(fitting)
            self._write(begin + "\n".join(fitting))

    def clear(self) -> None:
        """Take the lines away."""
        with self._lock:
            if self._drawn:
                self._write(self._erasing())
                self._drawn = 0

    def above(self, file: TextIO, text: str) -> None:
        """Write ``text`` to ``file``, the terminal as somebody else has it, above the lines."""
        with self._lock:
            self.clear()
            file.write(text)
            file.flush()
            if text:
                self._line_open = not text.endswith("\n")

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._descriptor)
        except OSError:
            return _USUAL
        return size.columns or _USUAL[0], size.lines or _USUAL[1]

    def _erasing(self) -> str:
        if not self._drawn:
            return ""
        up = f"\x1b[{self._drawn - 1}A" if self._drawn > 1 else ""
        return f"{up}\r\x1b[J"

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._descriptor, data) :]


class Above:
    """A text file that writes above a board: what pytest's terminal writer gets in place of its own."""

    def __init__(self, board: Board, file: TextIO) -> None:
        self._board = board
        self.file = file

    def write(self, text: str) -> int:
        """Write above the board."""
        self._board.above(self.file, text)
        return len(text)

    def flush(self) -> None:
        """Flush what was written."""
        self.file.flush()

    def isatty(self) -> bool:
        """As the file below."""
        return self.file.isatty()

    def fileno(self) -> int:
        """As the file below."""
        return self.file.fileno()

    @property
    def encoding(self) -> str:
        """As the file below."""
        return self.file.encoding
