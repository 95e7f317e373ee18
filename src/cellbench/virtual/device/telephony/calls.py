"""Voice calls of one boot: out, in, over (3GPP TS 24.008 5; LENA-R8 guide 7.3: IMS in LTE, circuit switched
in 2G, where user data stand still meanwhile)."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from cellbench.virtual.device.network import Rat
from cellbench.virtual.front.context import Refusal
from cellbench.virtual.net.telephone.fields import UNKNOWN, Address
from cellbench.virtual.net.telephone.network import (
    INCOMPATIBLE,
    NO_ANSWER,
    NORMAL,
    REJECTED,
    UNASSIGNED,
    USER_BUSY,
    NetworkCall,
)

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.front.port import AtPort

_TEMPORARY = 41  # 24.008 10.5.4.11: temporary failure
_SHORTEST_PERIOD_S = 0.5
_AUTO_ANSWER = 0  # S0
CAUSES: Mapping[int, str] = MappingProxyType({
    UNASSIGNED: "Unassigned (unallocated) number", NORMAL: "Normal call clearing", USER_BUSY: "User busy",
    18: "No user responding", NO_ANSWER: "User alerting, no answer", 20: "Subscriber absent",
    REJECTED: "Call rejected", _TEMPORARY: "Temporary failure", INCOMPATIBLE: "Incompatible destination"})
CEER_TYPE = "CC cause"


class CallState(enum.IntEnum):
    """<stat> of +CLCC (27.007 7.18); from 6 on +UCALLSTAT alone."""

    ACTIVE = 0
    DIALLING = 2
    ALERTING = 3
    INCOMING = 4
    OVER = 6
    CONNECTED = 7


class Domain(enum.Enum):
    """What carries a call."""

    IMS = "ims"
    CIRCUIT = "circuit switched"
    FALLBACK = "circuit switched fallback"


def result_of(cause: int) -> str:
    """The result code of V.250 6.3.1 for a call that did not come about."""
    return {USER_BUSY: "BUSY", NO_ANSWER: "NO ANSWER"}.get(cause, "NO CARRIER")


class Call:
    """One call; an end of a NetworkCall."""

    def __init__(self, calls: Calls, number: int, domain: Domain, *, outgoing: bool, party: Address | None,
                 port: AtPort | None = None) -> None:
        self.number = number
        self.domain = domain
        self.outgoing = outgoing
        self.party = party
        self.port = port
        self.state = CallState.DIALLING if outgoing else CallState.INCOMING
        self.link: NetworkCall | None = None
        self.rings = 0
        self.cause = NORMAL
        self.progress = asyncio.Event()
        self._calls = calls

    def alerting(self) -> None:
        """It rings at the other end."""
        self._calls.moved(self, CallState.ALERTING)

    def answered(self) -> None:
        """The other end has answered."""
        self._calls.connected(self)

    def released(self, cause: int) -> None:
        """The other end or the network ended it."""
        self._calls.ended(self, cause, told=True)


class Calls:
    """The calls of a module: one at a time, as the guides have them."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._all: list[Call] = []
        self._ringing: asyncio.TimerHandle | None = None
        self._keeping: asyncio.TimerHandle | None = None
        module.contexts.on_change(self._context_changed)

    def power_off(self) -> None:
        """Everything ends without a word."""
        for call in tuple(self._all):
            self.ended(call, NORMAL, told=False)
        self._stop_timers()

    # what others ask
    @property
    def all(self) -> tuple[Call, ...]:
        """The calls there are."""
        return tuple(self._all)

    @property
    def active(self) -> bool:
        """True during a call that is answered."""
        return any(call.state is CallState.ACTIVE for call in self._all)

    @property
    def setup(self) -> int:
        """callsetup of +CIND: 1 incoming, 2 outgoing, 3 alerting at the other end."""
        stages = {CallState.INCOMING: 1, CallState.DIALLING: 2, CallState.ALERTING: 3}
        return max((stages.get(call.state, 0) for call in self._all), default=0)

    @property
    def activity(self) -> int:
        """<pas> of +CPAS: 0 ready, 3 ringing, 4 call in progress."""
        if any(call.state is CallState.INCOMING for call in self._all):
            return 3
        return 4 if self._all else 0

    @property
    def incoming(self) -> Call | None:
        """The call that rings."""
        return next((call for call in self._all if call.state is CallState.INCOMING), None)

    def domain(self) -> Domain | None:
        """What would carry a call now; None when nothing can."""
        module = self._module
        if not module.profile.voice or not module.radio.registered:
            return None
        if module.radio.rat is not Rat.LTE:
            return Domain.CIRCUIT
        ims = module.contexts.get(module.contexts.ims_cid)
        if ims is not None and ims.active:
            return Domain.IMS
        legacy = module.radio.allowed_rats() - {Rat.LTE}
        return Domain.FALLBACK if legacy and module.config.behaviour.call_fallback else None

    # out
    async def dial(self, port: AtPort, to: Address, *, withheld: bool) -> None:
        """ATD<number>;: answered as ``dial_ok_at`` says; Refusal with V.250's result code."""
        domain, behaviour = self.domain(), self._module.config.behaviour
        if domain is None or self._all:
            raise Refusal.final("NO CARRIER")
        call = self._begin(domain, to, port)
        setup = behaviour.call_setup_s + (behaviour.call_fallback_s if domain is Domain.FALLBACK else 0.0)

        def ask() -> None:
            if call in self._all:
                call.link = self._module.subscriber.dial(call, to, withheld=withheld)

        self._module.pace.later(setup, ask)
        wanted = {"alerting": (CallState.ALERTING, CallState.ACTIVE), "answered": (CallState.ACTIVE,)}
        stages = wanted.get(behaviour.dial_ok_at)
        if stages is None:
            return
        try:
            while call in self._all and call.state not in stages:
                call.progress.clear()
                await call.progress.wait()
        except asyncio.CancelledError:
            self.hang_up(call)  # a character from the host aborts the dial (V.250 5.6.1)
            raise
        if call not in self._all:
            raise Refusal.final(result_of(call.cause))

    def _begin(self, domain: Domain, party: Address | None, port: AtPort | None) -> Call:
        call = Call(self, len(self._all) + 1, domain, outgoing=port is not None, party=party, port=port)
        self._all.append(call)
        self._hold_data()
        self._keep_radio()
        self._tell(call, call.state)
        return call

    # in
    def ring(self, link: NetworkCall) -> int | None:
        """The network offers a call; None, or the cause why it is not taken."""
        domain = self.domain()
        if domain is None:
            return INCOMPATIBLE if not self._module.profile.voice else 20
        if self._all:
            return USER_BUSY
        call = self._begin(domain, link.caller_number, None)
        call.link = link
        link.called = call
        self._ring(call)
        return None

    def _ring(self, call: Call) -> None:
        self._ringing = None
        if call not in self._all or call.state is not CallState.INCOMING:
            return
        module, behaviour = self._module, self._module.config.behaviour
        call.rings += 1
        wanted = behaviour.ring_period_s
        period = max(module.pace.own(wanted), min(wanted, _SHORTEST_PERIOD_S))
        module.urc("+CRING: VOICE" if module.settings.number("+CRC") else "RING")
        if module.settings.number("+CLIP") and (call.rings == 1 or behaviour.clip_each_ring):
            module.urc(clip(call))
        module.serial.ring(behaviour.ring_call_s * period / behaviour.ring_period_s)
        self._ringing = module.pace.later_true(period, lambda: self._ring(call))
        answering = [port.settings.registers.get(_AUTO_ANSWER, 0) for port in module.ports]
        if any(0 < rings <= call.rings for rings in answering):
            self.take(call)
            if behaviour.answer_result != "OK":
                module.urc(behaviour.answer_result)

    async def answer(self, port: AtPort) -> None:
        """ATA; Refusal when nothing rings."""
        call = self.incoming
        if call is None:
            raise Refusal.final("NO CARRIER")
        await self._module.pace.take(self._module.config.behaviour.call_answer_s)
        if call not in self._all:
            raise Refusal.final("NO CARRIER")
        call.port = port
        self.take(call)

    def take(self, call: Call) -> None:
        """The call is answered here."""
        if call.link is not None and call.state is CallState.INCOMING:
            call.link.answer()
            self.connected(call)

    # on the way
    def moved(self, call: Call, state: CallState) -> None:
        """A call goes on."""
        if call in self._all and call.state is not state:
            call.state = state
            call.progress.set()
            self._tell(call, state)

    def connected(self, call: Call) -> None:
        """Both ends can speak."""
        if call in self._all and call.state is not CallState.ACTIVE:
            call.state = CallState.ACTIVE
            call.progress.set()
            self._tell(call, CallState.CONNECTED)
            self._tell(call, CallState.ACTIVE)

    # over
    def hang_up(self, call: Call) -> None:
        """This end hangs up, or declines."""
        self.ended(call, REJECTED if call.state is CallState.INCOMING else NORMAL, told=False)

    def ended(self, call: Call, cause: int, *, told: bool) -> None:
        """A call is over; ``told``: by the other end or the network, so the host hears of it."""
        if call not in self._all:
            return
        self._all.remove(call)
        call.cause = cause
        state, call.state = call.state, CallState.OVER
        call.progress.set()
        if call.link is not None:
            call.link.release(cause, by=call)
        if not self._all:
            self._stop_timers()
        self._hold_data()
        if not self._module.power.running:
            return
        self._tell(call, CallState.OVER)
        if told:
            self._module.radio.note_cause(CEER_TYPE, cause)
            self._tell_end(call, state)

    def _tell_end(self, call: Call, state: CallState) -> None:
        behaviour = self._module.config.behaviour
        if state is CallState.INCOMING and not behaviour.missed_call_tells:
            return
        awaited = state is not CallState.ACTIVE and call.outgoing and behaviour.dial_ok_at != "dialled"
        if not awaited:  # else it is the result of the dial command
            self._module.urc(result_of(call.cause) if call.outgoing and state is not CallState.ACTIVE
                             else "NO CARRIER")

    def network_lost(self) -> None:
        """The module is no longer registered."""
        for call in tuple(self._all):
            self.ended(call, _TEMPORARY, told=True)

    def _context_changed(self, context: Context, active: bool) -> None:
        """IMS goes with its bearer."""
        if context.cid == self._module.contexts.ims_cid and not active:
            for call in tuple(self._all):
                if call.domain is Domain.IMS:
                    self.ended(call, _TEMPORARY, told=True)

    # what a call does to the rest
    def _tell(self, call: Call, state: CallState) -> None:
        if self._module.settings.number("+UCALLSTAT"):
            self._module.urc(f"+UCALLSTAT: {call.number},{int(state)}")
        self._module.radio.tell_indicators()

    def _keep_radio(self) -> None:
        """A call holds the radio connection, so the module does not sleep."""
        module = self._module
        period = module.config.behaviour.rrc_release_s / 3
        module.radio.transmitting(module.pace.own(period) * 1.5)
        if self._keeping is not None:
            self._keeping.cancel()
        self._keeping = module.pace.later(period, self._keep_radio)

    def _hold_data(self) -> None:
        """User data stand still while a call is carried by 2G (LENA-R8 guide 7.3)."""
        module = self._module
        held = any(call.domain is not Domain.IMS and self._in_2g(call) for call in self._all)
        if held != module.network.data_held:
            module.network.data_held = held
            if module.internet is not None:
                module.internet.node(module.name).set_blocked(not module.network.passes)

    def _in_2g(self, call: Call) -> bool:
        if call.domain is Domain.FALLBACK:
            return Rat.UTRAN not in self._module.radio.allowed_rats()
        return self._module.radio.rat is Rat.GSM

    def _stop_timers(self) -> None:
        for timer in (self._ringing, self._keeping):
            if timer is not None:
                timer.cancel()
        self._ringing = self._keeping = None


def clip(call: Call) -> str:
    """+CLIP of an incoming call: number, type, no subaddress, no name, validity (27.007 7.6)."""
    if call.party is None:
        return f'+CLIP: "",{UNKNOWN - 1},,,,1'
    return f'+CLIP: "{call.party.text}",{call.party.kind},,,,0'


def clcc(call: Call) -> str:
    """+CLCC of a call (27.007 7.18)."""
    party = f',"{call.party.text}",{call.party.kind}' if call.party is not None else ""
    return f"+CLCC: {call.number},{int(not call.outgoing)},{int(call.state)},0,0{party}"
