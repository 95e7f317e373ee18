"""The LwM2M client of the module as far as its registration goes (OMA LwM2M 1.0, 5.3; facts sheet 13).

It lives from boot to power-off where +ULWM2M switched it on before. It takes a context and data by itself:
as soon as one can be used it registers with its server over DTLS with a pre-shared key, updates before its
lifetime is over, and registers anew when it gets another context.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from cellbench.io.tls.settings import ClientSettings, Psk
from cellbench.virtual.device.clients.coap_exchange import DatagramExchange, Patience, Rejected
from cellbench.virtual.device.clients.coap_line import DatagramLine, carry, open_line, parse_uri
from cellbench.virtual.device.clients.coap_messages import Message, Method, Option, number_bytes
from cellbench.virtual.device.clients.outward import Outward, OutwardFailure

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module

OFF = 1
"""+ULWM2M: 0 switches the client on, 1 off (public drivers)."""
_SWITCH, _EVENTS = "+ULWM2M", "+ULWM2MSTAT"
_SUITES = (0xC0A8, 0x00AE)  # LwM2M 1.0, 7.1.7: both sides have these
_LINK_FORMAT = number_bytes(40)
_CREATED, _CHANGED = 0x41, 0x44
_LOCATION_PATH = 8
_REGISTRATION_EVENT = 1
_EARLY = 0.9  # an update goes out when so much of the lifetime is over


class Status(enum.IntEnum):
    """Of a registration, as +ULWM2MREG shows it (SARA-R5 firmware update note)."""

    NOT_REGISTERED = 0
    REGISTERED = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that can be read: its number, and its value."""

    number: int
    value: int | str


class Lwm2mClient:
    """The client of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        facts = module.config.behaviour
        self._module = module
        self._target = parse_uri(facts.lwm2m_server)
        self.server = facts.lwm2m_short_id
        self.lifetime_s = facts.lwm2m_lifetime_s
        self.status = Status.NOT_REGISTERED
        self._due = 0.0  # when the registration ends, on the loop's clock
        self._location: tuple[bytes, ...] = ()
        self._line: DatagramLine | None = None
        self._number = int.from_bytes(os.urandom(2), "big")
        self._left = False  # +ULWM2MDEREG: no more until the next boot or +ULWM2MREG
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        module.contexts.on_change(self._context_changed)
        if self._usable():
            self.check_in()

    # -- what the AT face asks ---------------------------------------------------------------------

    @property
    def left_s(self) -> int:
        """Seconds until the registration ends."""
        return max(0, int(self._due - asyncio.get_running_loop().time()))

    def check_in(self) -> None:
        """Register, or update when registered (+ULWM2MREG)."""
        self._left = False
        self._begin(self._register_or_update)

    def leave(self) -> None:
        """De-register until the next boot or ``check_in`` (+ULWM2MDEREG)."""
        self._left = True
        self._begin(self._deregister)

    @property
    def objects(self) -> dict[str, tuple[Resource, ...]]:
        """Object instances by path: the server's and the device's (LwM2M 1.0, E.2 and E.4)."""
        config, firmware = self._module.config, self._module.updater.version
        return {
            "/1/0": (Resource(0, self.server), Resource(1, self.lifetime_s), Resource(7, "U")),
            "/3/0": (Resource(0, "u-blox"), Resource(1, config.model), Resource(2, config.imei),
                     Resource(3, firmware)),
        }

    def power_off(self) -> None:
        """Everything ends without a word."""
        self._left = True
        for task in tuple(self._tasks):
            task.cancel()
        self._stop_timer()
        self._close()

    # -- when ------------------------------------------------------------------------------------

    def _usable(self) -> bool:
        try:
            self._module.subsystem(Outward).source(None, None)
        except OutwardFailure:
            return False
        return True

    def _context_changed(self, context: Context, active: bool) -> None:
        if active and not self._left and self._line is None:
            self._begin(self._register_if_usable)
        elif not active and self._line is not None and self._line.source.cid == context.cid:
            self._line.cut()
            self._close()
            self._set(Status.NOT_REGISTERED)

    def _begin(self, what: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(self._in_turn(what))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_turn(self, what: Callable[[], Awaitable[None]]) -> None:
        async with self._turn:
            await what()

    def _plan_update(self) -> None:
        self._stop_timer()
        loop = asyncio.get_running_loop()
        self._due = loop.time() + self.lifetime_s
        self._timer = loop.call_later(self.lifetime_s * _EARLY, self.check_in)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    # -- the registration interface --------------------------------------------------------------

    async def _register_if_usable(self) -> None:
        if self._usable() and self.status is not Status.REGISTERED and not self._left:
            await self._register_or_update()

    async def _register_or_update(self) -> None:
        try:
            if self.status is Status.REGISTERED and self._line is not None and self._line.alive:
                answer = await self._ask(Message(Method.POST, b"", self._located()))
                if answer.code == _CHANGED:
                    self._plan_update()
                    self._set(Status.REGISTERED)
                    return
            await self._register()
        except (OutwardFailure, TimeoutError, Rejected):
            self._close()
            self._set(Status.FAILED)

    async def _register(self) -> None:
        """5.3.1; the objects as links."""
        name = f"urn:imei:{self._module.config.imei}"
        queries = (f"lwm2m={self._module.config.behaviour.lwm2m_version}", f"ep={quote(name, safe=':')}",
                   f"lt={self.lifetime_s}", "b=U")
        options = [(Option.URI_PATH, b"rd"), (Option.CONTENT_FORMAT, _LINK_FORMAT),
                   *((Option.URI_QUERY, one.encode()) for one in queries)]
        links = ",".join(f"<{path}>" for path in self.objects)
        self._close()
        answer = await self._ask(Message(Method.POST, b"", tuple(options), links.encode()))
        if answer.code != _CREATED:
            raise Rejected(f"the server answers {answer.code >> 5}.{answer.code & 31:02d}")
        self._location = tuple(value for number, value in answer.options if number == _LOCATION_PATH)
        self._plan_update()
        self._set(Status.REGISTERED)

    async def _deregister(self) -> None:
        """5.3.3; whatever the server says, the client has left."""
        self._stop_timer()
        if self.status is Status.REGISTERED:
            # without an answer the server forgets the client when its lifetime is over
            with contextlib.suppress(OutwardFailure, TimeoutError, Rejected):
                await self._ask(Message(Method.DELETE, b"", self._located()))
        self._close()
        self._set(Status.NOT_REGISTERED)

    def _located(self) -> tuple[tuple[int, bytes], ...]:
        return tuple((Option.URI_PATH, one) for one in self._location)

    async def _ask(self, message: Message) -> Message:
        """One exchange over the line to the server, which is opened where there is none."""
        facts, pace = self._module.config.behaviour, self._module.pace
        line = await self._ready()
        request = Message(message.code, secrets.token_bytes(4), message.options, message.payload)
        again = facts.coap_retransmissions
        first_s = pace.patience(facts.coap_acknowledge_s, 2 ** (again + 1) - 1)  # each wait is twice the last
        patience = Patience(first_s, pace.patience(facts.coap_answer_s), again)
        self._number = (self._number + 1) & 0xFFFF
        self._module.contexts.traffic()
        return await carry(DatagramExchange(request, self._number, patience, confirmable=True), line)

    async def _ready(self) -> DatagramLine:
        if self._line is not None and self._line.alive:
            return self._line
        self._close()
        facts = self._module.config.behaviour
        settings = ClientSettings(datagram=True, suites=_SUITES, psk=Psk(
            facts.lwm2m_identity.encode(), facts.lwm2m_key.encode()))
        async with asyncio.timeout(self._module.pace.patience(facts.coap_answer_s)):
            line = await open_line(self._module, self._target, cid=None, ipv6=None, profile=None,
                                   settings=settings)
        if not isinstance(line, DatagramLine):
            raise TypeError("an LwM2M server over TCP")
        self._line = line
        return line

    def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _set(self, status: Status) -> None:
        self.status = status
        if self._module.settings.number(_EVENTS):
            self._module.urc(f"{_EVENTS}: {_REGISTRATION_EVENT},{self.server},{int(status)}")


def switched_on(module: Module) -> bool:
    """What +ULWM2M is set to."""
    at_delivery = 0 if module.config.behaviour.lwm2m_on_at_delivery else OFF
    return module.settings.number(_SWITCH, at_delivery) == 0


def at_boot(module: Module) -> None:
    """Start the client where it is switched on: what +ULWM2M sets works from the next boot on."""
    if _SWITCH not in module.profile.unsupported and switched_on(module):
        module.subsystem(Lwm2mClient)
