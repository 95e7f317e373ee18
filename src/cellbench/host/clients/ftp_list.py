"""What an FTP server lists: one line a file, in the form of ``ls -l`` that nearly all of them use."""

from __future__ import annotations

import re
from typing import NamedTuple

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
