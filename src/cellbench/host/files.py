"""The module's file system: put, get, list, free, delete, with check of size and content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cellbench.base.errors import OperatorError, UnitError
from cellbench.catalogue.clients import FileErrors
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel
from cellbench.host.errors import CmeError

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all) after each piece."""

PIECE = 32_768
_SLOWEST_BYTES_S = 960.0  # 9600 bit/s, the slowest rate that both series' guides name


class FileRefused(UnitError):
    """The module's file system refused; ``number`` is its +CME ERROR, None when it sent no number."""

    def __init__(self, name: str, what: str, number: int | None) -> None:
        code = f" (+CME ERROR {number})" if number is not None else ""
        super().__init__(f"file {name!r} in the module: {what}{code}")
        self.name = name
        self.number = number


class FileMissing(FileRefused):
    """There is no file of that name."""


class FileThere(FileRefused):
    """There is a file of that name already."""


class NoRoom(FileRefused):
    """The file system is full, in bytes or in number of files."""


class BadFileName(FileRefused):
    """A name that the file system does not take."""


class FileDiffers(UnitError):
    """What the module holds is not what was put there."""


_KINDS: tuple[tuple[frozenset[int], type[FileRefused], str], ...] = (
    (FileErrors.MISSING, FileMissing, "there is none"),
    (FileErrors.EXISTS, FileThere, "there is one already"),
    (FileErrors.NO_ROOM, NoRoom, "the file system is full"),
    (FileErrors.BAD_NAME, BadFileName, "the name is not allowed"),
)


class Files:
    """The files of the module behind a channel. ``tag`` is the area: USER when it is ""."""

    __slots__ = ("_channel", "_tag")

    def __init__(self, channel: Channel, tag: str = "") -> None:
        self._channel = channel
        self._tag = f',"{tag}"' if tag else ""

    def put(self, name: str, data: bytes, *, progress: Progress | None = None, check: bool = True) -> None:
        """Store ``data`` as a file; one of that name is deleted first. Long data goes in pieces of 32 kB
        (+UDWNFILE appends). With ``check``, size and content are read back; where that fails, or the module
        refuses, no half-written file is left. Raises NoRoom, BadFileName, FileDiffers, FileRefused."""
        if not data:
            raise OperatorError(f"file {name!r}: +UDWNFILE writes at least one byte")
        self.delete(name, missing_ok=True)
        try:
            for offset in range(0, len(data), PIECE):
                piece = data[offset:offset + PIECE]
                self._send(name, f'AT+UDWNFILE="{name}",{len(piece)}{self._tag}', len(piece), piece)
                if progress is not None:
                    progress(offset + len(piece), len(data))
            if check:
                self.check(name, data)
        except (FileRefused, FileDiffers):
            self.delete(name, missing_ok=True)
            raise

    def check(self, name: str, data: bytes) -> None:
        """FileDiffers unless the module holds exactly ``data``; FileMissing when there is no such file."""
        size = self.size(name)
        if size != len(data):
            raise FileDiffers(f"file {name!r} in the module has {size} bytes where {len(data)} were written")
        held = self.get(name)
        if held != data:
            first = next(place for place, (one, other) in enumerate(zip(held, data, strict=True))
                         if one != other)
            raise FileDiffers(f"file {name!r} in the module differs from what was written, first at {first}")

    def get(self, name: str, *, progress: Progress | None = None) -> bytes:
        """The content of a file, any bytes; a long one in pieces (+URDBLOCK, USER area only). Raises
        FileMissing, FileRefused, UnitError when the module gives less than it announces."""
        size = self.size(name)
        if size <= PIECE or self._tag:
            data = self._content(name, f'AT+URDFILE="{name}"{self._tag}', size)
            if progress is not None:
                progress(len(data), size)
            return data
        whole = bytearray()
        while len(whole) < size:
            wanted = min(PIECE, size - len(whole))
            whole += self._content(name, f'AT+URDBLOCK="{name}",{len(whole)},{wanted}', wanted)
            if progress is not None:
                progress(len(whole), size)
        return bytes(whole)

    def size(self, name: str) -> int:
        """Bytes of a file (+ULSTFILE=2); FileMissing when there is none."""
        answer = self._send(name, f'AT+ULSTFILE=2,"{name}"{self._tag}')
        found = answer.value("+ULSTFILE")
        if len(found) != 1 or not isinstance(found[0], int):
            raise UnitError(f"{answer.command}: no size in the answer {list(answer.info)}")
        return found[0]

    def has(self, name: str) -> bool:
        """True when there is a file of that name."""
        try:
            self.size(name)
        except FileMissing:
            return False
        return True

    def list(self) -> tuple[str, ...]:
        """The names of all files (+ULSTFILE=0)."""
        found = self._send("*", f"AT+ULSTFILE=0{self._tag}").fields("+ULSTFILE")
        return tuple(str(name) for line in found for name in line if name not in ("", None))

    def free(self) -> int:
        """Free bytes (+ULSTFILE=1)."""
        answer = self._send("*", f"AT+ULSTFILE=1{self._tag}")
        return int(answer.value("+ULSTFILE")[0] or 0)

    def delete(self, name: str, *, missing_ok: bool = False) -> None:
        """Delete a file; FileMissing when there is none, unless ``missing_ok``."""
        try:
            self._send(name, f'AT+UDELFILE="{name}"{self._tag}')
        except FileMissing:
            if not missing_ok:
                raise

    def _content(self, name: str, line: str, size: int) -> bytes:
        """The bytes of one +URDFILE or +URDBLOCK; as many as asked for and as many as announced."""
        answer = self._send(name, line, size)
        prefix = line[2:].partition("=")[0]
        fields = answer.value(prefix)
        data = answer.payload(prefix)
        if len(fields) != 3 or fields[1] != size or len(data) != size:
            raise UnitError(f"{answer.command}: {size} bytes asked for, {fields[1:2]} announced, "
                            f"{len(data)} given")
        return data

    def _send(self, name: str, line: str, size: int = 0, payload: bytes | None = None) -> Answer:
        """``size`` bytes are under way with the command: they get their own time on top of the declared."""
        timeout_s = self._channel.plan(line).timeout_s + size / _SLOWEST_BYTES_S
        with file_errors(name):
            return self._channel.send(line, payload=payload, timeout_s=timeout_s)


@contextmanager
def file_errors(name: str) -> Iterator[None]:
    """A +CME ERROR of the file system becomes an error by its meaning; any other goes on as it is."""
    try:
        yield
    except CmeError as error:
        for numbers, kind, what in _KINDS:
            if error.number in numbers:
                raise kind(name, what, error.number) from None
        raise
