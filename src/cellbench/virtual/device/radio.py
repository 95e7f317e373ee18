"""The registration automaton: search, attach, refusal, loss, detach, and what is told about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device import regtext
from cellbench.virtual.device.network import RAT_NAMES, Change, RadioState, Rat
from cellbench.virtual.device.radio_mobility import Abroad, Refusals, react
from cellbench.virtual.device.rtc import Rtc

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_URAT: dict[int, frozenset[Rat]] = {
    0: frozenset({Rat.GSM}), 1: frozenset({Rat.GSM, Rat.UTRAN}), 2: frozenset({Rat.UTRAN}),
    3: frozenset({Rat.LTE}), 4: frozenset({Rat.UTRAN, Rat.LTE}), 5: frozenset({Rat.GSM, Rat.LTE}),
    6: frozenset({Rat.GSM, Rat.UTRAN, Rat.LTE}),
}


class Radio:
    """The radio of one module; attributes are read by the handlers of its commands."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.state = RadioState.OFF
        self.function = 1  # +CFUN
        self.mode = 0  # +COPS
        self.format = module.config.behaviour.cops_format_factory
        self.locked: Rat | None = None  # +COPS=1 with <AcT>
        self.cause: int | None = None
        self.last_error: tuple[str, int] | None = None  # +CEER: type and cause
        self.rat = Rat.LTE
        self.rtc = Rtc(module)
        self.boot_udconf19: tuple[int, ...] = ()
        self.xlat = False
        self._connected = False
        self._rrc_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.scan: asyncio.Future[None] | None = None  # a scan that goes on; its result: it was broken off
        self._told: dict[str, tuple[object, ...]] = {}
        self._indicators: dict[str, int] = {}
        self._ims_told = False
        self._running = False
        self._watchers: list[Callable[[RadioState], None]] = []
        self.refusals, self.abroad = Refusals(self), Abroad(self)
        module.network.changed = self._network_changed

    # what others ask
    @property
    def registered(self) -> bool:
        """True while registered, home or roaming."""
        return self.state is RadioState.REGISTERED

    @property
    def searching(self) -> bool:
        """True while the receiver is looking for cells."""
        return self.state in (RadioState.SEARCHING, RadioState.LOST)

    @property
    def connected(self) -> bool:
        """True while a radio connection (RRC) is held."""
        return self.registered and self._connected

    @property
    def ims_registered(self) -> bool:
        """True while registered with the IMS of the network."""
        return self.registered and self.rat is Rat.LTE and self.module.network.ims

    @property
    def roaming(self) -> bool:
        """True when the network is not the SIM's own."""
        return not self.module.sim.imsi.startswith(self.module.network.facts.plmn)

    @property
    def own_rats(self) -> frozenset[Rat]:
        """RATs that the variant has."""
        return frozenset(RAT_NAMES[name] for name in self.module.profile.rats if name in RAT_NAMES)

    def allowed_rats(self) -> frozenset[Rat]:
        """RATs that +URAT and a manual selection leave open, within what the variant has."""
        mine = self.own_rats
        if self.locked is not None:
            return mine & {self.locked}
        chosen = frozenset[Rat]().union(*(_URAT.get(one, frozenset())
                                          for one in self.module.settings.numbers("+URAT")))
        return mine & chosen if chosen else mine

    # life
    def power_on(self) -> None:
        """Boot: the stored +CFUN decides whether the search begins (LENA-R8 guide 7.1)."""
        self._running = True
        settings = self.module.settings
        self.function = settings.number("cfun stored", 1)
        self.mode, self.locked, self.cause = 0, None, None
        self.format = self.module.config.behaviour.cops_format_factory
        self.last_error = None
        self.refusals.begin()
        self.boot_udconf19 = settings.numbers("+UDCONF=19")
        xlat = settings.numbers("+UDCONF=66")
        self.xlat = xlat == (4, 1)
        self.rtc.power_on()
        self._told.clear()
        self._indicators.clear()
        self._ims_told = False
        self.state = RadioState.OFF
        if self.function == 1:
            self.start()

    def watch(self, listener: Callable[[RadioState], None]) -> None:
        """Call ``listener(state)`` whenever the registration's state changes, until power-off."""
        self._watchers.append(listener)

    def power_off(self) -> None:
        """Everything ends without a word."""
        self._running = False
        self._watchers.clear()
        self.abroad.end()
        self._stop_task()
        if self._rrc_timer is not None:
            self._rrc_timer.cancel()
            self._rrc_timer = None
        self._connected = False
        self.state = RadioState.OFF

    def break_scan(self) -> None:
        """The receiver is wanted for something else."""
        if self.scan is not None and not self.scan.done():
            self.scan.set_result(None)

    def _stop_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    # registration
    def start(self) -> None:
        """Look for the network, unless the card is out of use since the last refusal."""
        self._stop_task()
        if self.refusals.card_out_of_use:
            self._to(RadioState.DENIED)
            return
        self.cause = None
        self._to(RadioState.SEARCHING)
        self.seek()

    def seek(self) -> None:
        """Look for the network from now on, whatever the state is called."""
        self._task = self.module.pace.loop.create_task(self._seek())

    async def _seek(self) -> None:
        module = self.module
        behaviour, pace, network = module.config.behaviour, module.pace, module.network
        while not module.sim.usable:
            await module.sim.wait_ready()
        while True:
            await pace.take(behaviour.search_s)
            if module.stuck.out_of_service:
                continue
            if not (network.found and network.rat in self.allowed_rats()) or self.refusals.keep_away:
                continue
            await pace.take(behaviour.attach_s)
            if not network.found or module.stuck.out_of_service:
                continue
            cause = self._attach_answer()
            if cause is None:
                self._task = None
                self._registered()
                return
            pause = self.refusals.pause_after(cause)
            self._denied(cause)
            if pause is None:
                self._task = None
                return
            await pace.take(pause)
            self._to(RadioState.SEARCHING)

    def _attach_answer(self) -> int | None:
        """The network's answer to an attach request: None, or the reject cause."""
        module = self.module
        module.network.requests += 1
        if module.network.reject is not None:
            return module.network.reject
        if module.network.rat is Rat.LTE:
            initial = module.contexts.initial_cid
            module.contexts.credentials[initial] = module.contexts.authentication(initial)
            if not module.network.knows_apn(module.contexts.initial_apn()[1]):
                self.note_cause("ESM cause", 27)
                return 19
        return None

    def _registered(self) -> None:
        module = self.module
        self.cause = None
        self.refusals.registered()
        self.rat = module.network.rat
        if self.rat is Rat.LTE:
            self._network_time()
        self._to(RadioState.REGISTERED)
        self.activity()
        module.sim.note_place()
        module.sim.tell_location(limited=False)
        if self.rat is Rat.LTE:
            module.contexts.attach()
        self.abroad.begin()
        self.tell_indicators()

    def _denied(self, cause: int) -> None:
        self.cause = cause
        if cause != 19 or self.module.network.reject == cause:  # else a wrong APN, which is known by now
            self.note_cause("EMM cause", cause)
        self._to(RadioState.DENIED)
        self.module.sim.tell_location(limited=True)

    def note_cause(self, kind: str, cause: int) -> None:
        """Keep a failure for +CEER."""
        self.last_error = (kind, cause)

    def stop(self, *, function: int | None = None, mode: int | None = None) -> None:
        """Detach in order: +CFUN=0/4 (``function``), +COPS=2 (``mode``)."""
        self._stop_task()
        self.break_scan()
        was = self.registered
        if function is not None:
            self.function = function
            self.refusals.radio_off()
            self.module.stuck.radio_off()
        if mode is not None:
            self.mode = mode
        self._end_connection()
        self.module.contexts.drop_all()
        self._to(RadioState.OFF if self.function != 1 else RadioState.DEREGISTERED)
        if was:
            self.packet_event("ME DETACH")
        self.tell_indicators()

    def detach_quietly(self) -> None:
        """Switch-off: detach, nothing more is told."""
        self._stop_task()
        self._end_connection()
        self.state = RadioState.OFF
        self.module.contexts.drop_all()

    def _to(self, state: RadioState) -> None:
        self.state = state
        self.tell_registration()
        for listener in tuple(self._watchers):
            listener(state)

    # connection
    def activity(self) -> None:
        """User data or signalling: the radio connection is set up and released some time after the last."""
        if not self.registered:
            return
        self._set_connected(True)
        if self._rrc_timer is not None:
            self._rrc_timer.cancel()
        self._rrc_timer = self.module.pace.later(self.module.config.behaviour.rrc_release_s, self._release)

    def transmitting(self, seconds: float = 0.05) -> None:
        """The transmitter is at work: the supply current shows it."""
        self.activity()
        self.module.draw.transmit_until = self.module.pace.now() + seconds

    def _release(self) -> None:
        self._rrc_timer = None
        self._set_connected(False)

    def _end_connection(self) -> None:
        if self._rrc_timer is not None:
            self._rrc_timer.cancel()
            self._rrc_timer = None
        self._set_connected(False)

    def _set_connected(self, connected: bool) -> None:
        before = self.connected
        self._connected = connected
        if self.connected != before:
            self.tell_connection()

    def set_rrc(self, connected: bool) -> None:
        """The network sets up or releases the radio connection now; traffic takes it from there."""
        if connected:
            self.activity()
        else:
            self._end_connection()

    def tell_connection(self) -> None:
        """+CSCON (27.007 7.30)."""
        mode = self.module.settings.number("+CSCON")
        if mode and self._running and self.rat is Rat.LTE:
            self.module.urc(regtext.cscon(self, mode, read=False))

    def card_changed(self) -> None:
        """The card is out, or another one: leave the network, look for one with the card that is there."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Leave the network and look for one."""
        if not self._running or self.function != 1 or self.mode == 2:
            return
        self.refusals.begin()
        self.leave("ME DETACH" if self.registered else "")
        self.start()

    def leave(self, event: str = "", state: RadioState | None = None) -> None:
        """No longer in the network: connection and contexts end, the state may change; an event is told."""
        self._end_connection()
        self.module.contexts.drop_all()
        if state is not None:
            self._to(state)
        if event:
            self.packet_event(event)

    # what the network does
    def _network_changed(self, change: Change) -> None:
        if not self._running or self.function != 1:
            return
        if change is Change.CELL and self.registered:
            self.tell_registration()
            self.activity()
        elif change is Change.TIME and self.registered:
            self._network_time()
        elif change is Change.IMS:
            self.module.contexts.ims(on=self.module.network.ims)
            self.tell_ims()
        else:
            react(self, change)
        self.tell_indicators()

    def _network_time(self) -> None:
        """NITZ: the clock follows with +CTZU=1, a change of zone is told with +CTZR (27.007 8.40, 8.41)."""
        network, settings = self.module.network, self.module.settings
        changed = self.rtc.quarters != network.quarters or not self.rtc.known
        if settings.number("+CTZU", 1):
            self.rtc.from_network(network.quarters, network.dst)
        mode = settings.number("+CTZR")
        if changed and mode:
            self.module.urc(regtext.time_zone(self.module, mode))

    # telling
    def tell_registration(self) -> None:
        """+CEREG, +CREG and +CGREG, each when what it would say has changed."""
        if not self._running:
            return
        for name in ("+CEREG", "+CREG", "+CGREG"):
            level = self.module.settings.number(name)
            now = regtext.facts(self, name, level)
            if self._told.get(name) == now:
                continue
            self._told[name] = now
            if level:
                for line in regtext.unsolicited(self, name, level):
                    self.module.urc(line)
        self.tell_ims()

    def tell_ims(self) -> None:
        """+CIREGU when the registration with the IMS has changed (27.007 8.72; <ext_info> is left out)."""
        now = self.ims_registered
        changed, self._ims_told = now is not self._ims_told, now
        if changed and self._running and self.module.settings.number("+CIREG"):
            self.module.urc(f"+CIREGU: {int(now)}")

    def renew_told(self, name: str) -> None:
        """The reporting level of a command changed: what counts as told follows."""
        self._told[name] = regtext.facts(self, name, self.module.settings.number(name))

    def packet_event(self, text: str) -> None:
        """+CGEV, as +CGEREP has it (27.007 10.1.19)."""
        mode = self.module.settings.numbers("+CGEREP")
        if self._running and mode and mode[0]:
            self.module.urc(f"+CGEV: {text}", keep=mode[0] == 2)

    def indicators(self) -> dict[str, int]:
        """+CIND values by name, in the order of +CIND."""
        return regtext.indicators(self.module)

    def tell_indicators(self) -> None:
        """+CIEV for every indicator that changed (+CMER, 27.007 8.10)."""
        now = self.indicators()
        before, self._indicators = self._indicators, now
        cmer = self.module.settings.numbers("+CMER")
        if not self._running or len(cmer) < 4 or not cmer[0] or not cmer[3]:
            return
        for place, (name, value) in enumerate(now.items(), start=1):
            if before.get(name, value) != value:
                self.module.urc(f"+CIEV: {place},{value}", keep=cmer[0] != 1)
