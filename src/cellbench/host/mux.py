"""The multiplexer on a module's UART (3GPP TS 27.010, +CMUX): several channels over one line.

    with dut.mux() as mux:
        mux.channel(1).send("AT+CSQ")
        with mux.channel(2).open_data("AT+USODL=0") as data:
            ...

Each channel is an ordinary Channel over a port of its own; the UART's own channel refuses commands
meanwhile. Leaving the block closes the multiplexer down and speaks plain AT again.
"""

from __future__ import annotations

import contextlib
import enum
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from cellbench.base.errors import CellbenchError, FrameworkError, UnitError
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout
from cellbench.host.mux_line import MuxEnded, MuxLine, MuxSilent
from cellbench.host.mux_port import MuxPort
from cellbench.host.mux_settings import MuxFacts, MuxParameters
from cellbench.host.portgroup import PortGroup
from cellbench.host.transcript import Transcript
from cellbench.host.urcview import UrcView
from cellbench.io.pipe import PortLost, PortMissing
from cellbench.wire.cmux import control, decoder, frame
from cellbench.wire.cmux.control import Message, MessageType, Signals
from cellbench.wire.cmux.events import Answered
from cellbench.wire.cmux.frame import Frame, FrameKind
from cellbench.wire.cmux.machine import Multiplexer, Role

_TAIL = 256  # bytes outside frames that are kept to find a greeting in
_PLAIN_S = 2.0  # how long plain AT is tried before the multiplexer is closed blindly
_ALIVE_AT_S = 2.0
_BLIND_S = 1.0  # how long an answer to the blind close down may take


class Recovery(enum.Enum):
    """What ``recover`` found."""

    ALIVE = "the multiplexer and every channel answer"
    LEFT = "the module answered plain AT: it had left multiplexer mode, which was started anew"
    DEAF = "the module was in multiplexer mode and silent; closed down and started anew"


@dataclass(frozen=True, slots=True)
class MuxCount:
    """What went wrong on the line since the multiplexer began: places where frames were lost (each at least
    one), bytes there, frames against the rules."""

    lost_frames: int
    skipped_bytes: int
    breaches: int


class Mux:
    """A multiplexer on the port of ``at``, which is lent for its time.

    ``outside`` is what came outside all frames. ``left`` says how the module left multiplexer mode by itself,
    None while it has not. Made by ``Dut.mux``; used as a context manager.
    """

    def __init__(self, at: Channel, *, parameters: MuxParameters | None = None, channels: int | None = None,
                 group: PortGroup | None = None) -> None:
        """``channels``: how many are opened at once (default: all that carry AT and data)."""
        self.at = at
        self.facts = MuxFacts.of(at.profile)
        self.parameters = parameters or self.facts.parameters
        self.channels: dict[int, Channel] = {}
        self.outside = bytearray()
        self.left: str | None = None
        self._group = group
        self._wanted = self.facts.channels if channels is None else channels
        self._line: MuxLine | None = None
        self._before = MuxCount(0, 0, 0)
        self._view: UrcView | None = None

    # -- life --------------------------------------------------------------------------------------------

    def __enter__(self) -> Mux:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        try:
            self.close()
        except CellbenchError:
            if error is None:  # else what went wrong first is told
                raise

    def open(self) -> None:
        """AT+CMUX, the control channel, the channels. Raises what the module refuses: CmeError, MuxRefused,
        MuxSilent."""
        self._begin()
        try:
            for number in range(1, self._wanted + 1):
                self.channel(number)
        except BaseException:
            with contextlib.suppress(CellbenchError):
                self.close()
            raise

    def close(self) -> None:
        """Close the channels, close the multiplexer down, speak plain AT again. Closing twice is allowed; a
        UART that has vanished stays so. Raises AtTimeout when the module does not answer afterwards."""
        if self._line is None:
            return
        if self._view is not None:
            self._view.close()
            self._view = None
        for channel in self.channels.values():
            channel.stop()
        self.channels.clear()
        rebooted = self.left is not None
        self._end()
        if self.at.lost is not None:
            # Where the port is back, nobody has told the module that the multiplexer is over.
            try:
                self.at.reopen()
            except PortMissing:
                return
            self._close_blindly()
        boot_s = self.at.profile.power.boot_max_s.value
        self.at.sync(boot_s if rebooted else max(5.0, 10 * self.facts.settle_s))

    # -- channels ----------------------------------------------------------------------------------------

    def channel(self, number: int) -> Channel:
        """The AT channel over a DLC, opened at the first call. Raises MuxRefused, MuxSilent, AtTimeout."""
        channel = self.channels.get(number)
        if channel is None:
            port = self.pipe(number)
            channel = Channel(port, self.at.profile, trace=self.at.trace, name=port.name, gap_s=self.at.gap_s,
                              secrets=self.at.secrets, group=self._group, wear=self.at.wear)
            channel.start()
            # Each channel has settings of its own: it shows errors as the UART was told to.
            known = self.at.settings
            channel.settings.greeting, channel.settings.cmee = known.greeting, known.cmee
            channel.resume_at_sync()
            self.channels[number] = channel
            self._first_at(channel, number)
        return channel

    def pipe(self, number: int) -> MuxPort:
        """The port of a DLC, not yet opened, for bytes that are no AT (NMEA on LARA-R6's channel 3)."""
        return self._running().port(number)

    @property
    def urcs(self) -> UrcView:
        """The URCs of the open channels as one log: copies of one event on several channels are one."""
        if self._view is None:
            self._view = UrcView({channel.name: channel for channel in self.channels.values()})
        return self._view

    def signals(self, number: int) -> Signals:
        """The module's V.24 signals of a channel, as its last MSC said."""
        return self._running().theirs(number)

    @contextlib.contextmanager
    def declare_reboot(self, timeout_s: float) -> Iterator[None]:
        """Inside the block, at most ``timeout_s`` seconds, the module may restart: no channel takes that for
        a death sign."""
        with contextlib.ExitStack() as declared:
            for channel in (self.at, *self.channels.values()):
                declared.enter_context(channel.declare_reboot(timeout_s))
            yield

    def wait_left(self, timeout_s: float) -> bool:
        """True as soon as the module has left multiplexer mode: its greeting stood on the bare UART, or it
        closed down."""
        return self.at.wait_until(lambda: self.left is not None or self._line is None or
                                  not self._line.machine.up, timeout_s)

    # -- control channel ---------------------------------------------------------------------------------

    def test(self, pattern: bytes = b"cellbench") -> float:
        """The test command of the control channel; seconds until the pattern came back, which has to fit into
        one frame with 3 bytes more. Raises MuxSilent; FrameworkError when the module has no such command;
        UnitError with what came instead."""
        began = time.monotonic()
        answer = self._running().ask(MessageType.TEST, pattern)
        if not isinstance(answer, Answered):
            raise FrameworkError("the module does not know the test command of the control channel")
        if answer.body != pattern:
            raise UnitError(f"test command: {pattern!r} came back as {answer.body!r}")
        return time.monotonic() - began

    def ask(self, kind: MessageType, body: bytes = b"") -> bool:
        """Send a message of the control channel; False when the module does not know it (NSC)."""
        return isinstance(self._running().ask(kind, body), Answered)

    def hold(self, number: int, held: bool) -> None:
        """Tell the module not to send on a channel, or to go on (FC of our MSC)."""
        line = self._running()
        ours = line.ours(number)
        line.show(number, Signals(held, ours.rtc, ours.rtr, ours.ic, ours.dv), wait=True)

    def hold_all(self, held: bool) -> bool:
        """The same for all channels at once (FCoff, FCon); False when the module does not know it."""
        return self.ask(MessageType.FCOFF if held else MessageType.FCON)

    @property
    def machine(self) -> Multiplexer:
        """The 27.010 machine below: states, signals, what the far side broke."""
        return self._running().machine

    @property
    def count(self) -> MuxCount:
        """What was lost and broken so far, restarts included."""
        now, before = self._counted(), self._before
        return MuxCount(before.lost_frames + now.lost_frames, before.skipped_bytes + now.skipped_bytes,
                        before.breaches + now.breaches)

    # -- recovery ----------------------------------------------------------------------------------------

    def recover(self, timeout_s: float | None = None) -> Recovery:
        """After a missing answer: find out whether the module is still in multiplexer mode, and start it
        again where it is not (LENA-R8 guide 5.7). The channels stay the same objects; data mode is over.
        ``timeout_s``: for a module that is just starting (default: its longest boot). Raises AtTimeout
        when the module answers neither way."""
        if self.left is None and self._all_answer():
            return Recovery.ALIVE
        boot_s = self.at.profile.power.boot_max_s.value if timeout_s is None else timeout_s
        found = Recovery.LEFT
        self._retire()
        if self.at.is_up:
            self.at.wait_until(lambda: False, self.facts.settle_s)  # the module may have left this moment
        if self.left is None and not self._plain_answers(_PLAIN_S) and self._close_blindly():
            found = Recovery.DEAF  # else it is starting
        self.at.sync(boot_s)
        self._begin()
        for number, channel in tuple(self.channels.items()):
            channel.move(self.pipe(number))
            self._first_at(channel, number)
        return found

    # -- inside ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.at.send(self.parameters.command)
        self.at.wait_until(lambda: False, self.facts.settle_s)
        machine = Multiplexer(Role.INITIATOR, self.parameters.settings(self.at.profile))
        self.left = None
        self.outside.clear()
        n1 = self.parameters.n1
        if isinstance(self.at.trace, Transcript):
            self.at.trace.carries_frames(self.at.name, lambda stream: decoder.places(stream, n1))
        line = self._line = MuxLine(self.at.link, machine, self._heard_outside,
                                    waking_flags=self.parameters.waking_flags)
        try:
            self.at.lend(line.feed, line.lost)
            line.establish(0)
        except BaseException:
            self._retire()
            raise

    def _end(self) -> None:
        """Close down: CLD, and DISC of the control channel where it stays unanswered."""
        line = self._running()
        try:
            if line.machine.up:
                with contextlib.suppress(MuxSilent, PortLost):
                    try:
                        line.ask(MessageType.CLD)
                    except MuxSilent:
                        line.release(0)
        finally:
            self._retire()
        if self.left is None and self.at.is_up:
            self.at.wait_until(lambda: False, self.facts.settle_s)

    def _retire(self) -> None:
        """The line is a plain UART again, whatever the module thinks."""
        line = self._line
        if line is None:
            return
        line.end(MuxEnded(f"{self.at.name}: the multiplexer has ended"))
        self._before = self.count
        self._line = None
        self.at.take_back()
        line.stop()

    def _first_at(self, channel: Channel, number: int) -> None:
        """The first command of a channel waits until the module has shown its signals, or some time."""
        line = self._running()
        channel.wait_until(lambda: line.theirs(number).rtc, self.facts.first_at_s)
        channel.sync(max(5.0, 4 * self.facts.first_at_s))

    def _all_answer(self) -> bool:
        """The control channel, and AT on every channel that is not in data mode."""
        line = self._line
        if line is None or not line.machine.up or not self.at.is_up:
            return False
        try:
            line.ask(MessageType.TEST, b"?")
        except (MuxSilent, PortLost):
            return False
        return all(channel.is_up and (channel.in_data_mode or not channel.silent(_ALIVE_AT_S))
                   for channel in self.channels.values())

    def _plain_answers(self, seconds: float) -> bool:
        try:
            self.at.sync(seconds)
        except AtTimeout:
            return False
        return True

    def _close_blindly(self) -> bool:
        """CLD and DISC of the control channel, to a module that answers nothing else; True when a frame came
        back: it was in multiplexer mode."""
        close_down = control.encode(Message(MessageType.CLD, True, b""))
        wire = frame.encode(Frame(0, True, FrameKind.UIH, False, close_down))
        reader = decoder.Decoder(self.parameters.n1)
        answers: list[Frame] = []

        def feed(data: bytes) -> None:
            answers.extend(one for one in reader.receive(data) if isinstance(one, Frame))

        self.at.lend(feed, lambda error: None)
        try:
            self.at.write_raw(frame.FLAG + wire + frame.encode(Frame(0, True, FrameKind.DISC, True, b"")))
            self.at.wait_until(lambda: bool(answers), _BLIND_S)
        finally:
            self.at.take_back()
        self.at.wait_until(lambda: False, self.facts.settle_s)
        return bool(answers)

    def _heard_outside(self, data: bytes) -> None:
        """In the reading thread: a greeting among these bytes says that the module has restarted."""
        self.outside += data
        del self.outside[:-_TAIL]
        greeting = self.at.settings.greeting
        if greeting and self.left is None and greeting.encode() in self.outside:
            self.left = f"the module has restarted: {greeting} on the bare UART"
            self.at.told_of_reset(greeting)
            for channel in self.channels.values():
                channel.told_of_reset(greeting)
            if self._line is not None:
                self._line.end(MuxEnded(f"{self.at.name}: {self.left}"), quietly=True)

    def _counted(self) -> MuxCount:
        if self._line is None:
            return MuxCount(0, 0, 0)
        machine = self._line.machine
        return MuxCount(machine.decoder.stretches, machine.decoder.skipped, sum(machine.breaches.values()))

    def _running(self) -> MuxLine:
        if self._line is None:
            raise FrameworkError(f"{self.at.name} carries no multiplexer now")
        return self._line
