"""The module's file system: named files below tags, a size, and a directory of the host behind it.

A file of the host is one of the module: the length of its name (two bytes), the name, the content, so that
no name means anything to the host. It is replaced whole: a power cut leaves the old content or the new
one, never a mixture.
"""

from __future__ import annotations

import enum
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

USER = "USER"
FOAT = "FOAT"
_FORBIDDEN = frozenset('/*:%|"<>?')  # facts sheet 12: public driver, u_cell_file.h
_PART = ".part"
_LENGTH = 2


class FileTrouble(enum.Enum):
    """Why the file system refuses; the value is the +CME ERROR number of the maker's list."""

    NOT_FOUND = 1612
    TOO_MANY = 1636
    NO_ROOM = 1637
    BAD_NAME = 1638
    NOT_ALLOWED = 3


class FileRefusal(Exception):
    """The file system refuses."""

    def __init__(self, trouble: FileTrouble) -> None:
        super().__init__(trouble.name.lower().replace("_", " "))
        self.trouble = trouble


class FileStore:
    """The files of one module.

    ``root`` is its directory on the host, ``capacity`` the bytes that all files together may have,
    ``most`` how many files there may be, ``longest_name`` in characters.
    """

    __slots__ = ("_capacity", "_longest_name", "_most", "_root")

    def __init__(self, root: Path, *, capacity: int, most: int, longest_name: int) -> None:
        self._root = root
        self._capacity = capacity
        self._most = most
        self._longest_name = longest_name

    def names(self, tag: str = USER) -> tuple[str, ...]:
        """Names below a tag, in order."""
        return tuple(sorted(_name_of(path) for path in self._files(tag)))

    def free(self) -> int:
        """Bytes that are left."""
        return max(0, self._capacity - sum(_size_of(path) for path in self._all()))

    def size(self, name: str, tag: str = USER) -> int:
        """Size in bytes; FileRefusal when there is no such file."""
        return _size_of(self._existing(name, tag))

    def exists(self, name: str, tag: str = USER) -> bool:
        """True when there is such a file."""
        return self._path(name, tag).is_file()

    def read(self, name: str, tag: str = USER) -> bytes:
        """The whole content; FileRefusal when there is no such file."""
        return self._existing(name, tag).read_bytes()[len(_header(name)) :]

    def check_room(self, name: str, size: int, tag: str = USER, *, append: bool = False) -> None:
        """FileRefusal when ``size`` bytes under this name would not go in, nothing written yet."""
        path = self._path(name, tag)
        there = _size_of(path) if path.is_file() else None
        if there is None and sum(1 for _ in self._all()) >= self._most:
            raise FileRefusal(FileTrouble.TOO_MANY)
        freed = there if there is not None and not append else 0
        if size > self.free() + freed:
            raise FileRefusal(FileTrouble.NO_ROOM)

    def write(self, name: str, data: bytes, tag: str = USER, *, append: bool = False) -> None:
        """Write a file whole, or add to it; FileRefusal when it does not go in, nothing written then."""
        self.check_room(name, len(data), tag, append=append)
        path = self._path(name, tag)
        begun = path.read_bytes() if append and path.is_file() else _header(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + _PART)
        fresh.write_bytes(begun + data)
        os.replace(fresh, path)

    def delete(self, name: str, tag: str = USER) -> None:
        """Delete a file; FileRefusal when there is none."""
        self._existing(name, tag).unlink()

    def check_name(self, name: str) -> None:
        """FileRefusal for a name that the file system does not take."""
        printable = all(character >= " " for character in name)
        if not name or len(name) > self._longest_name or _FORBIDDEN & set(name) or not printable:
            raise FileRefusal(FileTrouble.BAD_NAME)

    def _existing(self, name: str, tag: str) -> Path:
        path = self._path(name, tag)
        if not path.is_file():
            raise FileRefusal(FileTrouble.NOT_FOUND)
        return path

    def _path(self, name: str, tag: str) -> Path:
        self.check_name(name)
        return self._root / tag / hashlib.sha256(name.encode()).hexdigest()[:32]

    def _files(self, tag: str) -> Iterator[Path]:
        folder = self._root / tag
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if not path.name.endswith(_PART))

    def _all(self) -> Iterator[Path]:
        if self._root.is_dir():
            for folder in self._root.iterdir():
                yield from self._files(folder.name)


def _header(name: str) -> bytes:
    encoded = name.encode()
    return len(encoded).to_bytes(_LENGTH, "big") + encoded


def _name_of(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(int.from_bytes(file.read(_LENGTH), "big")).decode()


def _size_of(path: Path) -> int:
    with path.open("rb") as file:
        header = _LENGTH + int.from_bytes(file.read(_LENGTH), "big")
    return path.stat().st_size - header
