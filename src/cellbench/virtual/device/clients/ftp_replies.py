"""What an FTP server says: replies (RFC 959 4.2), and the data ports inside them (RFC 2428)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FIRST = re.compile(rb"([1-5][0-9][0-9])([ -])(.*)")
_PASSIVE = re.compile(r"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)")
_EXTENDED = re.compile(r"\(([!-~])\1\1(\d+)\1\)")
_LONGEST_LINE = 2048
_MOST_LINES = 200


class NoReply(Exception):
    """What came is no reply of FTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; ``text`` is its last line behind the code."""

    code: int
    text: str

    @property
    def preliminary(self) -> bool:
        """True when another reply follows."""
        return self.code < 200

    @property
    def good(self) -> bool:
        """True when the command was done."""
        return 200 <= self.code < 300

    @property
    def wants_more(self) -> bool:
        """True when the server waits for the next command of a sequence."""
        return 300 <= self.code < 400


class ReplyReader:
    """Bytes in, replies out; ``broken`` once something came that is no reply: nothing counts after it."""

    __slots__ = ("_begun", "_lines", "_rest", "broken")

    def __init__(self) -> None:
        self.broken = False
        self._rest = b""
        self._begun: bytes | None = None  # the code of a reply of several lines
        self._lines = 0

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that these bytes complete, up to what is none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        found: list[Reply] = []
        try:
            for line in lines:
                reply = self._line(line.rstrip(b"\r"))
                if reply is not None:
                    found.append(reply)
        except NoReply:
            self.broken = True
        self.broken = self.broken or len(self._rest) > _LONGEST_LINE
        return found

    def _line(self, line: bytes) -> Reply | None:
        match = _FIRST.fullmatch(line) or (_FIRST.fullmatch(line + b" ") if len(line) == 3 else None)
        if self._begun is not None:
            self._lines += 1
            if self._lines > _MOST_LINES:
                raise NoReply("a reply without end")
            if match is None or match[1] != self._begun or match[2] == b"-":
                return None
            self._begun = None
            return Reply(int(match[1]), match[3].decode("latin-1"))
        if match is None:
            raise NoReply(f"{line[:40]!r}")
        if match[2] == b"-":
            self._begun, self._lines = match[1], 0
            return None
        return Reply(int(match[1]), match[3].decode("latin-1"))


def passive_port(text: str) -> int:
    """The port in the answer to PASV. Its address is not believed: servers behind a translator name one
    that nobody reaches. NoReply when there is none."""
    found = _PASSIVE.search(text)
    if found is None or any(int(number) > 255 for number in found.groups()):
        raise NoReply(text)
    return int(found[5]) * 256 + int(found[6])


def extended_port(text: str) -> int:
    """The port in the answer to EPSV; NoReply when there is none."""
    found = _EXTENDED.search(text)
    if found is None or not 0 < int(found[2]) < 65536:
        raise NoReply(text)
    return int(found[2])


def port_argument(address: str, port: int) -> str:
    """The command that names a data port for active mode: PORT for IPv4, EPRT for IPv6."""
    if ":" in address:
        return f"EPRT |2|{address}|{port}|"
    return f"PORT {address.replace('.', ',')},{port // 256},{port % 256}"
