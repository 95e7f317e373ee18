"""The module's FTP client as Python calls: ``ftp.put("name", data)``, ``ftp.get("name")``, directories.

A module has one FTP client, without profile numbers. Files go by way of a file in the module (``put``,
``get``) or straight between server and port (``put_direct``, ``get_direct``). What was put is got back and
compared; what is got goes into a file that was deleted first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cellbench.base.errors import CellbenchError, NotPossible, UnitError
from cellbench.catalogue.ftp_codes import TIMEOUT_S, USE_CLASS, ftp_meaning
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import Probe, client_failure
from cellbench.host.clients.ftp_link import FtpLink
from cellbench.host.clients.ftp_list import FtpEntry, entries_of, listed
from cellbench.host.clients.watching import Watch, watched
from cellbench.host.errors import AtError
from cellbench.host.files import FileDiffers, Files, Progress
from cellbench.wire.at.values import Fields

LOGOUT, LOGIN, DELETE, RENAME, GET, PUT, GET_DIRECT, PUT_DIRECT, CHANGE = range(9)
CREATE, REMOVE, LIST, NAMES, PACKAGE = 10, 11, 13, 14, 100
_NAMES = {LOGOUT: "log out", LOGIN: "log in", DELETE: "delete", RENAME: "rename", GET: "get", PUT: "put",
          GET_DIRECT: "get by direct link", PUT_DIRECT: "put by direct link", CHANGE: "change directory",
          CREATE: "create directory", REMOVE: "remove directory", LIST: "list", NAMES: "list of names",
          PACKAGE: "get firmware package"}
_LINKS = frozenset({GET_DIRECT, PUT_DIRECT})
_TEXTS, _HIDDEN = frozenset(range(5)), frozenset({3, 4})
_LONGEST_NAME = 256  # characters of a file name on the server (SARA-R4 AT manual)
_STEPS = 9  # answers of the server that one operation may wait for: a log in over TLS with an account
_MARGIN_S = 30.0
_SLOWEST_BYTES_S = 960.0
_UNKNOWN_BYTES = 1_048_576
_LINK_PIECE = 4096
_STALLED_S, _QUIET_S = 60.0, 5.0


@dataclass(frozen=True, slots=True)
class FtpServer:
    """One declaration of where files go and how.

    ``host`` is a name or an IPv4 address. ``security`` is the number of a security profile, True for TLS by
    the module's default profile, None for none (explicit TLS is the only kind: LENA-R8 guide 9.3.2.3);
    ``protect_data`` puts the data channel under TLS too. ``timeout_s``: silence in seconds after which the
    module gives up, 0 for never. ``cid`` and ``ipv6`` only with series that map clients to contexts.
    """

    host: str
    user: str = "anonymous"
    password: str = field(default="", repr=False)
    account: str = field(default="", repr=False)
    port: int = 21
    passive: bool = True
    security: int | bool | None = None
    protect_data: bool = True
    timeout_s: int = 0
    cid: int | None = None
    ipv6: bool = False

    @property
    def secure(self) -> bool:
        """True with TLS, by whatever profile."""
        return self.security is not None and self.security is not False

    def settings(self) -> list[tuple[int, str]]:
        """Operations of +UFTP and their values."""
        numeric = self.host.replace(".", "").isdigit()
        found = [(0 if numeric else 1, f'"{self.host}"'), (2, f'"{self.user}"')]
        if self.password:
            found.append((3, f'"{self.password}"'))
        if self.account:
            found.append((4, f'"{self.account}"'))
        number = f",{self.security}" if self.secure and self.security is not True else ""
        found += [(5, str(self.timeout_s)), (6, str(int(self.passive))), (7, str(self.port)),
                  (8, f"{int(self.secure)}{number}"), (12, str(int(self.secure and self.protect_data)))]
        if self.cid is not None:
            found.append((20, f"{self.cid},{int(self.ipv6)}"))
        return found


class FtpClient:
    """The FTP client of the module. ``local_file`` is where files stand on their way through the module,
    deleted before and after.

    Every operation raises by owner: ClientError (the unit's, with class, code and meaning of +UFTPER),
    ClientServiceError when the probe sees the service dead, ClientNetworkError without packet data
    connection; UnitError when the module contradicts itself, UrcTimeout when no result comes.
    """

    __slots__ = ("_channel", "_files", "_probe", "_timeout_s", "local_file")

    def __init__(self, channel: Channel, *, local_file: str = "cellbench_ftp", probe: Probe | None = None
                 ) -> None:
        """``probe`` asks the server directly when an error suspects it; see probes.ftp_probe."""
        self._channel = channel
        self._files = Files(channel)
        self._probe = probe
        self._timeout_s = 0
        self.local_file = local_file

    # -- session ---------------------------------------------------------------------------------

    def use(self, server: FtpServer, *, probe: Probe | None = None) -> FtpClient:
        """Put all settings back, set them and read them back; log in afterwards. ``probe`` replaces the
        client's. Raises UnitError when a setting reads otherwise."""
        for op in self._shown():
            self._channel.send(f"AT+UFTP={op}")
        for op, value in server.settings():
            self._channel.send(f"AT+UFTP={op},{value}")
        shown = self._shown()
        for op, value in server.settings():
            wanted = [part.strip('"') for part in value.split(",")]
            if op not in _HIDDEN and shown.get(op, [])[:len(wanted)] != wanted:
                raise UnitError(f"AT+UFTP={op},{value}: reads {shown.get(op, 'nothing')}")
        self._timeout_s = server.timeout_s
        self._probe = probe or self._probe
        return self

    def login(self) -> None:
        """Connect to the server and log in."""
        self._do(LOGIN)

    def logout(self) -> None:
        """Leave the server."""
        self._do(LOGOUT)

    @contextmanager
    def session(self) -> Iterator[FtpClient]:
        """Logged in inside the block."""
        self.login()
        try:
            yield self
        except BaseException:
            with contextlib.suppress(CellbenchError):  # what went wrong inside is what counts
                self.logout()
            raise
        self.logout()

    def last_error(self) -> tuple[int, int]:
        """Class and code of the last operation (+UFTPER); class 0: the server's reply."""
        kind, code = (int(value or 0) for value in self._channel.send("AT+UFTPER").value("+UFTPER")[-2:])
        return kind, code

    # -- the server's files ------------------------------------------------------------------------

    def names(self, path: str = "") -> tuple[str, ...]:
        """Names in a directory."""
        return tuple(self._do(NAMES, *filter(None, (path,))).decode("utf-8", "replace").split("\r\n")[:-1])

    def listing(self, path: str = "") -> bytes:
        """The long list of a directory or of one file, as the server gives it."""
        return self._do(LIST, *filter(None, (path,)))

    def details(self, path: str = "") -> tuple[FtpEntry, ...]:
        """The long list, line by line; what is in no known form is left out."""
        return entries_of(self.listing(path))

    def size_of(self, remote: str) -> int | None:
        """Bytes of a file on the server by its listing; None where that does not tell."""
        name = remote.rpartition("/")[2]
        try:
            found = self.details(remote)
        except CellbenchError:
            return None
        return next((one.size for one in found if one.name.rpartition("/")[2] == name
                     and not one.is_directory), None)

    def change(self, directory: str) -> None:
        """Go to a directory; ".." is the parent."""
        self._do(CHANGE, directory)

    def mkdir(self, directory: str) -> None:
        """Create a directory."""
        self._do(CREATE, directory)

    def rmdir(self, directory: str) -> None:
        """Remove a directory."""
        self._do(REMOVE, directory)

    def delete(self, remote: str, *, missing_ok: bool = False) -> None:
        """Delete a file; ``missing_ok``: the server's reply 550 is no error."""
        try:
            self._do(DELETE, remote)
        except CellbenchError:
            if not missing_ok or self.last_error() != (0, 550):
                raise

    def rename(self, old: str, new: str) -> None:
        """Rename a file."""
        self._do(RENAME, old, new)

    # -- files by way of the module ----------------------------------------------------------------

    def put_file(self, local: str, remote: str, offset: int = 0) -> None:
        """A file of the module to the server, from ``offset`` on to the same place there (the server must
        know REST)."""
        size = self._files.size(local) if self._files.has(local) else 0
        self._do(PUT, local, remote, *filter(None, (offset,)), size=size)

    def get_file(self, remote: str, local: str, *, resume: bool = False) -> None:
        """A file of the server into the module; with ``resume`` behind what the local file holds already."""
        self._do(GET, remote, local, *((1,) if resume else ()), size=_UNKNOWN_BYTES)

    def put(self, remote: str, data: bytes, *, offset: int = 0, check: bool = True,
            progress: Progress | None = None) -> None:
        """Store ``data`` on the server, or what of it is behind ``offset``. With ``check`` it is got back and
        compared. ``progress`` follows the way into the module. Raises FileDiffers, NoRoom besides."""
        self._files.put(self.local_file, data, progress=progress)
        try:
            self.put_file(self.local_file, remote, offset)
        finally:
            self._files.delete(self.local_file, missing_ok=True)
        if check:
            _compare(remote, self.get(remote, check=False), data, offset)

    def get(self, remote: str, *, resume: bytes = b"", check: bool = True, progress: Progress | None = None
            ) -> bytes:
        """The content of a file of the server. ``resume`` is its beginning where that is known: only the rest
        is asked for. With ``check`` the size is compared with the server's listing. ``progress`` follows the
        way out of the module. Raises FileDiffers, NoRoom besides."""
        self._files.delete(self.local_file, missing_ok=True)
        try:
            if resume:
                self._files.put(self.local_file, resume)
            self.get_file(remote, self.local_file, resume=bool(resume))
            if not self._files.has(self.local_file):
                raise UnitError(f"FTP get {remote}: the module reports success and has stored no file")
            data = self._files.get(self.local_file, progress=progress)
        finally:
            self._files.delete(self.local_file, missing_ok=True)
        if check:
            self._check_size(remote, len(data))
        return data

    def fetch_package(self, remote: str, size: int = _UNKNOWN_BYTES, watch: Watch | None = None) -> str:
        """A firmware package of the server into the module, under its fixed name and tag (LENA-R8 guide
        11.2.1.1.2); its MD5 as the module tells it. ``size`` in bytes bounds the wait, ``watch`` is called
        now and then in it."""
        fields = self._perform(PACKAGE, (remote,), size, watch)[1]
        if len(fields) < 3 or not isinstance(fields[2], str):
            raise UnitError(f"FTP {_NAMES[PACKAGE]} {remote}: the module reports success without an MD5")
        return fields[2]

    # -- direct link -------------------------------------------------------------------------------

    def open_get(self, remote: str, offset: int = 0) -> FtpLink:
        """The port becomes the file's content from ``offset`` on; a context manager that leaves."""
        return self._open(GET_DIRECT, remote, offset)

    def open_put(self, remote: str, offset: int = 0) -> FtpLink:
        """What is written to the port becomes the file from ``offset`` on; a context manager that leaves."""
        return self._open(PUT_DIRECT, remote, offset)

    def get_direct(self, remote: str, *, offset: int = 0, size: int | None = None,
                   progress: Progress | None = None) -> bytes:
        """A file from ``offset`` on, past the module's file system. The module does not tell where it ends:
        ``size`` is that of the whole file (by default what the server lists); where nobody knows, 5 s of
        silence count as its end."""
        whole = self.size_of(remote) if size is None else size
        wanted = None if whole is None else max(0, whole - offset)
        silence_s = _QUIET_S if wanted is None else self._timeout_s or _STALLED_S
        with self.open_get(remote, offset) as link:
            data = link.receive(wanted, silence_s, progress)
            good, rest = link.leave(), link.unread
        if not good:
            raise self._failure(link.what)
        if wanted is not None and (len(data) != wanted or rest):
            raise FileDiffers(f"{link.what}: {len(data) + len(rest)} bytes came where {wanted} are listed")
        return data + rest

    def put_direct(self, remote: str, data: bytes, *, offset: int = 0, check: bool = True,
                   progress: Progress | None = None) -> None:
        """``data`` to ``offset`` of a file, past the module's file system. With ``check`` it is got back and
        compared. Raises NotPossible for data that ends in +++, which the module takes for the escape; the
        guides (LENA-R8 9.3.2.2.4) have one more byte added."""
        if data.endswith(b"+++"):
            raise NotPossible("data that ends in +++ would end the direct link early",
                              remedy="add one byte, or put it by way of a file")
        with self.open_put(remote, offset) as link:
            for begin in range(0, len(data), _LINK_PIECE):
                piece = data[begin:begin + _LINK_PIECE]
                link.write(piece, _STALLED_S)
                if progress is not None:
                    progress(begin + len(piece), len(data))
            good = link.leave()
        if not good:
            raise self._failure(link.what)
        if check:
            held = self.get_direct(remote, offset=offset)
            _compare(remote, held if offset == 0 else held[:len(data)], data)

    # -- inside ------------------------------------------------------------------------------------

    def _do(self, op: int, *values: str | int, size: int = 0) -> bytes:
        """One operation to its good result; the data of a list."""
        return self._perform(op, values, size)[0]

    def _perform(self, op: int, values: tuple[str | int, ...], size: int, watch: Watch | None = None
                 ) -> tuple[bytes, Fields]:
        """The same, with the fields of the result."""
        what = " ".join(("FTP", _NAMES[op], *(str(value) for value in values)))
        data = bytearray()
        with self._channel.expect(("+UUFTPCR", "+UUFTPCD"), lambda event: event.fields[:1] == (op,)) as heard:
            self._begin(op, what, values)
            limit_s = self._longest_s(size)
            while (event := watched(heard, limit_s, watch)).prefix != "+UUFTPCR":
                data += listed(event)
        if event.fields[1:2] != (1,):
            raise self._failure(what)
        return bytes(data), event.fields

    def _begin(self, op: int, what: str, values: tuple[str | int, ...]) -> None:
        try:
            self._channel.send(_line(op, values))
        except AtError as error:
            raise self._refused(op, what, error) from None

    def _refused(self, op: int, what: str, error: AtError) -> CellbenchError:
        """What is refused at once was used wrongly; a direct link is refused for any reason."""
        kind, code = self.last_error()
        if (kind == USE_CLASS or op in _LINKS) and (kind, code) != (0, 0):
            return client_failure(what, kind, code, self._probe, ftp_meaning(kind, code))
        return error

    def _open(self, op: int, remote: str, offset: int) -> FtpLink:
        what = f"FTP {_NAMES[op]} {remote}"
        heard = self._channel.expect("+UUFTPCR", lambda event: event.fields[:1] == (op,))
        try:
            data = self._channel.open_data(_line(op, (remote, *filter(None, (offset,)))),
                                           timeout_s=self._longest_s())
        except AtError as error:
            heard.close()
            raise self._refused(op, what, error) from None
        except BaseException:
            heard.close()
            raise
        return FtpLink(what, self._channel, data, heard)

    def _failure(self, what: str) -> CellbenchError:
        kind, code = self.last_error()
        return client_failure(what, kind, code, self._probe, ftp_meaning(kind, code))

    def _longest_s(self, size: int = 0) -> float:
        """The set time-out counts from one answer of the server to the next."""
        return max(TIMEOUT_S, float(_STEPS * self._timeout_s)) + _MARGIN_S + size / _SLOWEST_BYTES_S

    def _shown(self) -> dict[int, list[str]]:
        """Operations of +UFTP and their values as the module reads them."""
        lines = self._channel.send("AT+UFTP?").fields("+UFTP")
        return {line[0]: ["" if value is None else str(value) for value in line[1:]]
                for line in lines if line and isinstance(line[0], int)}

    def _check_size(self, remote: str, size: int) -> None:
        listed = self.size_of(remote)
        if listed is not None and listed != size:
            raise FileDiffers(f"FTP get {remote}: the server lists {listed} bytes, the module stored {size}")


def _line(op: int, values: tuple[str | int, ...]) -> str:
    return f"AT+UFTPC={op}" + "".join(f",{_parameter(value)}" for value in values)


def _parameter(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    if not value or len(value) > _LONGEST_NAME or not value.isprintable() or '"' in value:
        raise NotPossible(f"name {value[:40]!r}: 1 to {_LONGEST_NAME} printable characters without quotation "
                          "marks")
    return f'"{value}"'


def _compare(remote: str, held: bytes, data: bytes, offset: int = 0) -> None:
    """FileDiffers unless ``held`` is ``data`` from ``offset`` on; what is before it is the server's own."""
    end = len(data) if offset else None
    if held[offset:end] != data[offset:]:
        raise FileDiffers(f"FTP put {remote}: {len(data) - offset} bytes were sent, and {len(held)} that "
                          "differ came back")
