"""A module's answer to one command line."""

from __future__ import annotations

from typing import NamedTuple

from cellbench.base.errors import UnitError
from cellbench.base.trace import Span
from cellbench.wire.at.events import Final
from cellbench.wire.at.values import Fields, fields_behind, fields_of, prefix_of

__all__ = ["Answer", "Fields", "Final"]


class Answer(NamedTuple):
    """What came back for one command line.

    ``command`` is the line as sent with its secrets blanked; ``info`` the information text responses in
    order, without echo and URCs (one character for each byte); ``elapsed_s`` from the last byte sent to the
    final result code; ``port``, ``first`` and ``last`` the trace records from command to final code.

    A named tuple: as frozen as a frozen dataclass, and made in a sixth of its time, which each command pays.
    """

    command: str
    info: tuple[str, ...]
    final: Final
    elapsed_s: float
    port: str
    first: int
    last: int

    @property
    def span(self) -> Span:
        """The trace records from command to final code."""
        return Span(self.port, self.first, self.last)

    @property
    def ok(self) -> bool:
        """True when the final result code is a success (OK, CONNECT)."""
        return self.final.success

    @property
    def text(self) -> str:
        """The only information line, e.g. of AT+CGMM. Raises UnitError when there is none or more than
        one."""
        if len(self.info) != 1:
            raise UnitError(f"{self.command}: one line of information expected, got {list(self.info)}")
        return self.info[0]

    def fields(self, prefix: str) -> tuple[Fields, ...]:
        """The typed fields of every line with this prefix (``"+CSQ"``): numbers as int, quoted and other
        text as str, an empty field as None."""
        return tuple(fields_of(line) for line in self.info if prefix_of(line) == prefix)

    def value(self, prefix: str) -> Fields:
        """The fields of the first line with this prefix. Raises UnitError when there is none."""
        for line in self.info:
            head, _, body = line.partition(":")
            if head == prefix:
                return fields_behind(body, line)
            if prefix_of(line) == prefix:
                return fields_of(line)
        raise UnitError(f"{self.command}: no {prefix} line in the answer {list(self.info)}")

    def payload(self, prefix: str) -> bytes:
        """The bytes of the last quoted field of the first line with this prefix (+USORD, +URDFILE)."""
        value = self.value(prefix)[-1]
        return value.encode("latin-1") if isinstance(value, str) else b""
