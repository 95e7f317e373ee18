"""The multiplexer on the module's UART: +CMUX, channels that are AT ports, the way back to plain AT.

The responder itself (27.010) is front/cmux; here are its clock, its UART and what its channels mean on each
series (LENA-R8 guide 5.7).
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from cellbench.virtual.device.faces import Input, Output
from cellbench.virtual.front.cmux.events import Changed, Down, Ended, Event, Opened, Taken, Terms
from cellbench.virtual.front.cmux.machine import Responder
from cellbench.virtual.front.cmux.messages import Signals
from cellbench.virtual.front.state import OnlineCall, PortState

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.front.port import AtPort

UNIT_S = 0.01
"""Unit of T1 and T2 of +CMUX (27.010 5.7.1, 5.7.3)."""
SPEEDS: Mapping[int, int] = MappingProxyType({1: 9600, 2: 19200, 3: 38400, 4: 57600, 5: 115200, 6: 230400,
                                              7: 460800, 8: 921600})
"""<port_speed> of +CMUX, bit/s (27.007 5.7)."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of +CMUX in their order; T1 and T2 in 10 ms, T3 in seconds, None for an empty speed."""

    mode: int
    subset: int
    port_speed: int | None
    n1: int
    t1: int
    n2: int
    t2: int
    t3: int
    k: int

    @classmethod
    def of(cls, text: str) -> Parameters:
        """From the text of the answer to the read form."""
        mode, subset, speed, *rest = (int(one) if one else None for one in text.split(","))
        n1, t1, n2, t2, t3, k = (one or 0 for one in rest)
        return cls(mode or 0, subset or 0, speed, n1, t1, n2, t2, t3, k)

    def text(self) -> str:
        """As the read form shows them."""
        values = dataclasses.astuple(self)
        return ",".join("" if value is None else str(value) for value in values)


class Multiplexer:
    """The multiplexer of a module's UART, from +CMUX until it ends; at rest otherwise."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._behaviour = module.config.behaviour
        self.parameters = Parameters.of(self._behaviour.mux_defaults)
        self.responder: Responder | None = None
        self.causes: list[str] = []
        """Why it ended, each time since the boot."""
        self._bare: AtPort | None = None
        self._channels: dict[int, AtPort] = {}
        self._deaf_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._hanging_up: set[asyncio.Task[None]] = set()

    @property
    def active(self) -> bool:
        """True from +CMUX's OK until the UART is back in AT mode."""
        return self.responder is not None

    def start(self, parameters: Parameters) -> None:
        """+CMUX is answered: from now on the UART carries frames."""
        module, facts = self._module, self._behaviour
        bare = module.uart.port
        if bare is None or self.active:
            return
        at = cast(int, module.profile.facts["mux_channels"].value)
        gnss = {facts.mux_gnss_channel} if facts.mux_gnss_channel else set()
        terms = Terms(
            n1=parameters.n1, t1_s=parameters.t1 * UNIT_S, n2=parameters.n2, t2_s=parameters.t2 * UNIT_S,
            dlcis=tuple(sorted({*range(1, at + 1), *gnss})), sabm_wait_s=facts.mux_sabm_wait_s,
            frame_gap_s=facts.mux_frame_gap_s, answers_disc=facts.mux_disc_answered,
            opens_with_msc=facts.mux_msc_at_open, checks_cr=facts.mux_checks_cr,
            silence_closes=facts.mux_silence_closes,
            optional=frozenset(facts.mux_optional.replace(",", " ").split()))
        self.parameters = parameters
        rate = SPEEDS.get(parameters.port_speed or 0)
        if facts.mux_speed_switches and rate is not None:
            module.uart.set_rate(rate)
        self.responder = Responder(terms, module.pace.now())
        self._deaf_until = module.pace.now() + facts.mux_settle_s
        self._bare = bare
        module.remove_port(bare, close=False)
        module.uart.carrier = self
        self._after([])

    # the UART (device.faces.Carrier)
    def receive(self, data: bytes) -> None:
        """Octets on TXD."""
        now = self._module.pace.now()
        if self.responder is not None and not self._module.hung and now >= self._deaf_until:
            self._gate()
            self._after(self.responder.receive(data, now))

    def woke(self) -> None:
        """The first octet after a sleep was lost: no flag is remembered either."""
        if self.responder is not None:
            self.responder.forget_flag()

    def port_changed(self, port: AtPort) -> None:
        """A channel entered or left data mode: its DCD follows."""
        for dlci, one in self._channels.items():
            if one is port:
                self._show(dlci, one)

    @property
    def holding(self) -> bool:
        """True while a channel's output waits for the host."""
        link = self.responder
        return link is not None and any(link.waiting(dlci) for dlci in self._channels)

    def resume(self) -> None:
        """&K or RTS changed: what waited may go."""
        if self.responder is not None:
            self._gate()
            self.responder.resume()
            self._flush()

    def ring(self, on: bool) -> None:
        """RI on all channels."""
        for dlci, port in self._channels.items():
            self._show(dlci, port, ring=on)

    # the control room's hand
    def disconnect(self, dlci: int) -> None:
        """The module releases a channel; KeyError when it has no such channel."""
        if self.responder is not None:
            self.responder.disconnect(dlci, self._module.pace.now())
            self._after([])

    def close_down(self) -> None:
        """The module ends the multiplexer."""
        if self.responder is not None:
            self.responder.close_down(self._module.pace.now())
            self._after([])

    def stop_host(self, stopped: bool, dlci: int | None = None) -> None:
        """The module takes no more, or takes again: FCoff, FCon, or FC of one channel."""
        if self.responder is None:
            return
        now = self._module.pace.now()
        if dlci is None:
            self.responder.stop_peer(stopped, now)
        else:
            mine, _ = self.responder.signals(dlci)
            self.responder.set_signals(dlci, dataclasses.replace(mine, stopped=stopped), now)
        self._after([])

    def report(self) -> dict[str, str]:
        """State, open channels, what was received and lost, why it last ended."""
        link = self.responder
        last = self.causes[-1] if self.causes else ""
        if link is None:
            return {"state": "off", "ended": last}
        counts = {name.replace("-", "_"): str(number) for name, number in sorted(link.frames.items())}
        dtr = [str(dlci) for dlci in link.open_channels() if link.signals(dlci)[1].ready]
        return {"state": link.state.value, "channels": ",".join(map(str, link.open_channels())),
                "dtr": ",".join(dtr), **counts, **{name: str(one) for name, one in link.losses.items()},
                "ended": last}

    # inside
    def _after(self, events: list[Event]) -> None:
        """What the responder says: octets out, events done, its next time awaited."""
        link = self.responder
        if link is None:
            return
        down = None
        for event in events:
            if isinstance(event, Down):
                down = event
            else:
                self._event(event)
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if down is not None:
            self._back(down.cause)
            return
        due = link.next_expiry()
        if due is not None:
            wait = max(0.0, due - self._module.pace.now())
            self._timer = self._module.pace.later_true(wait, self._expired)

    def _flush(self) -> None:
        if self.responder is not None:
            out = self.responder.output()
            if out and not self._module.hung:
                self._module.uart.send(out)

    def _expired(self) -> None:
        self._timer = None
        if self.responder is not None:
            self._after(self.responder.expire(self._module.pace.now()))

    def _event(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._open(event.dlci)
        elif isinstance(event, Ended):
            self._close(event.dlci)
        elif isinstance(event, Taken):
            port = self._channels.get(event.dlci)
            if port is not None:
                port.receive(event.data)
        elif isinstance(event, Changed):
            self._signals(event.dlci, event.signals)

    def _open(self, dlci: int) -> None:
        """A channel is an AT port; that of the GNSS says nothing while no receiver runs."""
        if dlci > cast(int, self._module.profile.facts["mux_channels"].value):
            return
        self._channels[dlci] = self._module.open_channel(f"mux{dlci}", partial(self._send, dlci))

    def _send(self, dlci: int, data: bytes) -> None:
        if self.responder is not None:
            self._gate()
            self.responder.send(dlci, data)
            self._flush()

    def _gate(self) -> None:
        """RTS of a channel counts while hardware flow control does."""
        if self.responder is not None:
            self.responder.rtr_holds = self._behaviour.mux_rtr_holds and self._module.serial.rts_gates

    def _signals(self, dlci: int, signals: Signals) -> None:
        """DTR of a channel."""
        port = self._channels.get(dlci)
        if port is not None:
            port.set_dtr(signals.ready)

    def _show(self, dlci: int, port: AtPort, *, ring: bool | None = None) -> None:
        if self.responder is None or port not in self._module.ports:
            return
        mine, _ = self.responder.signals(dlci)
        carrier = (port.settings.circuit_109 == 0 or port.state is PortState.DATA
                   or port.online is not None)
        signals = dataclasses.replace(mine, carrier=carrier, ring=mine.ring if ring is None else ring)
        self.responder.set_signals(dlci, signals, self._module.pace.now())
        self._after([])

    def _close(self, dlci: int) -> None:
        """A channel is gone, and with it a call that it held."""
        port = self._channels.pop(dlci, None)
        if port is None:
            return
        call = port.online
        self._module.remove_port(port)
        if call is not None:
            task = self._module.pace.loop.create_task(_hang_up(call))
            self._hanging_up.add(task)
            task.add_done_callback(self._hanging_up.discard)

    def _back(self, cause: str) -> None:
        """AT commands on the bare UART again (5.8.2; LENA-R8 guide 5.7)."""
        module = self._module
        self.causes.append(cause)
        self.responder = None
        module.uart.carrier = None
        module.uart.deaf_for(self._behaviour.mux_settle_s)
        bare, self._bare = self._bare, None
        if bare is not None:
            bare.dtr = module.input(Input.DTR)
            module.add_port(bare, first=True)
        module.set_output(Output.RI, False)
        module.serial.show_lines()

    def power_off(self) -> None:
        """The module goes off or restarts: the multiplexer is forgotten (LENA-R8 guide 5.7)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._hanging_up:
            task.cancel()
        if self._bare is not None:
            self._bare.close()
        self.responder = self._bare = None
        self._channels.clear()
        self._module.uart.carrier = None


async def _hang_up(call: OnlineCall) -> None:
    await call.hang_up()
