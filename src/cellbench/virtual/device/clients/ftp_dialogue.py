"""One FTP session over a module's connections: the control dialogue and its data channels (RFC 959, 4217)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellbench.virtual.device.clients.ftp_failures import (
    ClientCode,
    ErrorClass,
    FtpFailure,
    UseCode,
    bounded,
    failure_of,
)
from cellbench.virtual.device.clients.ftp_replies import (
    NoReply,
    Reply,
    ReplyReader,
    extended_port,
    passive_port,
    port_argument,
)
from cellbench.virtual.device.clients.outward import Outward, OutwardFailure, Stage, Stream, Wanted
from cellbench.virtual.device.security import SecurityProfiles
from cellbench.virtual.net.failure import SocketError

if TYPE_CHECKING:
    from cellbench.io.tls.sessions import Session
    from cellbench.virtual.device.module import Module

_LEAST_LINGER_S = 5.0  # true seconds: what was sent must not be cut off by a hurried pace
_PIECE = 65_536
_LEAVING = 421  # service not available, closing the control connection


@dataclass(slots=True)
class FtpSettings:
    """What +UFTP sets; every field is an operation, or one of its values."""

    address: str = ""
    name: str = ""
    user: str = ""
    password: str = ""
    account: str = ""
    timeout_s: int = 0
    linger_control_s: int | None = None
    linger_data_s: int | None = None
    passive: bool = False
    port: int = 21
    secure: bool = False
    profile: int | None = None
    secure_data: bool = False
    cid: int | None = None
    ipv6: bool = False

    @property
    def host(self) -> str:
        """What is connected to, "" while nothing is set."""
        return self.name or self.address


class FtpDialogue:
    """A control connection; :meth:`open` makes one that is logged in."""

    def __init__(self, module: Module, settings: FtpSettings, control: Stream) -> None:
        self._module = module
        self._settings = settings
        self._control = control
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._type = ""
        self._protected = False  # PROT P was said: what +UFTP is told later counts from the next log in on

    @classmethod
    async def open(cls, module: Module, settings: FtpSettings) -> FtpDialogue:
        """Connect and log in; FtpFailure."""
        if not settings.host:
            raise FtpFailure(ErrorClass.CLIENT, ClientCode.SERVER_MISSING)
        if not settings.user:
            raise FtpFailure(ErrorClass.CLIENT, ClientCode.USER_MISSING)
        wanted = Wanted(settings.host, settings.port, settings.cid, settings.ipv6)
        limit = answer_limit_s(module, settings)
        control = await bounded(limit, module.subsystem(Outward).open(wanted))
        dialogue = cls(module, settings, control)
        try:
            await dialogue._greet()
        except BaseException:
            control.abort()
            raise
        return dialogue

    @property
    def alive(self) -> bool:
        """True while the control connection stands."""
        return self._control.alive

    def abort(self) -> None:
        """Leave at once."""
        self._control.abort()

    async def quit(self) -> None:
        """Log out and close; FtpFailure when the server does not answer, closed all the same."""
        try:
            await self.done("QUIT")
        finally:
            _close(self._control, _linger_s(self._module, self._settings.linger_control_s))

    # -- commands ----------------------------------------------------------------------------------

    async def done(self, command: str) -> Reply:
        """A command that is to be done; FtpFailure otherwise."""
        reply = await self.command(command)
        if not reply.good:
            raise FtpFailure(ErrorClass.REPLY, reply.code)
        return reply

    async def command(self, command: str) -> Reply:
        """Send a command; its first reply."""
        await self._pass_over()
        try:
            self._control.send(command.encode("latin-1") + b"\r\n")
        except OutwardFailure as failure:
            raise failure_of(failure) from None
        return await self.reply()

    async def _pass_over(self) -> None:
        """What the server said unasked is the answer to no command; 421 ends the session (RFC 959 5.4)."""
        while self._control.waiting:
            self._replies.extend(self._reader.feed(await self._control.read()))
        unasked = [reply.code for reply in self._replies]
        self._replies.clear()
        if _LEAVING in unasked:
            self._control.abort()
            raise FtpFailure(ErrorClass.REPLY, _LEAVING)

    async def reply(self) -> Reply:
        """The next reply."""
        limit = answer_limit_s(self._module, self._settings)
        while not self._replies:
            if self._reader.broken:
                self._control.abort()  # nothing it says can be trusted any more
                raise FtpFailure(ErrorClass.CLIENT, ClientCode.NO_REPLY)
            try:
                data = await bounded(limit, self._control.read())
            except FtpFailure:
                self._control.abort()  # an answer that came later would be taken for another's
                raise
            if not data:
                raise failure_of(OutwardFailure(Stage.LOST, SocketError.NOT_CONNECTED))  # closed in order
            self._replies.extend(self._reader.feed(data))
        return self._replies.popleft()

    async def rename(self, old: str, new: str) -> None:
        """RNFR, RNTO; FtpFailure."""
        reply = await self.command(f"RNFR {old}")
        if not reply.wants_more:
            raise FtpFailure(ErrorClass.REPLY, reply.code)
        await self.done(f"RNTO {new}")

    async def _greet(self) -> None:
        reply = await self.reply()
        while reply.preliminary:  # 120: ready in so many minutes
            reply = await self.reply()
        if not reply.good:
            raise FtpFailure(ErrorClass.REPLY, reply.code)
        if self._settings.secure:
            await self._go_secure()
        elif self._settings.secure_data:
            raise FtpFailure(ErrorClass.USE, UseCode.SECURE)  # RFC 4217 4: data alone cannot be protected
        reply = await self.command(f"USER {self._settings.user}")
        if reply.wants_more and reply.code != 332:
            reply = await self.command(f"PASS {self._settings.password}")
        if reply.code == 332:
            reply = await self.command(f"ACCT {self._settings.account}")
        if not reply.good:
            raise FtpFailure(ErrorClass.REPLY, reply.code)

    async def _go_secure(self) -> None:
        """Explicit TLS: on the same port, before the login (LENA-R8 guide 9.3.2.2.4, LARA-R6 guide 9.2)."""
        reply = await self.command("AUTH TLS")
        if not reply.good:
            raise FtpFailure(ErrorClass.USE, UseCode.SECURE)
        await bounded(answer_limit_s(self._module, self._settings),
                      self._module.subsystem(Outward).secure(self._control, self._settings.profile),
                      late=FtpFailure(ErrorClass.USE, UseCode.SECURE))
        if self._settings.secure_data:
            for command in ("PBSZ 0", "PROT P"):
                if not (await self.command(command)).good:
                    raise FtpFailure(ErrorClass.USE, UseCode.SECURE)
            self._protected = True

    # -- data --------------------------------------------------------------------------------------

    async def transfer(self, command: str, *, text: bool = False, offset: int = 0) -> Transfer:
        """Begin a command with a data channel; FtpFailure. The transfer is to be finished or given up."""
        wanted = "A" if text else "I"
        if self._type != wanted:
            await self.done(f"TYPE {wanted}")
            self._type = wanted
        door = await (self._passive() if self._settings.passive else self._active())
        try:
            if offset:
                reply = await self.command(f"REST {offset}")
                if not reply.wants_more:
                    raise FtpFailure(ErrorClass.REPLY, reply.code)
            reply = await self.command(command)
            if not reply.preliminary:
                raise FtpFailure(ErrorClass.REPLY, reply.code)
            stream = await door.stream()
        except BaseException:
            door.shut()
            raise
        transfer = Transfer(self, stream)
        if self._protected:
            await self._protect(transfer)
        return transfer

    async def _protect(self, transfer: Transfer) -> None:
        work = self._module.subsystem(Outward).secure(transfer.stream, self._settings.profile,
                                                      self._session())
        try:
            await bounded(answer_limit_s(self._module, self._settings), work,
                          late=FtpFailure(ErrorClass.USE, UseCode.SECURE))
        except FtpFailure as failure:
            raise await transfer.give_up(failure) from None

    def _session(self) -> Session | None:
        """The control connection's session, where the data channel is to go on with it: operation 13 of the
        security profile (LENA-R8 guide 9.3.2.2.4, LARA-R6 guide 9.2)."""
        profile = self._settings.profile
        asked = profile is not None and self._module.subsystem(SecurityProfiles)[profile].resumption.enabled
        if asked or self._module.config.behaviour.ftps_data_resumes:
            return self._control.session
        return None

    async def _passive(self) -> _Door:
        extended = ":" in self._control.source.address
        reply = await self.done("EPSV" if extended else "PASV")
        try:
            port = extended_port(reply.text) if extended else passive_port(reply.text)
        except NoReply:
            raise FtpFailure(ErrorClass.CLIENT, ClientCode.NO_REPLY) from None
        settings = self._settings
        wanted = Wanted(self._control.remote.host, port, settings.cid, settings.ipv6)
        limit = answer_limit_s(self._module, settings)
        stream = await bounded(limit, self._module.subsystem(Outward).open(wanted))
        return _Door(stream, limit, stream.abort)

    async def _active(self) -> _Door:
        outward = self._module.subsystem(Outward)
        called: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()

        def accepted(stream: Stream) -> None:
            if called.done():
                stream.abort()
            else:
                called.set_result(stream)

        source = self._control.source
        try:
            acceptor = outward.listen(source, accepted)
        except OutwardFailure as failure:
            raise failure_of(failure) from None

        def shut() -> None:
            acceptor.close()
            if not called.cancel() and not called.cancelled():
                called.result().abort()

        door = _Door(called, answer_limit_s(self._module, self._settings), shut, acceptor.close)
        address = outward.address_towards(self._control.remote, source)
        try:
            await self.done(port_argument(address, acceptor.bound_port))
        except BaseException:
            door.shut()
            raise
        return door

    @property
    def module(self) -> Module:
        """The module whose session this is."""
        return self._module

    @property
    def settings(self) -> FtpSettings:
        """What is in force."""
        return self._settings


class _Door:
    """A data connection that is there (passive), or that the server makes (active)."""

    def __init__(self, come: Stream | asyncio.Future[Stream], limit: float, shut: Callable[[], None],
                 come_in: Callable[[], None] | None = None) -> None:
        self._come = come
        self._limit = limit
        self.shut = shut
        self._come_in = come_in

    async def stream(self) -> Stream:
        """The connection; FtpFailure when none came in time."""
        if isinstance(self._come, Stream):
            return self._come
        waiting = self._come

        async def wait() -> Stream:
            return await waiting

        stream = await bounded(self._limit, wait())
        if self._come_in is not None:
            self._come_in()
        return stream


class Transfer:
    """A data channel in use."""

    def __init__(self, dialogue: FtpDialogue, stream: Stream) -> None:
        self.stream = stream
        self._dialogue = dialogue

    async def parts(self) -> AsyncIterator[bytes]:
        """What the server sends, until it closes; FtpFailure when it is silent too long or breaks off."""
        while part := await bounded(self._patience_s(), self.stream.read()):
            yield part

    async def send(self, data: bytes) -> None:
        """Send all; FtpFailure when the server takes nothing for too long, or breaks off."""
        for begin in range(0, len(data), _PIECE):
            try:
                self.stream.send(data[begin : begin + _PIECE])
            except OutwardFailure as failure:
                raise failure_of(failure) from None
            await bounded(self._patience_s(), self.stream.sent())

    async def finish(self) -> None:
        """Close the channel in order; FtpFailure unless the server says that all went well."""
        settings, module = self._dialogue.settings, self._dialogue.module
        _close(self.stream, _linger_s(module, settings.linger_data_s))
        reply = await self._dialogue.reply()
        if not reply.good:
            raise FtpFailure(ErrorClass.REPLY, reply.code)

    async def give_up(self, failure: FtpFailure) -> FtpFailure:
        """Break the channel off; the failure to be told: the server's own word where it has one. A server
        that was silent for too long loses the session."""
        self.stream.abort()
        if failure.kind is ErrorClass.CLIENT and failure.code == ClientCode.TIMEOUT:
            self.drop()
            return failure
        try:
            reply = await self._dialogue.reply()
        except FtpFailure:
            self._dialogue.abort()
            return failure
        told = failure.kind is ErrorClass.SOCKET and not reply.good
        return FtpFailure(ErrorClass.REPLY, reply.code) if told else failure

    def drop(self) -> None:
        """End channel and session at once."""
        self.stream.abort()
        self._dialogue.abort()

    def _patience_s(self) -> float:
        return answer_limit_s(self._dialogue.module, self._dialogue.settings)


def answer_limit_s(module: Module, settings: FtpSettings) -> float:
    """How long the server may be silent, on either channel, in the module's own seconds."""
    return module.pace.own(float(settings.timeout_s or module.config.behaviour.ftp_answer_s))


def _close(stream: Stream, linger_s: float) -> None:
    """Close in order, in the background."""
    closing = asyncio.ensure_future(stream.close(linger_s))
    closing.add_done_callback(lambda task: task.cancelled() or task.exception())


def _linger_s(module: Module, seconds: int | None) -> float:
    wanted = module.config.behaviour.ftp_linger_s if seconds is None else float(seconds)
    return max(module.pace.own(wanted), _LEAST_LINGER_S)
