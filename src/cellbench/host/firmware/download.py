"""The way of a firmware package into the module: from an FTP or HTTP server, or over the serial port.

It comes to lie below the tag FOAT under its fixed name (LENA-R8 guide 11.2), where +UFWINSTALL looks for it.
A package that was there is deleted first. What the module tells of the file is compared with the package: its
MD5 where the way tells one, size and listing always; what differs is deleted. The file cannot be read back
(tag FOAT).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cellbench.base.errors import ServiceError
from cellbench.catalogue.downloads import (
    BY_FTP,
    BY_HTTP,
    BY_SERIAL,
    PACKAGE_NAME,
    PACKAGE_TAG,
    way_source,
)
from cellbench.catalogue.model import Evidence, Source
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import ClientError, ClientNetworkError, ClientServiceError
from cellbench.host.clients.ftp import FtpClient, FtpServer
from cellbench.host.clients.http import HttpClient, HttpServer
from cellbench.host.dialogue import Sending
from cellbench.host.errors import AtError, AtTimeout
from cellbench.host.files import FileDiffers, FileRefused, Files, file_errors
from cellbench.host.firmware.model import Method, Package, Stage, UpdateEvent
from cellbench.host.firmware.offer import Offer, md5_hex, seen_at

Report = Callable[[UpdateEvent], None]

_OK = 200
_USE_CLASSES = frozenset({4, 7, 8, 10})  # file system, memory, wrong use: nothing that a server can cause
_WRONG_USE = 8
_SLOWEST_BYTES_S = 960.0
_CLIENT_ERRORS = (ClientError, ClientServiceError, ClientNetworkError)
_WAYS = {Method.FTP: BY_FTP, Method.HTTP: BY_HTTP, Method.SERIAL: BY_SERIAL}


class PackageDiffers(FileDiffers):
    """What the module stored is not the package that it was to store."""


class PackageNotOffered(ServiceError):
    """The server does not give the package to this host either."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A package that the module holds, ready for +UFWINSTALL. ``md5``: as the module told it, None where the
    way tells none; ``seconds`` from the first command to the last check."""

    method: Method
    size: int
    md5: str | None
    seconds: float
    events: tuple[UpdateEvent, ...] = field(repr=False)


class PackageStore:
    """The place of a firmware package in the module behind a channel.

    ``report`` is called in the downloading thread at every event: bytes as far as they can be seen (written
    over the serial port; from a server what the module lists of the file, None while it lists nothing). What
    it raises leaves the download as it is. Without it the module is not asked anything meanwhile.
    """

    __slots__ = ("_channel", "_files", "_report")

    def __init__(self, channel: Channel, report: Report | None = None) -> None:
        self._channel = channel
        self._files = Files(channel, PACKAGE_TAG)
        self._report = report

    # -- what is there -----------------------------------------------------------------------------

    def list(self) -> tuple[str, ...]:
        """Names below the tag FOAT."""
        return self._files.list()

    def held(self) -> bool:
        """True when a package of the fixed name is there."""
        return PACKAGE_NAME in self.list()

    def size(self) -> int | None:
        """Bytes of the package; None when there is none, or the module does not tell it of this tag."""
        try:
            return self._files.size(PACKAGE_NAME)
        except (AtError, FileRefused):
            return None

    def discard(self) -> None:
        """Delete the package, and a file of its name among the user's (LENA-R8 guide Table 51, row 1)."""
        for files in (self._files, Files(self._channel)):
            files.delete(PACKAGE_NAME, missing_ok=True)

    def source(self, method: Method) -> Source:
        """Who says that the series takes packages by a way (FTP, HTTP, SERIAL)."""
        return way_source(self._channel.profile.series, _WAYS[method])

    def documented(self, method: Method) -> bool:
        """False when that is a guess, so that a refusal proves nothing."""
        return self.source(method).evidence is not Evidence.GUESS

    # -- ways --------------------------------------------------------------------------------------

    def by_ftp(self, package: Package | bytes, server: FtpServer, path: str, *, offer: Offer | None = None
               ) -> Stored:
        """From an FTP server (+UFTPC=100). ``offer`` gets the same file for this host if something goes
        wrong.

        Raises by owner: ClientError (the unit's, with class, code and meaning of +UFTPER), PackageNotOffered,
        ClientServiceError, ClientNetworkError; PackageDiffers, UnitError, UrcTimeout.
        """
        data = _bytes(package)
        course = _Course(Method.FTP, len(data), self._report)
        self.discard()
        with _blame(offer, data):
            ftp = _log_in(self._channel, server)
            course.at(0)
            try:
                told = ftp.fetch_package(path, len(data), self._watch(course))
            except _CLIENT_ERRORS:
                _log_out(ftp)
                raise
            _log_out(ftp)
            return self._checked(course, data, told)

    def by_http(self, package: Package | bytes, server: HttpServer, path: str, *, profile: int = 0,
                offer: Offer | None = None) -> Stored:
        """From an HTTP server (+UHTTPC=<profile>,100). Parameters and errors as ``by_ftp``, codes of
        +UHTTPER."""
        data = _bytes(package)
        course = _Course(Method.HTTP, len(data), self._report)
        self.discard()
        http = HttpClient(self._channel, profile).use(server)
        with _blame(offer, data):
            course.at(0)
            status, told = http.fetch_package(path, len(data), self._watch(course))
            if status != _OK:
                self.discard()
                raise PackageDiffers(f"firmware package {path}: stored in spite of the HTTP status {status}")
            return self._checked(course, data, told)

    def by_serial(self, package: Package | bytes) -> Stored:
        """Over this channel (+UDWNFILE with the tag FOAT), in one command as LENA-R8 guide Table 51 prints
        it. Raises NoRoom, FileRefused, CmeError, PackageDiffers; after a refusal nothing is left."""
        data = _bytes(package)
        course = _Course(Method.SERIAL, len(data), self._report)
        self.discard()
        line = f'AT+UDWNFILE="{PACKAGE_NAME}",{len(data)},"{PACKAGE_TAG}"'
        timeout_s = self._channel.plan(line).timeout_s + len(data) / _SLOWEST_BYTES_S
        course.at(0)
        try:
            with file_errors(PACKAGE_NAME):
                self._channel.send(line, ask=lambda _: Sending(data, course.at), timeout_s=timeout_s)
        except AtError:
            self.discard()
            raise
        return self._checked(course, data, None)

    # -- inside ------------------------------------------------------------------------------------

    def _checked(self, course: _Course, data: bytes, told: str | None) -> Stored:
        """What the module says of the file, against the package."""
        wrong, size = "", None
        if told is not None and told.lower() != md5_hex(data):
            wrong = f"the module tells MD5 {told}, the package has {md5_hex(data)}"
        elif not self.held():
            wrong = f"the module reports success and lists {list(self.list())}, no {PACKAGE_NAME}"
        elif (size := self.size()) not in (None, len(data)):
            wrong = f"{size} bytes in the module, {len(data)} were to come"
        if wrong:
            self.discard()
            raise PackageDiffers(f"firmware package by {course.method.value}: {wrong}")
        course.at(len(data))
        return Stored(course.method, len(data), told, course.elapsed_s, tuple(course.events))

    def _watch(self, course: _Course) -> Callable[[], None] | None:
        """Asks how large the file has become, while a server's package comes; only where somebody listens."""
        if self._report is None:
            return None

        def look() -> None:
            found = None
            with contextlib.suppress(AtTimeout):
                found = self.size()
            course.at(found)

        return look


class _Course:
    """The events of one download."""

    __slots__ = ("_began", "_report", "_total", "events", "method")

    def __init__(self, method: Method, total: int, report: Report | None) -> None:
        self.method = method
        self.events: list[UpdateEvent] = []
        self._total = total
        self._report = report
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the download began."""
        return time.monotonic() - self._began

    def at(self, count: int | None) -> None:
        """So many bytes are there; None: nobody tells."""
        if count == self._total and self.events and self.events[-1].at == count:
            return
        elapsed = self.elapsed_s
        left = elapsed * max(0, self._total - count) / count if count else None
        event = UpdateEvent(Stage.DOWNLOADING, count, elapsed, left)
        self.events.append(event)
        if self._report is not None:
            self._report(event)


@contextmanager
def _blame(offer: Offer | None, data: bytes) -> Iterator[None]:
    """What a server may have caused is laid on it when it does not give this host the package either."""
    try:
        yield
    except (ClientError, PackageDiffers) as error:
        if isinstance(error, ClientError) and error.kind in _USE_CLASSES:
            raise
        seen = seen_at(offer, data)
        if not seen:
            raise
        raise PackageNotOffered(f"{error.message}; {seen}", remedy="put the package there, or name its path "
                                "in the rig file") from error


def _log_in(channel: Channel, server: FtpServer) -> FtpClient:
    """At the server, also where an interrupted download has left a session open."""
    ftp = FtpClient(channel)
    try:
        ftp.use(server).login()
    except (AtError, ClientError) as error:
        if isinstance(error, ClientError) and error.kind != _WRONG_USE:
            raise
        _log_out(ftp)
        ftp.use(server).login()
    return ftp


def _log_out(ftp: FtpClient) -> None:
    with contextlib.suppress(*_CLIENT_ERRORS, AtError):  # the server may have ended an idle session itself
        ftp.logout()


def _bytes(package: Package | bytes) -> bytes:
    return package if isinstance(package, bytes) else package.data()
