"""What an FTP server lists: one line a file, in the form of ``ls -l`` that nearly all of them use."""

from __future__ import annotations

import re
from typing import NamedTuple

from cellbench.base.errors import UnitError
from cellbench.host.urclog import UrcEvent

_LINE = re.compile(r"([-dlbcps])\S{9,10} +\d+ +\S+ +\S+ +(\d+) +([A-Z][a-z]{2} +\d+ +[\d:]{4,5}) +(\S.*)")


class FtpEntry(NamedTuple):
    """A line of a long list: name, bytes, directory or not, date as the server prints it."""

    name: str
    size: int
    is_directory: bool
    date: str


def entries_of(listing: bytes) -> tuple[FtpEntry, ...]:
    """The lines of a long list; those in another form are left out. A link's name is without its target."""
    found = []
    for line in listing.decode("utf-8", "replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is not None:
            kind, size, date, name = match.groups()
            name = name.partition(" -> ")[0] if kind == "l" else name
            found.append(FtpEntry(name, int(size), kind == "d", date))
    return tuple(found)


def listed(event: UrcEvent) -> bytes:
    """The data of a +UUFTPCD; UnitError unless it is as long as announced."""
    fields = event.fields
    text = fields[2] if len(fields) == 3 and isinstance(fields[2], str) else ""
    if len(fields) != 3 or fields[1] != len(text):
        raise UnitError(f"+UUFTPCD: {len(text)} bytes of data announced as {fields[1:2]}")
    return text.encode("latin-1")
