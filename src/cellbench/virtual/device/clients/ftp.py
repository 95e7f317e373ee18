"""The FTP client of the module: one session, one operation at a time, files in and out of the file system.

LENA-R8 guide 9.3.2, LARA-R6 guide 9, facts sheet internet 9.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from cellbench.virtual.device.clients.ftp_dialogue import FtpDialogue, FtpSettings, Transfer
from cellbench.virtual.device.clients.ftp_failures import ClientCode, ErrorClass, FtpFailure, UseCode
from cellbench.virtual.device.clients.outward import OutwardFailure
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.filestore import FileRefusal, FileTrouble
from cellbench.virtual.front.context import DataLink
from cellbench.virtual.front.faults import report_bug
from cellbench.virtual.net.failure import SocketError

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_ALREADY_THERE = 1625
_LONGEST_LIST = 1_000_000  # bytes: no server's folder, but a server that never ends
_END_S = 10.0  # true seconds: the longest end of a direct link (facts sheet internet 9.2)


class Op(enum.IntEnum):
    """Operations of +UFTPC."""

    LOGOUT = 0
    LOGIN = 1
    DELETE = 2
    RENAME = 3
    GET = 4
    PUT = 5
    GET_DIRECT = 6
    PUT_DIRECT = 7
    CHANGE = 8
    CREATE = 10
    REMOVE = 11
    LIST = 13
    NAMES = 14
    PACKAGE = 100


class FtpClient:
    """The FTP client of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self.settings = FtpSettings()
        self.error = (0, 0)
        self._module = module
        self._dialogue: FtpDialogue | None = None
        self._running: asyncio.Task[None] | None = None
        self._linked = False
        self._told = ""  # further parameters of the next +UUFTPCR

    @property
    def busy(self) -> bool:
        """True while an operation or a direct link runs."""
        return self._running is not None or self._linked

    @property
    def logged_in(self) -> bool:
        """True between log in and log out, whatever the server thinks of it."""
        return self._dialogue is not None

    @property
    def connected(self) -> bool:
        """True while the control connection stands."""
        return self._dialogue is not None and self._dialogue.alive

    def power_off(self) -> None:
        """Everything ends in silence."""
        if self._running is not None:
            self._running.cancel()
        self._forget()

    def _forget(self) -> None:
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            dialogue.abort()

    def start(self, op: Op, work: Callable[[], Awaitable[None]]) -> None:
        """Begin an operation; +UUFTPCR tells its end."""
        self._running = asyncio.ensure_future(self._run(op, work))

    async def _run(self, op: Op, work: Callable[[], Awaitable[None]]) -> None:
        self._told = ""
        try:
            good = await self._noting(work)
        finally:
            self._running = None
        self._module.urc(f"+UUFTPCR: {int(op)},{int(good)}{self._told if good else ''}")

    async def _noting(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it and remember the error; a session whose connection is found gone is over."""
        try:
            await work()
            self.error = (0, 0)
            return True
        except FtpFailure as failure:
            self.error = (int(failure.kind), failure.code)
            if not self.connected:
                self._forget()
            return False
        except Exception as error:  # the host is told, and the client goes on
            report_bug(self._module, "FTP", error)
            self.error = (int(ErrorClass.CLIENT), int(ClientCode.NO_REPLY))
            self._forget()
            return False

    def _session(self) -> FtpDialogue:
        if self._dialogue is None:
            raise FtpFailure(ErrorClass.USE, UseCode.STATE)
        return self._dialogue

    # -- operations --------------------------------------------------------------------------------

    async def log_in(self) -> None:
        """Connect and log in; a session whose connection is gone is forgotten."""
        self._forget()
        self._dialogue = await FtpDialogue.open(self._module, self.settings)

    async def log_out(self) -> None:
        """Leave; the session is over whatever the server answers."""
        dialogue, self._dialogue = self._session(), None
        await dialogue.quit()

    async def simple(self, command: str) -> None:
        """A command without data: DELE, CWD, CDUP, MKD, RMD."""
        await self._session().done(command)

    async def rename(self, old: str, new: str) -> None:
        """Rename a file of the server."""
        await self._session().rename(old, new)

    async def get(self, remote: str, local: str, *, go_on: bool) -> None:
        """A file into the file system; with ``go_on`` behind what is there. Never half-written for lack of
        room."""
        store = file_store(self._module)
        there = store.exists(local)
        if there and not go_on and not self._module.config.behaviour.ftp_get_replaces:
            raise FtpFailure(ErrorClass.FILES, _ALREADY_THERE)
        append = there and go_on
        offset = store.size(local) if append else 0
        room = store.free() + (store.size(local) if there and not append else 0)
        transfer = await self._session().transfer(f"RETR {remote}", offset=offset)
        data = bytearray()
        try:
            await _receive(transfer, data, room, FtpFailure(ErrorClass.FILES, FileTrouble.NO_ROOM.value))
        except FtpFailure as failure:
            keeps = self._module.config.behaviour.ftp_get_keeps_part
            if data and keeps and failure.kind is not ErrorClass.FILES:
                self._store(local, bytes(data), append=append)
            raise
        self._store(local, bytes(data), append=append)

    async def package(self, remote: str) -> None:
        """A firmware package into its place (LENA-R8 guide 11.2.1.1); its MD5 is told."""
        with self._module.updater.download("+UFTPC") as place:
            transfer = await self._session().transfer(f"RETR {remote}")
            data = bytearray()
            await _receive(transfer, data, place.room,
                           FtpFailure(ErrorClass.FILES, FileTrouble.NO_ROOM.value), place.note)
            try:
                self._told = f',"{place.store(bytes(data))}"'
            except FileRefusal as refusal:
                raise FtpFailure(ErrorClass.FILES, refusal.trouble.value) from None

    def _store(self, name: str, data: bytes, *, append: bool) -> None:
        try:
            file_store(self._module).write(name, data, append=append)
        except FileRefusal as refusal:
            raise FtpFailure(ErrorClass.FILES, refusal.trouble.value) from None

    async def put(self, local: str, remote: str, offset: int) -> None:
        """A file of the file system, from ``offset`` on, to the same place of the server's file."""
        try:
            data = file_store(self._module).read(local)
        except FileRefusal as refusal:
            raise FtpFailure(ErrorClass.FILES, refusal.trouble.value) from None
        if offset > len(data):
            raise FtpFailure(ErrorClass.FILES, FileTrouble.NOT_ALLOWED.value)
        transfer = await self._session().transfer(f"STOR {remote}", offset=offset)
        try:
            await transfer.send(data[offset:])
        except FtpFailure as failure:
            raise await transfer.give_up(failure) from None
        await transfer.finish()

    async def listing(self, op: Op, name: str) -> None:
        """A list of files; +UUFTPCD brings it."""
        command = "LIST" if op is Op.LIST else "NLST"
        transfer = await self._session().transfer(f"{command} {name}".rstrip(), text=True)
        data = bytearray()
        await _receive(transfer, data, _LONGEST_LIST, FtpFailure(ErrorClass.CLIENT, ClientCode.NO_REPLY))
        self._module.urc(f'+UUFTPCD: {int(op)},{len(data)},"{data.decode("latin-1")}"')

    # -- direct link -------------------------------------------------------------------------------

    async def open_link(self, op: Op, remote: str, offset: int) -> DirectLink | None:
        """A file between server and port; None when it cannot be had, with the error remembered."""
        opened: list[DirectLink] = []

        async def work() -> None:
            command = "RETR" if op is Op.GET_DIRECT else "STOR"
            transfer = await self._session().transfer(f"{command} {remote}", offset=offset)
            kind = DirectGet if op is Op.GET_DIRECT else DirectPut
            opened.append(kind(transfer, ends=self._module.config.behaviour.ftp_direct_link_ends))

        self._linked = True
        try:
            if not await self._noting(work):
                return None
        finally:
            self._linked = bool(opened)
        return opened[0]

    async def close_link(self, link: DirectLink) -> bool:
        """The port has left data mode: whether the file went over whole."""
        try:
            return await self._noting(link.conclude)
        finally:
            self._linked = False

    def drop_link(self, link: DirectLink) -> None:
        """The port is gone."""
        link.cut()
        self._linked = False


async def _receive(transfer: Transfer, into: bytearray, room: int, too_much: FtpFailure,
                   note: Callable[[int], None] = lambda count: None) -> None:
    """All that the server sends; FtpFailure when it breaks off, ``too_much`` when it is more than ``room``
    bytes. ``note`` is told how many bytes there are."""
    try:
        async for part in transfer.parts():
            into += part
            note(len(into))
            if len(into) > room:
                raise too_much
    except FtpFailure as failure:
        raise await transfer.give_up(failure) from None
    await transfer.finish()


class DirectLink:
    """A port in data mode on one side (a ``DataSink``), a data channel on the other."""

    def __init__(self, transfer: Transfer, *, ends: bool) -> None:
        self.transfer = transfer
        self.ends = ends
        self.link: DataLink | None = None
        self.failure: FtpFailure | None = None
        self.whole = False  # everything went over, and the server has said so
        self._task: asyncio.Task[None] | None = None

    def opened(self, link: DataLink) -> None:
        """Data mode begins."""
        self.link = link
        self._task = asyncio.ensure_future(self._run())

    def received(self, data: bytes) -> None:
        """Bytes from the DTE."""
        raise NotImplementedError

    def cut(self) -> None:
        """Break off."""
        if self._task is not None:
            self._task.cancel()
        self.transfer.stream.abort()

    async def conclude(self) -> None:
        """Data mode is over; FtpFailure unless the file went over whole. Takes 10 s at most."""
        self.link, task = None, self._task
        try:
            async with asyncio.timeout(_END_S):
                await self.leave(task)
        except TimeoutError:
            self.cut()
            self.transfer.drop()
            raise FtpFailure(ErrorClass.CLIENT, ClientCode.TIMEOUT) from None
        if self.failure is not None:
            raise self.failure

    async def leave(self, task: asyncio.Task[None] | None) -> None:
        """The host has left the link: end what ``task`` does."""
        raise NotImplementedError

    async def carry(self) -> None:
        """Carry all bytes over and have the server confirm it; FtpFailure."""
        raise NotImplementedError

    async def _run(self) -> None:
        try:
            await self.carry()
        except FtpFailure as failure:
            self.failure = failure
        else:
            self.whole = True
        if self.link is not None and (self.failure is not None or self.ends):
            self.link.finish()


class DirectGet(DirectLink):
    """Operation 6: from the server to the port."""

    def received(self, data: bytes) -> None:
        """What the DTE says meanwhile goes nowhere."""

    async def carry(self) -> None:
        """From the data channel to the port."""
        try:
            async for part in self.transfer.parts():
                if self.link is not None:
                    self.link.send(part)
        except FtpFailure as failure:
            raise await self.transfer.give_up(failure) from None
        await self.transfer.finish()

    async def leave(self, task: asyncio.Task[None] | None) -> None:
        """Before the end the file is not whole (LENA-R8 guide 9.3.2.2.2, LARA-R6 guide 9.1.2)."""
        if self.whole or self.failure is not None:
            return
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if not self.whole and self.failure is None:
            self.failure = FtpFailure(ErrorClass.CLIENT, ClientCode.ABORTED)
            await self.transfer.give_up(self.failure)


class DirectPut(DirectLink):
    """Operation 7: from the port to the server."""

    def __init__(self, transfer: Transfer, *, ends: bool) -> None:
        super().__init__(transfer, ends=ends)
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: the host has left the link

    def received(self, data: bytes) -> None:
        """Bytes from the DTE."""
        self._queue.put_nowait(data)

    async def carry(self) -> None:
        """From the port to the data channel, until the host leaves the link."""
        left = asyncio.ensure_future(self._server_leaves())
        try:
            while (data := await self._next(left)) is not None:
                await self.transfer.send(data)
        except FtpFailure as failure:
            raise await self.transfer.give_up(failure) from None
        finally:
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
        await self.transfer.finish()

    async def leave(self, task: asyncio.Task[None] | None) -> None:
        """What the host has sent goes over first."""
        self._queue.put_nowait(None)
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def _next(self, left: asyncio.Future[None]) -> bytes | None:
        taken = asyncio.ensure_future(self._queue.get())
        both: set[asyncio.Future[Any]] = {taken, left}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if taken.done():
                return taken.result()
        finally:
            taken.cancel()
        raise FtpFailure(ErrorClass.SOCKET, int(SocketError.RESET))

    async def _server_leaves(self) -> None:
        """Return when the data channel is over: a server that takes a file sends nothing on it."""
        try:
            while await self.transfer.stream.read():
                pass
        except OutwardFailure:
            pass
