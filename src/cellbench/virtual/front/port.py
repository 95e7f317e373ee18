"""One AT port of the module as a state machine (LENA-R8 guide 4.3, Figure 5; state.TRANSITIONS).

COMMAND takes characters of a command line; EXECUTING until the final result code; PROMPT while a
command takes a payload; DATA between CONNECT and the escape; ONLINE is command mode with a call held.
The port does not know what carries it: a UART, a USB interface or a multiplexer channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cellbench.virtual.front import results
from cellbench.virtual.front.bytestream import EscapeFinder, PayloadTaking
from cellbench.virtual.front.context import DataEnd, DataSink
from cellbench.virtual.front.data import DataMode
from cellbench.virtual.front.dispatch import run_line
from cellbench.virtual.front.firmware_edits import PortEditing, edited_urc
from cellbench.virtual.front.parser import LineAssembler, LineEvent
from cellbench.virtual.front.state import Mode, Move, OnlineCall, PortSettings, PortState
from cellbench.virtual.front.urcs import UrcQueue

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

CTRL_Z, ESC, LF = 0x1A, 0x1B, 0x0A
_PLUS = 0x2B
_S12, _S12_PER_S = 50, 50  # the register's usual value, and its unit
LINE_END_S = 0.05
"""How long after a line's CR its LF may come, even at 300 bit/s; data after a prompt comes later."""


class AtPort:
    """An AT port; ``name`` is its role ("uart", "usb0" ...), ``transmit`` takes bytes to the DTE.

    ``number`` orders the ports of a module; ``on_usb`` is true for a virtual port of USB.
    """

    def __init__(self, module: Module, name: str, transmit: Callable[[bytes], None], *, on_usb: bool,
                 settings: PortSettings | None = None) -> None:
        self.module = module
        self.name = name
        self.on_usb = on_usb
        self.settings = settings if settings is not None else PortSettings()
        self.mode = Mode()
        self.online: OnlineCall | None = None
        self.dtr = True
        self.muted = False  # nothing is printed before autobauding has measured a rate
        self.urcs_wanted = True  # +UURCCONF
        self._greeting: str | None = None
        self._transmit = transmit
        self._line = LineAssembler(module.profile.serial.max_line.value)
        behaviour = module.config.behaviour
        self._urcs = UrcQueue(module.pace, behaviour.urc_queue, behaviour.typing_holds_urcs_s,
                              free=lambda: not self.muted and not self.busy,
                              typing=lambda: self._line.begun, show=self._unsolicited)
        self._task: asyncio.Task[None] | None = None
        self._abortable = False
        self._first_info = True
        self._skip_lf = False
        self._line_at = 0.0  # when the last command line was complete
        self._payload: PayloadTaking | None = None
        self._data: DataMode | None = None
        self._after: list[Callable[[], None]] = []
        self._closed = False
        self.editing = PortEditing(module.config.edits)

    @property
    def state(self) -> PortState:
        """The mode of Figure 5 that the port is in."""
        return self.mode.state

    # from the DTE
    def receive(self, data: bytes) -> None:
        """Characters from the DTE."""
        place = 0
        if self.module.hung:
            return
        while place < len(data) and not self._closed:
            if self.state is PortState.DATA:
                self._data_in(data[place:])
                return
            if self.state is PortState.PROMPT:
                place += self._payload_in(data[place:])
            elif self.state is PortState.EXECUTING:
                place = self._while_executing(data, place)
            else:
                place = self._line_in(data, place)

    def _line_in(self, data: bytes, place: int) -> int:
        """Characters of a command line; stops behind the one that completes it."""
        begin = place
        event = LineEvent.NOTHING
        self._line.cr = self.settings.registers.get(3, 13)
        self._line.bs = self.settings.registers.get(5, 8)
        if self._skip_lf:
            self._skip_lf = False
            if data[place] == LF:
                begin = place = place + 1
        while place < len(data) and event is LineEvent.NOTHING:
            event = self._line.put(data[place])
            place += 1
        if self.settings.echo and place > begin:
            self._write(data[begin:place])
        if event is LineEvent.NOTHING:
            self._urcs.typed()
        else:
            self._begin(event)
        return place

    def _begin(self, event: LineEvent) -> None:
        self._skip_lf = True
        self._line_at = self.module.pace.now()
        self.mode.move(Move.LINE)
        self._abortable = False
        body = None if event is LineEvent.TOO_LONG else self._line.body
        self._task = self.module.pace.loop.create_task(self._execute(body))

    async def _execute(self, body: str | None) -> None:
        try:
            await run_line(self, body)
        except asyncio.CancelledError:
            return
        self.finish_line()

    def finish_line(self) -> None:
        """The final result code has left: back to command mode."""
        self._task = None
        self._after_line()

    def _after_line(self) -> None:
        self.mode.move(Move.RESULT if self.online is None else Move.HELD)
        after, self._after = self._after, []
        for action in after:
            action()
        if not self._closed:
            self.flush()

    def _while_executing(self, data: bytes, place: int) -> int:
        """A character during execution aborts what can be aborted, else it is lost (guide 4.1.3)."""
        if self._skip_lf and data[place] == LF:
            self._skip_lf = False
            return place + 1
        self._skip_lf = False
        if not self._abortable or self._task is None:
            return len(data)
        self._task.cancel()
        self._task = None
        text = self.module.config.behaviour.abort_result
        if text:
            self.write_result(text)
        self._after_line()
        return place

    def set_abortable(self, abortable: bool) -> None:
        """Whether the command now in execution may be aborted by a character."""
        self._abortable = abortable

    # payload
    async def take_payload(self, prompt: str, size: int | None, timeout_s: float, settle_s: float,
                           echo: bool) -> bytes | None:
        """See :meth:`CommandContext.payload`."""
        pace = self.module.pace
        lost = settle_s if self.module.config.behaviour.prompt_early_bytes_lost else 0.0
        payload = PayloadTaking(size, pace.loop.create_future(), echo, timeout_s, pace.now() + lost)
        self._payload = payload
        self.mode.move(Move.PROMPT)
        self.write_prompt(prompt)
        self._first_info = True
        self._arm_payload(payload)
        try:
            return await payload.done if size != 0 else b""
        finally:
            if payload.timer is not None:
                payload.timer.cancel()
            self._payload = None
            self.mode.move(Move.TAKEN)

    def _arm_payload(self, payload: PayloadTaking) -> None:
        if payload.timer is not None:
            payload.timer.cancel()
        payload.timer = self.module.pace.later_true(payload.timeout_s, lambda: self._settle(payload, None))

    @staticmethod
    def _settle(payload: PayloadTaking, result: bytes | None) -> None:
        if not payload.done.done():
            payload.done.set_result(result)

    def _payload_in(self, data: bytes) -> int:
        payload = self._payload
        if payload is None or payload.done.done():
            return len(data)  # truncated: the surplus of a payload is lost (LARA-R6 guide 5.3.1)
        if self._takes_lf(data):
            return 1
        if self.module.pace.now() < payload.early_until:
            return len(data)
        taken = data if payload.size is None else data[:payload.size - len(payload.taken)]
        if payload.size is None:
            for place, code in enumerate(taken):
                if code in (CTRL_Z, ESC):
                    payload.taken += taken[:place]
                    if payload.echo and self.settings.echo and place:
                        self._write(taken[:place])
                    self._settle(payload, bytes(payload.taken) if code == CTRL_Z else None)
                    return place + 1
        payload.taken += taken
        if payload.echo and self.settings.echo:
            self._write(taken)
        self._arm_payload(payload)
        if payload.size is not None and len(payload.taken) >= payload.size:
            self._settle(payload, bytes(payload.taken))
        return len(taken)

    def _takes_lf(self, data: bytes) -> bool:
        """True for the LF of a command line's own CR LF: right behind it; a later one is data."""
        due, self._skip_lf = self._skip_lf, False
        return due and data[:1] == b"\n" and self.module.pace.now() - self._line_at < LINE_END_S

    # data mode
    async def run_data_mode(self, connect_text: str, sink: DataSink) -> DataEnd:
        """See :meth:`CommandContext.data_mode`."""
        self.write_result(connect_text)
        data = self._data = DataMode(self.module.pace, sink, self.write_data, self._escape(),
                                     self.module.config.behaviour.escape_trailing_s)
        self.mode.move(Move.CONNECT)
        self.module.data_mode_changed(self)
        self.module.turn.leave(self)
        try:
            end = await data.run()
        finally:
            self._data = None
            self.mode.move(Move.LEFT)
            self._first_info = True
            self._abortable = False
            self.module.data_mode_changed(self)
        await self.module.turn.take(self)
        return end

    def _escape(self) -> EscapeFinder:
        """What ends data mode: S2 and S12 act where the series' settings say so."""
        behaviour, registers = self.module.config.behaviour, self.settings.registers
        by_s2 = behaviour.escape_s2_link if self.online is None else behaviour.escape_s2_ppp
        guard = self.module.profile.serial.escape_guard_s.value
        if behaviour.escape_s12:
            guard = registers.get(12, _S12) / _S12_PER_S
        return EscapeFinder(registers.get(2, _PLUS) if by_s2 else _PLUS, guard, behaviour.escape_gap_s,
                            self.module.pace.now())

    def end_data(self, end: DataEnd) -> None:
        """Leave data mode."""
        if self._data is not None:
            self._data.end(end)

    def _data_in(self, data: bytes) -> None:
        self._skip_lf = False  # it came before CONNECT if at all: what comes now is data
        if self._data is not None:
            self._data.receive(data)

    def set_dtr(self, on: bool) -> None:
        """Circuit 108/2; its drop in data mode does what &D says (V.250 6.2.9)."""
        dropped, self.dtr = self.dtr and not on, on
        if on and self._greeting is not None:
            self.greet(self._greeting)
        if dropped and self.state is PortState.DATA and self.settings.circuit_108 in (1, 2):
            self.end_data(DataEnd.DTR_OFF)
        elif dropped and self.state is PortState.ONLINE and self.settings.circuit_108 == 2:
            self.mode.move(Move.DTR_OFF)
            self._task = self.module.pace.loop.create_task(self._hang_up())

    async def _hang_up(self) -> None:
        """DTR went off in online command mode with &D2: the call ends (V.250 6.2.9)."""
        if self.online is not None:
            await self.online.hang_up()
            self.online = None
            self.write_result("NO CARRIER")
        self.finish_line()

    def call_lost(self) -> None:
        """The call that online command mode holds is gone: NO CARRIER, and command mode."""
        if self.state is PortState.ONLINE:
            self.mode.move(Move.CARRIER_LOST)
        self.urc("NO CARRIER")

    # to the DTE
    def _write(self, data: bytes) -> None:
        if not self._closed and not self.module.hung:
            self._transmit(data)

    def _write_text(self, text: str) -> None:
        if text:
            self._write(text.encode("latin-1", "replace"))

    def write_data(self, data: bytes) -> None:
        """Bytes of data mode."""
        if self._data is None:
            return
        if self.online is not None and self.module.config.behaviour.escape_guard_hears_output:
            self._data.escape.last = self.module.pace.now()
        self._write(data)

    def write_prompt(self, prompt: str) -> None:
        """A prompt at the begin of a line, without an end."""
        style = self.settings.style
        self._write_text(f"{style.cr}{style.lf}{prompt}")

    def write_info(self, text: str) -> None:
        """A line of information text."""
        if self.editing.takes(text):
            return
        self._write_text(results.information(text, self.settings.style, first=self._first_info,
                                             apart=self.module.config.behaviour.info_lines_apart))
        self._first_info = False

    def write_result(self, text: str) -> None:
        """A final or intermediate result code of V.250."""
        self._write_text(results.result(text, self.settings.style))

    def write_error(self, text: str) -> None:
        """A +CME or +CMS ERROR; a final result code, so Q1 suppresses it."""
        if not self.settings.style.quiet:
            self._unsolicited(text)

    def _unsolicited(self, text: str) -> None:
        self._write_text(results.unsolicited(text, self.settings.style))

    def start_command(self) -> None:
        """The next information text is the first of its command."""
        self._first_info = True

    def afterwards(self, action: Callable[[], None]) -> None:
        """Do ``action`` once the final result code has left."""
        self._after.append(action)

    # URCs
    @property
    def busy(self) -> bool:
        """True from the end of a command line to its final result code, and in data mode."""
        return self.state not in (PortState.COMMAND, PortState.ONLINE)

    def greet(self, text: str, *, when_dtr: bool = False) -> None:
        """Print the greeting, even before a rate is measured; ``when_dtr``: wait for DTR."""
        if when_dtr and not self.dtr:
            self._greeting = text
            return
        self._greeting = None
        self._unsolicited(text)

    def announce(self, text: str) -> None:
        """Print a line of the start now, even before a rate is measured."""
        self._unsolicited(text)

    def urc(self, text: str, *, keep: bool = True) -> None:
        """Print a URC now, or when the port is free, or never (``keep`` false and busy)."""
        said = edited_urc(self.editing.active, text) if self.editing.active else text
        if said is not None:
            self._urcs.put(said, keep=keep)

    def print_waiting(self, wanted: Callable[[str], bool]) -> bool:
        """Print the first waiting URC that is wanted, busy or not; False when there is none."""
        text = self._urcs.taken(wanted)
        if text is not None:
            self._unsolicited(text)
        return text is not None

    def flush(self) -> None:
        """Print what waits, as far as it may."""
        self._urcs.flush()

    def close(self) -> None:
        """The port ceases to exist (power-off, another composition)."""
        self._closed = True
        self._urcs.clear()
        self._after.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None
