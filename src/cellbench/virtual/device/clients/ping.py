"""+UPING: echo requests, their outcome by URCs (LARA-R6 guide 2.4.1)."""

from __future__ import annotations

import asyncio
import enum
import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.catalogue.model import Form
from cellbench.virtual.device.clients.dns import Dns
from cellbench.virtual.front.context import CommandContext, Handler, Refusal
from cellbench.virtual.net.icmp import Echo, Outcome, Request, echo
from cellbench.virtual.net.resolver import LookupTrouble
from cellbench.virtual.net.route import Source

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

NO_ANSWER, TTL_TOO_LOW = -1, -2


class PingTrouble(enum.IntEnum):
    """Codes of +UUPINGER (two public tables agree; 17 seen on a sibling)."""

    EMPTY_HOST = 7
    NOT_RESOLVED = 8
    IP_VERSION = 9
    BAD_IPV4 = 10
    HOST_TOO_LONG = 12
    BAD_SIZE = 13
    BAD_TTL = 14
    BAD_TIMEOUT = 15
    BAD_COUNT = 16
    NO_CONNECTION = 17
    NOT_SENT = 108


@dataclass(frozen=True, slots=True)
class Plan:
    """One run; defaults as the guide and the facts sheet have them, ``timeout_ms`` of each request."""

    host: str
    count: int = 4
    size: int = 32
    timeout_ms: int = 5000
    ttl: int = 32


_LIMITS = ((1, 1, 64), (2, 4, 1472), (3, 10, 60000), (4, 1, 255))


class Ping:
    """The one run of a module at a time; a subsystem."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._facts = module.config.behaviour
        self._task: asyncio.Task[None] | None = None
        self._runs = 0

    @property
    def running(self) -> bool:
        """True while a run is on."""
        return self._task is not None and not self._task.done()

    def start(self, plan: Plan) -> None:
        """Begin a run."""
        self._runs += 1
        self._task = asyncio.ensure_future(self._run(plan))

    def power_off(self) -> None:
        """End the run in silence."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, plan: Plan) -> None:
        module = self._module
        context = module.contexts.for_dns()
        if context is None or module.internet is None:
            self._fail(PingTrouble.NO_CONNECTION)
            return
        if context.ipv4 is None:
            self._fail(PingTrouble.IP_VERSION)  # LARA-R6 guide 2.4.1: not in an IPv6 context
            return
        source = Source(context.cid, context.ipv4, context.apn)
        target = await self._target(plan.host, source)
        if target is None:
            return
        node = module.internet.node(module.name)
        for sequence in range(1, plan.count + 1):
            if module.contexts.usable(context.cid) is None:
                self._fail(PingTrouble.NO_CONNECTION)
                return
            module.contexts.traffic()
            request = Request(target, self._runs & 0xFFFF, sequence, plan.size, plan.ttl)
            answer = await echo(node, source, request, plan.timeout_ms / 1000)
            self._tell(plan, target, sequence, answer)
            if sequence < plan.count:
                await module.pace.take(self._facts.ping_pause_s)

    async def _target(self, host: str, source: Source) -> str | None:
        """The IPv4 address to ping; None when there is none, which was told then."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            try:
                found = await self._module.subsystem(Dns).lookup(host, ipv6=False, source=source)
            except LookupTrouble:
                self._fail(PingTrouble.NOT_RESOLVED)
                return None
            return found[-1] if self._facts.ping_uses_last_address else found[0]
        if address.version != 4:
            self._fail(PingTrouble.IP_VERSION)
            return None
        return str(address)

    def _tell(self, plan: Plan, target: str, sequence: int, answer: Echo) -> None:
        """+UUPING: <retry>,<size>,"<host>","<ip>",<ttl>,<rtt>."""
        rtt = NO_ANSWER
        if answer.outcome is Outcome.REPLY:
            rtt = max(1, math.ceil(answer.rtt_s * 1000))
        elif answer.outcome is Outcome.TIME_EXCEEDED:
            rtt = TTL_TOO_LOW
        ttl = answer.ttl if answer.outcome is Outcome.REPLY else 0
        self._module.urc(f'+UUPING: {sequence},{plan.size},"{plan.host}","{target}",{ttl},{rtt}')

    def _fail(self, trouble: PingTrouble) -> None:
        number = "0," if self._facts.pinger_socket_number else ""
        self._module.urc(f"+UUPINGER: {number}{int(trouble)}")


async def ping(ctx: CommandContext) -> None:
    """AT+UPING="<host>"[,<retry_num>[,<p_size>[,<timeout>[,<ttl>]]]]: OK at once, then URCs.

    Refused while a run is on; values out of range are refused as parameters (retry_num 1 to 64, p_size 4 to
    1472 bytes, timeout 10 to 60000 ms, ttl 1 to 255).
    """
    facts = ctx.module.config.behaviour
    run = ctx.module.subsystem(Ping)
    if run.running:
        raise Refusal.cme(3)
    host = ctx.text(0)
    if not host:
        raise Refusal.cme(facts.error_parameter)
    defaults = Plan(host)
    values = {1: defaults.count, 2: defaults.size, 3: defaults.timeout_ms, 4: defaults.ttl}
    for index, low, high in _LIMITS:
        values[index] = ctx.integer(index, values[index])
        if not low <= values[index] <= high:
            raise Refusal.cme(facts.error_parameter)
    plan = Plan(host, values[1], values[2], values[3], values[4])
    ctx.afterwards(lambda: run.start(plan))


HANDLERS: Mapping[tuple[str, Form], Handler] = MappingProxyType({("+UPING", Form.SET): ping})
