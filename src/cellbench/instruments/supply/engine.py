"""Supplies by declaration: one engine for all dialects.

Each setting is read back; a supply that took something else than it was told is a rig error. Before a
tripped protection is cleared the output is switched off, for many supplies put the output back into the
state it had before the trip.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping

from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.conversation import Conversation, Flag, Query
from cellbench.instruments.supply.dialect import Dialect, LogWay
from cellbench.instruments.supply.log import CurrentLog, ElogReader, FastLogReader
from cellbench.instruments.supply.model import LogReader
from cellbench.instruments.visa import Link

_LOG_POLL_S = 0.05


class ScpiOutput:
    """One channel of a supply."""

    __slots__ = ("_supply", "channel")

    def __init__(self, supply: ScpiSupply, channel: int) -> None:
        self._supply = supply
        self.channel = channel

    def set_voltage_v(self, volts: float) -> None:
        """Set the output voltage, in volt, and read it back."""
        dialect = self._supply.dialect
        self._set((dialect.set_voltage,), dialect.voltage, volts, "V", dialect.tolerance_v)

    def set_current_limit_a(self, amperes: float) -> None:
        """Set the current limit, in ampere, and read it back."""
        dialect = self._supply.dialect
        self._set((dialect.set_current,), dialect.current, amperes, "A", dialect.tolerance_a)

    def set_over_voltage_v(self, volts: float) -> None:
        """Set and enable the over-voltage protection, in volt; NotPossible where the dialect has none."""
        dialect = self._supply.dialect
        if not dialect.set_over_voltage or dialect.over_voltage is None:
            raise NotPossible(f"instrument {self._supply.name} has no over-voltage protection to set")
        self._set(dialect.set_over_voltage, dialect.over_voltage, volts, "V", 2 * dialect.tolerance_v)

    def set_over_current_a(self, amperes: float) -> None:
        """Enable the over-current protection at a level in ampere.

        NotPossible where the dialect has none; RigError where it trips at the current limit and
        ``amperes`` is another figure.
        """
        dialect = self._supply.dialect
        if not dialect.set_over_current:
            raise NotPossible(f"instrument {self._supply.name} has no over-current protection to set")
        if dialect.over_current is not None:
            self._set(dialect.set_over_current, dialect.over_current, amperes, "A", 2 * dialect.tolerance_a)
            return
        limit = self.current_limit_setting_a()
        if abs(limit - amperes) > dialect.tolerance_a:
            raise RigError(f"{self._where}: its over-current protection trips at the current limit, "
                           f"{limit:g} A, not at {amperes:g} A",
                           remedy="give the same figure for both in the rig file")
        for command in dialect.set_over_current:
            self._supply.command(self.channel, command)

    def voltage_setting_v(self) -> float:
        """The voltage that is set, in volt."""
        return self._supply.ask_number(self.channel, self._supply.dialect.voltage)

    def current_limit_setting_a(self) -> float:
        """The current limit that is set, in ampere."""
        return self._supply.ask_number(self.channel, self._supply.dialect.current)

    def enable(self, on: bool) -> None:
        """Switch the output and read its state back.

        Off goes before everything: what the error queue held from earlier must not stand in its way.
        """
        if not on:
            errors = self._supply.command_first(self.channel, self._supply.dialect.output_off)
            if self.is_enabled():
                why = "; ".join(errors) or "its error queue gives no reason"
                raise RigError(f"{self._where}: the output stays on: {why}",
                               remedy="switch it off at the supply's front panel")
            return
        self._supply.switch_on(self.channel)
        if not self.is_enabled():
            trip = self.tripped()
            why = f": the {trip} protection has tripped" if trip else ""
            raise RigError(f"{self._where}: the output stays off{why}",
                           remedy="look at the supply's front panel")

    def is_enabled(self) -> bool:
        """True while the output is on."""
        dialect = self._supply.dialect
        if dialect.master is not None and not self._supply.ask_flag(self.channel, dialect.master.state):
            return False
        return self._supply.ask_flag(self.channel, dialect.output)

    def measure_voltage_v(self) -> float:
        """The voltage at the output, in volt."""
        return self._supply.ask_number(self.channel, self._supply.dialect.measure_voltage)

    def measure_current_a(self) -> float:
        """The current drawn, in ampere; NotPossible where the dialect cannot measure."""
        if self._supply.dialect.measure_current is None:
            raise NotPossible(f"instrument {self._supply.name} cannot measure current")
        return self._supply.ask_number(self.channel, self._supply.dialect.measure_current)

    def tripped(self) -> str | None:
        """"over-current" or "over-voltage" when that protection has switched the output off."""
        return self._supply.trip(self.channel)

    def clear_trip(self) -> None:
        """Clear a tripped protection and see that it is cleared; the output stays off."""
        self.enable(False)
        self._supply.forget_trips(self.channel)
        trip = self.tripped()
        if trip is not None:
            raise RigError(f"{self._where}: the {trip} trip stays",
                           remedy="look for a short in the wiring of the slot")
        if self.is_enabled():
            self.enable(False)

    def start_current_log_hz(self, rate_hz: float) -> float:
        """Begin to log current at ``rate_hz`` samples a second or the nearest that the model has; the
        true rate in hertz. NotPossible where the model has no fast log."""
        ways: Mapping[LogWay, type[ElogReader | FastLogReader]] = {
            LogWay.KEYSIGHT_ELOG: ElogReader, LogWay.RS_FASTLOG: FastLogReader}
        way = self._supply.dialect.log
        if way is None:
            raise NotPossible(f"instrument {self._supply.name} has no fast current log",
                              remedy="sample the current instead")
        if not math.isfinite(rate_hz) or rate_hz <= 0:
            raise RigError(f"{self._where}: current cannot be logged at {rate_hz} samples a second")
        self._supply.ready(self.channel)
        log = ways[way](self._supply.conversation, self.channel)
        true_hz = log.start_hz(rate_hz)
        self._supply.logs[self.channel] = log
        return true_hz

    def read_current_log(self) -> tuple[float, ...]:
        """What was logged since the last reading, in ampere."""
        log = self._supply.logs.get(self.channel)
        if log is None:
            raise RigError(f"{self._where}: no current log runs",
                           remedy="the dialogue was begun anew: start the log again")
        self._supply.ready(self.channel)
        return log.read()

    def stop_current_log(self) -> None:
        """End the log; harmless when none runs."""
        log = self._supply.logs.pop(self.channel, None)
        if log is not None:
            self._supply.ready(self.channel)
            log.stop()

    def log_current(self, seconds: float, rate_hz: float) -> CurrentLog:
        """A log of so many seconds in one go; nothing else can be asked of the supply meanwhile."""
        true_hz = self.start_current_log_hz(rate_hz)
        wanted = max(1, round(seconds * true_hz))
        samples: list[float] = []
        until = time.monotonic() + 2 * seconds + 2.0
        try:
            while len(samples) < wanted:
                samples += self.read_current_log()
                if time.monotonic() > until:
                    raise RigError(f"{self._where}: its log gave {len(samples)} of {wanted} samples",
                                   remedy="check that this model has the fast log")
                time.sleep(_LOG_POLL_S if len(samples) < wanted else 0)
        finally:
            self.stop_current_log()
        return CurrentLog(true_hz, tuple(samples[:wanted]))

    @property
    def _where(self) -> str:
        return f"instrument {self._supply.name}, channel {self.channel}"

    def _set(self, commands: tuple[str, ...], query: Query, value: float, unit: str,
             tolerance: float) -> None:
        """Set one figure and compare what the supply says afterwards."""
        if not math.isfinite(value) or value < 0:
            raise RigError(f"{self._where}: {value} {unit} cannot be set")
        for command in commands:
            self._supply.command(self.channel, command, f"{value:.{self._supply.dialect.digits}f}")
        answer = self._supply.ask_number(self.channel, query)
        if abs(answer - value) > tolerance:
            raise RigError(f"{self._where}: set to {value:g} {unit}, reads back {answer:g} {unit}",
                           remedy="the supply's range may be too small, or someone else steers it")


class ScpiSupply:
    """A supply that speaks one dialect; for one thread at a time."""

    __slots__ = ("_channels", "_forgiven", "_seen", "_selected", "conversation", "dialect", "logs", "name")

    def __init__(self, name: str, dialect: Dialect, *, resource: str, identity: str | None = None,
                 channels: int | None = None, link: Link | None = None) -> None:
        """Opens the supply and checks its identification; RigError when it is not there or another."""
        self.name = name
        self.dialect = dialect
        self._selected: int | None = None
        self._seen: dict[tuple[int, str], bool] = {}  # trips of registers that forget when they are read
        self.logs: dict[int, LogReader] = {}
        self._forgiven: set[tuple[int, str]] = set()  # trips that only switching on again will clear
        link = link or Link(terminator=dialect.terminator, rate_bit_s=dialect.rate_bit_s, flow=dialect.flow,
                            gap_s=dialect.gap_s)
        self.conversation = Conversation(name, resource, dialect.manners(), link, expected=identity,
                                         renewed=self._renewed)
        self._channels = channels or self._counted()

    def identity(self) -> str:
        """The answer to *IDN? when it was last opened."""
        return self.conversation.identity

    def output(self, channel: int) -> ScpiOutput:
        """One channel, from 1."""
        if channel < 1 or (self._channels is not None and channel > self._channels):
            raise RigError(f"instrument {self.name} has no channel {channel}; it has "
                           f"{', '.join(map(str, range(1, (self._channels or 0) + 1))) or 'channels from 1'}",
                           remedy="correct the slot's power.channel in the rig file")
        return ScpiOutput(self, channel)

    def close(self) -> None:
        """Give the connection back; outputs stay as they are."""
        self.conversation.close()

    def command(self, channel: int, template: str, value: str = "") -> None:
        """Select the channel, send one command and read the error queue."""
        self._select(channel, always=True)
        self.conversation.tell(template.format(channel=channel, value=value))

    def command_first(self, channel: int, template: str) -> list[str]:
        """Select the channel and send one command whatever the error queue holds; what it held is
        logged and returned."""
        self._select(channel, always=True, look_at_queue=False)
        return self.conversation.tell_first(template.format(channel=channel))

    def switch_on(self, channel: int) -> None:
        """Switch one output on, and no other with it."""
        master = self.dialect.master
        if master is not None and not self.ask_flag(channel, master.state):
            for other in range(1, (self._channels or channel) + 1):
                if other != channel:  # it would come on with the master switch
                    self.command(other, self.dialect.output_off)
        self._forgiven = {trip for trip in self._forgiven if trip[0] != channel}
        self.command(channel, self.dialect.output_on)
        if master is not None:
            self.command(channel, master.on)

    def trip(self, channel: int) -> str | None:
        """The first protection that has tripped, by name."""
        trips = self.dialect.trips
        self._select(channel)
        flags = self.conversation.flags([trip.flag for trip in trips], channel)
        for trip, now in zip(trips, flags, strict=True):
            key = (channel, trip.name)
            self._seen[key] = now or (trip.flag.event and self._seen.get(key, False))
        tripped = [trip.name for trip in trips if self._seen[channel, trip.name]]
        return next((name for name in tripped if (channel, name) not in self._forgiven), None)

    def forget_trips(self, channel: int) -> None:
        """Clear all protections of one channel."""
        for trip in self.dialect.trips:
            self._seen.pop((channel, trip.name), None)
            if not (trip.clear and trip.sure):
                self._forgiven.add((channel, trip.name))
        sure = {command: trip.sure for trip in self.dialect.trips for command in trip.clear}
        for command, known in sure.items():
            (self.command if known else self.command_first)(channel, command)

    def ready(self, channel: int) -> None:
        """The dialogue is open and the channel selected."""
        self._select(channel)

    def ask_number(self, channel: int, query: Query) -> float:
        """One figure of one channel."""
        self._select(channel)
        return self.conversation.number(query, channel)

    def ask_flag(self, channel: int, flag: Flag) -> bool:
        """One yes or no of one channel."""
        self._select(channel)
        return self.conversation.flag(flag, channel)

    def _select(self, channel: int, *, always: bool = False, look_at_queue: bool = True) -> None:
        """Make the channel the selected one; before settings always, in case someone else has changed it."""
        self.conversation.ready()  # a dialogue begun anew forgets what was selected
        if self.dialect.select is None or (self._selected == channel and not always):
            return
        self._selected = None
        command = self.dialect.select.format(channel=channel)
        if look_at_queue:
            self.conversation.tell(command)
        else:
            self.conversation.tell_first(command)
        if self.dialect.selected is not None:
            answer = self.conversation.number(self.dialect.selected)
            if answer != channel:
                raise RigError(f"instrument {self.name}: channel {channel} was selected, it says {answer:g}",
                               remedy="correct the slot's power.channel in the rig file")
        self._selected = channel

    def _renewed(self) -> None:
        self._selected = None
        self.logs.clear()

    def _counted(self) -> int | None:
        for pattern, count in self.dialect.counts.items():
            if re.search(pattern, self.conversation.identity, re.IGNORECASE):
                return count
        return self.dialect.channels
