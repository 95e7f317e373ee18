"""Dial-up: PPP links of a module, each on a port and a context (LENA-R8 guide 5.8, LARA-R6 guide 4).

The PPP end itself is front/ppp, the way into the internet net/ip; here are the clock, the port's data mode,
the context and who may use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.virtual.device.clients.outward import Outward
from cellbench.virtual.front.context import DataEnd, DataLink, Refusal
from cellbench.virtual.front.ppp.authentication import ANYBODY, Account
from cellbench.virtual.front.ppp.framing import FLAG
from cellbench.virtual.front.ppp.lcp import Method
from cellbench.virtual.front.ppp.negotiation import Limits
from cellbench.virtual.front.ppp.packets import Protocol
from cellbench.virtual.front.ppp.peer import (
    Authenticated,
    Finished,
    Happening,
    NetworkDown,
    NetworkUp,
    PppPeer,
    Settings,
)
from cellbench.virtual.front.state import OnlineCall, PortState
from cellbench.virtual.net.ip.gateway import Addresses, Gateway
from cellbench.virtual.net.route import Source

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.front.port import AtPort

_METHODS: Mapping[int, tuple[Method, ...]] = MappingProxyType({
    1: (Method.PAP,), 2: (Method.CHAP,), 3: (Method.CHAP, Method.PAP)})
_TYPES: Mapping[Method, int] = MappingProxyType({Method.PAP: 1, Method.CHAP: 2})


def no_carrier() -> Refusal:
    """No call, or none any more."""
    return Refusal.final("NO CARRIER")


class DialUps:
    """All PPP links of one boot (a subsystem)."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._calls: list[DialUp] = []
        module.contexts.on_change(self._context_changed)

    def power_off(self) -> None:
        """Everything ends without a word."""
        for call in tuple(self._calls):
            call.drop()

    @property
    def calls(self) -> tuple[DialUp, ...]:
        """The links there are, the oldest first."""
        return tuple(self._calls)

    async def dial(self, port: AtPort, cid: int) -> None:
        """Activate the context where need be, CONNECT, and data mode until it is left; then OK, or a Refusal
        with what is printed."""
        context = self._admitted(port, cid)
        call = DialUp(self._module, port, cid, self._calls.remove)
        self._calls.append(call)
        try:
            await call.prepare(context)
        except Refusal:
            call.drop()
            raise no_carrier() from None
        except asyncio.CancelledError:
            call.drop()
            raise
        await call.run()

    def _admitted(self, port: AtPort, cid: int) -> Context:
        """The context of a dial; Refusal when it cannot be."""
        module, behaviour = self._module, self._module.config.behaviour
        context = module.contexts.get(cid)
        if context is None or module.internet is None or port.online is not None:
            raise no_carrier()
        if (behaviour.ppp_needs_dtr and not port.dtr) or len(self._calls) >= behaviour.ppp_at_once:
            raise no_carrier()
        if any(call.cid == cid or (behaviour.ppp_unique_apn and self._same_apn(context, call.cid))
               for call in self._calls):
            raise no_carrier()
        return context

    def _same_apn(self, context: Context, cid: int) -> bool:
        other = self._module.contexts.get(cid)
        return other is not None and other.apn.casefold() == context.apn.casefold()

    def _context_changed(self, context: Context, active: bool) -> None:
        if not active:
            for call in tuple(self._calls):
                if call.cid == context.cid:
                    call.context_lost()


class DialUp:
    """One PPP link; the sink of its port's data mode."""

    def __init__(self, module: Module, port: AtPort, cid: int, forget: Callable[[DialUp], None]) -> None:
        self.cid = cid
        self.port = port
        self._module = module
        self._forget = forget
        self._activated = False  # by the dial, so its end undoes it
        self._peer: PppPeer | None = None
        self._addresses = Addresses()
        self._gateway: Gateway | None = None
        self._up: set[Protocol] = set()
        self._link: DataLink | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started = False
        self._over = self._undone = False
        self.stuck = False  # a fault: packets go nowhere

    def report(self) -> dict[str, str]:
        """What the control room shows of it."""
        phase = "dialling" if self._peer is None else self._peer.phase.value
        return {"port": self.port.name, "phase": phase, "host": self._addresses.host4 or "",
                "networks": ",".join(sorted(one.name.lower() for one in self._up)),
                "damaged": str(0 if self._peer is None else self._peer.damaged)}

    # beginning
    async def prepare(self, context: Context) -> None:
        """Activate the context where it is not active; Refusal when the network does not let it."""
        contexts = self._module.contexts
        if contexts.reserved(self.cid) or not self._module.radio.registered:
            raise no_carrier()
        if not context.active:
            await contexts.activate(self.cid)
            self._activated = True
        if context.ipv4 is None and context.ipv6 is None:
            raise no_carrier()
        contexts.dialled.add(self.cid)
        self._peer = PppPeer(self._settings(context))
        self.port.online = OnlineCall(self.run, self.hang_up)

    def _settings(self, context: Context) -> Settings:
        behaviour = self._module.config.behaviour
        host, own = context.ipv4, context.gateway
        if host is not None and behaviour.ppp_private_net:
            net = f"192.168.{(behaviour.ppp_private_net + self.cid) % 256}"
            host, own = f"{net}.1", f"{net}.2"
        ipv6 = context.ipv6 if behaviour.ppp_ipv6 else None
        self._addresses = Addresses(host, own, context.ipv4, ipv6)
        kind, user, password = self._module.contexts.authentication(self.cid)
        asks = behaviour.ppp_host_credentials and self.cid != self._module.contexts.initial_cid
        methods = _METHODS.get(kind or (3 if asks else 0), ())
        return Settings(
            (host, own) if host is not None and own is not None else None,
            None if ipv6 is None else ipaddress.IPv6Address(ipv6).packed[8:],
            tuple(server for server in context.dns if ":" not in server), methods,
            required=bool(kind) and behaviour.ppp_auth_required,
            account=Account(user, password) if kind else ANYBODY, name=self._module.profile.series.value,
            limits=Limits(behaviour.ppp_restart_s, self._module.pace.own(behaviour.ppp_linger_s)),
            mru=behaviour.network_mtu)

    async def run(self) -> None:
        """CONNECT and data mode until it is left: by the escape it is OK, else a Refusal is raised."""
        if self._over:
            raise no_carrier()
        behaviour = self._module.config.behaviour
        try:
            end = await self.port.run_data_mode(behaviour.ppp_connect, self)
        except asyncio.CancelledError:
            self.drop()
            raise
        self._link = None
        online = self.port.settings.circuit_108 == 1
        if end is DataEnd.ESCAPED or (end is DataEnd.DTR_OFF and online):
            return
        await self._end(deactivate=self._activated)
        raise Refusal.final(behaviour.ppp_dtr_result) if end is DataEnd.DTR_OFF else no_carrier()

    # end
    async def hang_up(self) -> None:
        """ATH, or DTR with &D2: the link ends, and its context where that can be."""
        await self._end(deactivate=self._activated or self._module.config.behaviour.ppp_hang_up_deactivates)

    async def _end(self, *, deactivate: bool) -> None:
        if self._undone:
            return
        self._undone = True
        self.drop()
        context = self._module.contexts.get(self.cid)
        if deactivate and context is not None and context.active:
            with contextlib.suppress(Refusal):  # the last one stays
                await self._module.contexts.deactivate(self.cid)

    def drop(self) -> None:
        """The link is gone at once."""
        if self._over:
            return
        self._over = True
        self._forget(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._network_down()
        self._module.contexts.dialled.discard(self.cid)
        if self.port.online is not None and self._peer is not None:
            self.port.online = None
            self._module.data_mode_changed(self.port)

    def context_lost(self) -> None:
        """The network or the user has closed the context: the host is told, then the carrier goes."""
        self._network_down()
        if self._peer is None:
            return  # it never came about
        if self.port.state is PortState.DATA and not self._started and self._link is not None:
            self._started = True  # too late to begin
            self._link.finish()
        elif self.port.state is PortState.DATA:
            self._take(self._peer.close(self._module.pace.now()))
        else:
            self.drop()
            self.port.call_lost()

    # data mode
    def opened(self, link: DataLink) -> None:
        """Data mode begins, or goes on after ATO."""
        self._link = link
        if not self._started and self._timer is None:
            wait = self._module.config.behaviour.ppp_start_s
            self._timer = self._module.pace.later_true(wait, self._start)

    def _start(self) -> None:
        """The module asks first, or answers the host's first frame with its own request."""
        if self._peer is not None and not self._started:
            self._started = True
            self._take(self._peer.start(self._module.pace.now()))

    def received(self, data: bytes) -> None:
        """Bytes from the host; the first frame of it starts the negotiation."""
        if FLAG in data:
            self._start()
        if self._peer is not None and self._started:
            self._take(self._peer.receive(data, self._module.pace.now()))

    def _expire(self) -> None:
        self._timer = None
        if self._peer is not None:
            self._take(self._peer.expire(self._module.pace.now()))

    def _take(self, happened: list[Happening]) -> None:
        for one in happened:
            self._handle(one)
        self._flush()

    def _handle(self, one: Happening) -> None:
        if isinstance(one, NetworkUp):
            self._network_up(one.protocol)
        elif isinstance(one, NetworkDown):
            self._up.discard(one.protocol)
            if not self._up:
                self._network_down()
        elif isinstance(one, Authenticated):
            self._authenticated(one)
        elif isinstance(one, Finished):
            self._finished()
        elif self._gateway is not None and not self.stuck:
            self._gateway.from_host(one.data)

    def _flush(self) -> None:
        peer = self._peer
        if peer is None or self._over:
            return
        data = peer.outgoing()
        if data and self._link is not None:
            self._link.send(data)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if peer.deadline is not None:
            self._timer = self._module.pace.loop.call_at(peer.deadline, self._expire)

    def _finished(self) -> None:
        """The link is down: data mode ends, or the call that online command mode holds."""
        link = self._link
        self._flush()
        if link is not None:
            link.finish()
        else:
            self.drop()
            self.port.call_lost()

    def _authenticated(self, one: Authenticated) -> None:
        contexts = self._module.contexts
        if self._module.config.behaviour.ppp_host_credentials and self.cid != contexts.initial_cid:
            contexts.credentials[self.cid] = _TYPES[one.method], one.claim.user, one.claim.password or ""

    # the network
    def _network_up(self, protocol: Protocol) -> None:
        self._up.add(protocol)
        module, internet = self._module, self._module.internet
        context = module.contexts.get(self.cid)
        if self._gateway is not None or internet is None or context is None or self._peer is None:
            return
        address = context.ipv4 or context.ipv6 or ""
        node = internet.node(module.name)
        self._gateway = Gateway(
            node, Source(self.cid, address, context.apn, host=True), self._addresses,
            min(self._peer.mru, module.config.behaviour.network_mtu), self._to_host,
            module.pace.loop, kept=module.subsystem(Outward).owns_port, traffic=module.contexts.traffic)
        node.divert(self.cid, self._gateway.diverted)

    def _network_down(self) -> None:
        self._up.clear()
        if self._gateway is not None:
            self._gateway.close()
            self._gateway = None
            internet = self._module.internet
            if internet is not None:
                internet.node(self._module.name).divert(self.cid, None)

    def _to_host(self, packet: bytes) -> None:
        """An IP packet for the host; lost while the port is not in data mode."""
        if self._peer is None or self._link is None or self.stuck:
            return
        self._peer.send(Protocol.IPV6 if packet[0] >> 4 == 6 else Protocol.IP, packet)
        self._flush()
