"""The files of the FTP server: put back as its definition lists them, shown as ProFTPD shows them."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

_HALF_A_YEAR_S = 180 * 86_400
_DIRECTORY_BYTES = 4096
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FAULT_PREFIX = "broken-"
FAULTS = ("dies", "stalls", "rubbish")
FAULT_BYTES = 60_000
_DIGITS = "file_to_retrieve"


def content(name: str, size: int) -> bytes:
    """What a listed file holds: digits in the one that the world file says so of, else bytes of its name."""
    if name == _DIGITS:
        return (b"0123456789" * (size // 10 + 1))[:size]
    return hashlib.shake_128(name.encode()).digest(size)


class Tree:
    """Files below a directory of their own, made by ``reset`` and taken away by ``remove``.

    ``files``: name → size, or the content itself. ``dates``: name → date as a listing prints it.
    Where there are dates, listed files without one are not shown (a listing prints three of the four that
    the guides use); they can be retrieved. So can ``broken-dies`` and the like, which no listing shows.
    """

    def __init__(self, files: Mapping[str, object], dates: Mapping[str, object]) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="cellbench-ftp-")).resolve()
        self._files = {name.lstrip("/"): what for name, what in files.items()
                       if isinstance(what, int | bytes)}
        self._dates = {name: str(date) for name, date in dates.items()}
        self._hidden = {FAULT_PREFIX + fault for fault in FAULTS}
        if dates:
            self._hidden |= {name for name in self._files if name not in self._dates}

    def reset(self) -> None:
        """The files as listed, and no others."""
        for path in tuple(self.root.iterdir()):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for name, what in self._files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(what if isinstance(what, bytes) else content(path.name, what))
        for fault in FAULTS:
            (self.root / (FAULT_PREFIX + fault)).write_bytes(content(fault, FAULT_BYTES))

    def remove(self) -> None:
        """Take the directory away."""
        shutil.rmtree(self.root, ignore_errors=True)

    def shown(self, directory: str, names: list[str]) -> list[str]:
        """Those names of a directory that a listing shows, in order."""
        return sorted(name for name in names if self._key(directory, name) not in self._hidden)

    def listing(self, directory: str, names: list[str]) -> Iterator[bytes]:
        """One line a name, as ProFTPD prints them, CR LF at the end."""
        for name in names:
            path = Path(directory) / name
            try:
                facts = path.lstat()
            except OSError:
                continue  # gone meanwhile
            folder = stat.S_ISDIR(facts.st_mode)
            month, day, moment = self._date(self._key(directory, name), facts.st_mtime)
            line = "%s %3d %-8s %-8s %8d %3s %2d %s %s\r\n" % (  # noqa: UP031 the format of the world file
                "drwxr-xr-x" if folder else "-rw-r--r--", 2 if folder else 1, "ftp", "ftp",
                _DIRECTORY_BYTES if folder else facts.st_size, month, day, moment, name)
            yield line.encode()

    def _key(self, directory: str, name: str) -> str:
        return str((Path(directory) / name).relative_to(self.root))

    def _date(self, key: str, changed: float) -> tuple[str, int, str]:
        if key in self._dates:
            month, day, moment = self._dates[key].split()
            return month, int(day), moment
        when = time.gmtime(changed)
        recent = time.time() - changed < _HALF_A_YEAR_S
        return _MONTHS[when.tm_mon - 1], when.tm_mday, time.strftime("%H:%M" if recent else " %Y", when)
