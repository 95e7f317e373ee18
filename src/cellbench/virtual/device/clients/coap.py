"""The CoAP client of the module: one current profile, four stored ones, one request at a time.

LARA-R6 guide 8, facts sheet internet 12. Why the protocol is written here: docs/decisions/0007.
"""

from __future__ import annotations

import asyncio
import enum
import os
import secrets
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from cellbench.virtual.device.clients.coap_exchange import (
    DatagramExchange,
    Exchange,
    Patience,
    Rejected,
    StreamExchange,
)
from cellbench.virtual.device.clients.coap_line import (
    DatagramLine,
    StreamLine,
    Target,
    carry,
    open_line,
    parse_uri,
)
from cellbench.virtual.device.clients.coap_messages import Block, Message, Method, Option, number_bytes
from cellbench.virtual.device.clients.outward import OutwardFailure, Stage
from cellbench.virtual.front.faults import report_bug

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module

COAP_CLASS = 15
PROFILE_INVALID = 17
PROFILES = 4
FORMATS = (0, 40, 41, 42, 47, 50)
"""Content formats by the module's number: 0 is the guide's, the rest follow RFC 7252 12.3."""
_STORED = "+UCOAP"
_MOST_BLOCKS = 4096
_TOKEN_BYTES = 4
_GOOD = 2  # the class of a response that says success


class Header(enum.IntFlag):
    """What operation 2 of +UCOAP switches, as "OPT_MASK" shows it."""

    HOST = 1
    PORT = 2
    PATH = 4
    QUERY = 8
    FORMAT = 16
    NON = 32


class Command(enum.IntEnum):
    """Requests of +UCOAPC."""

    GET = 1
    DELETE = 2
    PUT = 3
    POST = 4

    @property
    def method(self) -> Method:
        """The method on the wire."""
        return Method[self.name]


@dataclass(slots=True)
class CoapProfile:
    """A profile; every field is an operation of +UCOAP."""

    uri: str = ""
    options: int = 0
    number: int = 0
    valid: bool = False
    security_profile: int = 0
    cid: int | None = None
    ipv6: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One request as +UCOAPC gives it; ``block`` where the host cuts the body itself."""

    command: Command
    payload: bytes = b""
    content: int = 0
    block: tuple[int, bool] | None = None


class Failed(Exception):
    """A request failed with a code of +UCOAPER."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class CoapClient:
    """The client of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._facts = module.config.behaviour
        self.profile = CoapProfile(options=self._facts.coap_options)
        self.error = (0, 0)
        self._task: asyncio.Task[None] | None = None
        self._claimed = False  # a request was taken whose final result code has not left
        self._line: DatagramLine | StreamLine | None = None
        self._way: tuple[object, ...] = ()
        self._block_size = 0
        self._number = int.from_bytes(os.urandom(2), "big")
        module.contexts.on_change(self._context_changed)

    # -- profiles ----------------------------------------------------------------------------------

    def stored(self, number: int) -> CoapProfile | None:
        """A stored profile, None where nothing was stored."""
        values = self._module.settings.mapping(_STORED).get(str(number))
        if not isinstance(values, dict):
            return None
        known = {one.name for one in fields(CoapProfile)}
        return CoapProfile(**{name: value for name, value in values.items() if name in known})

    def store(self, number: int) -> None:
        """The current profile into NVM."""
        self.profile.number = number
        kept = {**self._module.settings.mapping(_STORED), str(number): asdict(self.profile)}
        self._module.settings.store(_STORED, kept)

    def load(self, number: int) -> bool:
        """A stored profile becomes the current one; False when there is none."""
        found = self.stored(number)
        if found is not None:
            self.profile = replace(found, number=number)
        return found is not None

    # -- one request at a time ---------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """True while a request runs."""
        return self._claimed or self._task is not None

    def claim(self) -> None:
        """A request is taken: ``start`` or ``fail`` follows."""
        self._claimed = True

    def fail(self, code: int) -> None:
        """A request that was not begun."""
        self._claimed = False
        self.error = (COAP_CLASS, code)

    def code_of(self, stage: Stage) -> int:
        """The code of a connection that cannot be had."""
        facts = self._facts
        return {Stage.CONTEXT: facts.coap_code_context, Stage.NAME: facts.coap_code_connection,
                Stage.CONNECT: facts.coap_code_connection, Stage.LOST: facts.coap_code_connection,
                Stage.SECURE: facts.coap_code_secure}[stage]

    async def connect(self) -> bool:
        """Open the way to the server now; False when it cannot be had, with the error set."""
        try:
            await self._ready(parse_uri(self.profile.uri))
        except Failed as failed:
            self.fail(failed.code)
            return False
        return True

    def start(self, request: Request) -> None:
        """Begin a request; +UCOAPCD and +UCOAPCR tell what comes of it."""
        self._claimed = False
        self._task = asyncio.ensure_future(self._run(request))

    def power_off(self) -> None:
        """Everything ends without a word."""
        if self._task is not None:
            self._task.cancel()
        self._close()

    async def _run(self, request: Request) -> None:
        code = 0
        more_to_come = False
        try:
            target = parse_uri(self.profile.uri)
            line = await self._ready(target)
            await self._talk(line, target, request)
            more_to_come = request.block is not None and request.block[1]
        except Failed as failed:
            code = failed.code
        except OutwardFailure as failure:
            code = self.code_of(failure.stage)
        except TimeoutError:
            code = self._facts.coap_code_timeout
        except Rejected:
            code = self._facts.coap_code_rejected
        except Exception as error:  # the host is told, and the client goes on
            report_bug(self._module, f"CoAP {request.command.name}", error)
            code = self._facts.coap_code_rejected
        finally:
            self._task = None
            if not more_to_come:
                self._close()  # blocks of one body come from one port (RFC 7959 2.5)
        self.error = (COAP_CLASS, code) if code else (0, 0)
        self._module.urc(f"+UCOAPCR: {int(request.command)},{int(not code)}")

    async def _ready(self, target: Target) -> DatagramLine | StreamLine:
        """The open way to the server of the profile, or a new one."""
        profile = self.profile
        way = (target.reliable, target.secure, target.host, target.port, profile.cid, profile.ipv6,
               profile.security_profile)
        if self._line is not None and self._line.alive and self._way == way:
            return self._line
        self._close()
        try:
            async with asyncio.timeout(self._module.pace.patience(self._facts.coap_answer_s)):
                line = await open_line(self._module, target, cid=profile.cid, ipv6=profile.ipv6,
                                       profile=profile.security_profile)
        except TimeoutError:
            raise Failed(self._facts.coap_code_timeout) from None
        except OutwardFailure as failure:
            raise Failed(self.code_of(failure.stage)) from None
        self._line, self._way = line, way
        return line

    async def _talk(self, line: DatagramLine | StreamLine, target: Target, request: Request) -> None:
        """The request, and the further blocks of its answer."""
        options = self._options(target, request)
        message = Message(request.command.method, b"", tuple(options), request.payload)
        answer = await self._exchange(line, message)
        self._tell(answer)
        plain = tuple(option for option in options if option[0] not in (Option.BLOCK1, Option.CONTENT_FORMAT))
        block = answer.block(Option.BLOCK2)
        while block is not None and block.more and self._facts.coap_fetches_blocks:
            wanted = Block(block.number + 1, False, block.size)
            if wanted.number >= _MOST_BLOCKS:
                raise Rejected("an answer without end")
            more = Message(request.command.method, b"", (*plain, (Option.BLOCK2, wanted.encode())))
            answer = await self._exchange(line, more)
            block = answer.block(Option.BLOCK2) if answer.kind == _GOOD else None  # an error ends the body
            if answer.kind == _GOOD and (block is None or block.number != wanted.number):
                raise Rejected("another block than the one asked for")
            self._tell(answer)

    async def _exchange(self, line: DatagramLine | StreamLine, message: Message) -> Message:
        facts, pace = self._facts, self._module.pace
        again = facts.coap_retransmissions
        first_s = pace.patience(facts.coap_acknowledge_s, 2 ** (again + 1) - 1)  # each wait is twice the last
        patience = Patience(first_s, pace.patience(facts.coap_answer_s), again)
        request = replace(message, token=secrets.token_bytes(_TOKEN_BYTES))
        exchange: Exchange
        if isinstance(line, StreamLine):
            exchange = StreamExchange(request, patience, line.state)
        else:
            self._number = (self._number + 1) & 0xFFFF
            exchange = DatagramExchange(request, self._number, patience,
                                        confirmable=not self.profile.options & Header.NON)
        self._module.contexts.traffic()
        return await carry(exchange, line)

    def _options(self, target: Target, request: Request) -> list[tuple[int, bytes]]:
        """What operation 2 of +UCOAP wants in the header."""
        wanted = self.profile.options
        options: list[tuple[int, bytes]] = []
        if wanted & Header.HOST and not _literal(target.host):
            options.append((Option.URI_HOST, target.host.encode()))
        if wanted & Header.PORT and target.named_port is not None:
            options.append((Option.URI_PORT, number_bytes(target.named_port)))
        if wanted & Header.PATH:
            options += [(Option.URI_PATH, segment) for segment in target.path]
        if wanted & Header.QUERY:
            options += [(Option.URI_QUERY, argument) for argument in target.query]
        if request.command in (Command.PUT, Command.POST):
            if wanted & Header.FORMAT:
                options.append((Option.CONTENT_FORMAT, number_bytes(FORMATS[request.content])))
            if request.block is not None:
                options.append((Option.BLOCK1, self._block(request.block, len(request.payload)).encode()))
        return options

    def _block(self, block: tuple[int, bool], length: int) -> Block:
        """All blocks of a body have the size of the first one (RFC 7959 2.3)."""
        number, more = block
        if number == 0 or not self._block_size:
            self._block_size = block_size(length)
        return Block(number, more, self._block_size)

    def _tell(self, answer: Message) -> None:
        """The URC of one answer, as LARA-R6 guide 8.3.3 prints it: a block's number from the second on."""
        block = answer.block(Option.BLOCK2)
        more = block is not None and block.more
        block = block or answer.block(Option.BLOCK1)
        place = f",{block.number},{block.size}" if block is not None and (block.number or more) else ""
        data = answer.payload.hex().upper()
        self._module.urc(f'+UCOAPCD: {answer.kind},0,"{data}",{int(more)}{place}')

    def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _context_changed(self, context: Context, active: bool) -> None:
        if not active and self._line is not None and self._line.source.cid == context.cid:
            self._line.cut()


def block_size(length: int) -> int:
    """The smallest block that takes so many bytes; at least 16."""
    return max(16, 1 << max(length - 1, 0).bit_length())


def _literal(host: str) -> bool:
    """An address goes without Uri-Host (RFC 7252 6.4)."""
    return ":" in host or host.replace(".", "").isdigit()
