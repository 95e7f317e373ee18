"""Supplies that speak SCPI: one engine, models as declarations.

A dialect is a table of command templates: ``{channel}`` is the channel's number, ``{value}`` the
figure. After each setting the error queue is read (SCPI-1999 volume 2, 21.8) and the setting is read
back; a supply that took something else than it was told is a rig error.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cellbench.base.errors import NotPossible, RigError
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import ScpiSupplySettings, checked
from cellbench.instruments.supply.visa import VisaSession

_log = logging.getLogger(__name__)
_MAX_QUEUE = 30  # error queues hold 10 to 20 entries; more means that the answer is not a queue entry
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SCPI_NAN = 9.9e37  # SCPI-1999 volume 1, 7.2.1.5: 9.91E37 is "not a number", 9.9E37 infinity


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family of supplies wants to be told things; None: the family cannot.

    ``identity`` is a pattern that the whole *IDN? answer must match. ``select`` is None where every
    template carries the channel itself.
    """

    kind: str
    models: str
    source: str
    identity: str = r".+"
    channels: int | None = None
    select: str | None = "INST:NSEL {channel}"
    selected: str | None = "INST:NSEL?"
    set_voltage: str = "VOLT {value}"
    voltage: str = "VOLT?"
    set_current: str = "CURR {value}"
    current: str = "CURR?"
    output_on: str = "OUTP ON"
    output_off: str = "OUTP OFF"
    output: str = "OUTP?"
    measure_voltage: str = "MEAS:VOLT?"
    measure_current: str | None = "MEAS:CURR?"
    set_over_voltage: str | None = "VOLT:PROT {value}"
    over_voltage: str | None = "VOLT:PROT?"
    current_trip: str | None = "CURR:PROT:TRIP?"
    voltage_trip: str | None = None
    clear_trip: str | None = "OUTP:PROT:CLE"
    error: str = "SYST:ERR?"
    greeting: tuple[str, ...] = ("*CLS",)
    terminator: str = "\n"
    digits: int = 3
    tolerance: float = 0.006  # volt or ampere between what was asked for and what is read back


GENERIC = Dialect(
    kind="supply.scpi-generic",
    models="any supply with the SCPI-1999 commands below",
    source="SCPI-1999 volume 2: INSTrument, SOURce:VOLTage and :CURRent, OUTPut, MEASure, SYSTem:ERRor",
)

DIALECTS: tuple[Dialect, ...] = (GENERIC,)


class ScpiOutput:
    """One channel of a SCPI supply."""

    __slots__ = ("_supply", "channel")

    def __init__(self, supply: ScpiSupply, channel: int) -> None:
        self._supply = supply
        self.channel = channel

    def set_voltage_v(self, volts: float) -> None:
        """Set the output voltage, in volt, and read it back."""
        dialect = self._supply.dialect
        self._supply.set_value(self.channel, dialect.set_voltage, dialect.voltage, volts, "V")

    def set_current_limit_a(self, amperes: float) -> None:
        """Set the current limit, in ampere, and read it back."""
        dialect = self._supply.dialect
        self._supply.set_value(self.channel, dialect.set_current, dialect.current, amperes, "A")

    def set_over_voltage_v(self, volts: float) -> None:
        """Set the over-voltage protection, in volt; NotPossible where the dialect has none."""
        dialect = self._supply.dialect
        if dialect.set_over_voltage is None or dialect.over_voltage is None:
            raise NotPossible(f"instrument {self._supply.name} has no over-voltage protection")
        self._supply.set_value(self.channel, dialect.set_over_voltage, dialect.over_voltage, volts, "V")

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
        where = f"instrument {self._supply.name}, channel {self.channel}"
        if not on:
            errors = self._supply.command_first(self.channel, self._supply.dialect.output_off)
            if self.is_enabled():
                why = "; ".join(errors) or "its error queue gives no reason"
                raise RigError(f"{where}: the output stays on: {why}",
                               remedy="switch it off at the supply's front panel")
            return
        self._supply.command(self.channel, self._supply.dialect.output_on)
        if not self.is_enabled():
            trip = self.tripped()
            why = f": the {trip} protection has tripped" if trip else ""
            raise RigError(f"{where}: the output stays off{why}", remedy="look at the supply's front panel")

    def is_enabled(self) -> bool:
        """True while the output is on."""
        return self._supply.ask_bool(self.channel, self._supply.dialect.output)

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
        dialect = self._supply.dialect
        for name, query in (("over-current", dialect.current_trip), ("over-voltage", dialect.voltage_trip)):
            if query is not None and self._supply.ask_bool(self.channel, query):
                return name
        return None

    def clear_trip(self) -> None:
        """Clear a tripped protection and see that it is cleared; the output stays off."""
        if self._supply.dialect.clear_trip is None:
            raise NotPossible(f"instrument {self._supply.name} cannot clear a trip from remote")
        self._supply.command(self.channel, self._supply.dialect.clear_trip)
        trip = self.tripped()
        if trip is not None:
            raise RigError(f"instrument {self._supply.name}, channel {self.channel}: the {trip} trip stays",
                           remedy="look for a short in the wiring of the slot")


class ScpiSupply:
    """A supply that speaks one dialect of SCPI; for one thread at a time."""

    __slots__ = ("_channels", "_expected", "_identity", "_selected", "_session", "dialect", "name")

    def __init__(self, name: str, dialect: Dialect, *, resource: str, identity: str | None = None,
                 channels: int | None = None, timeout_s: float = 2.0) -> None:
        """Opens the supply and checks its identification; RigError when it is not there or another."""
        self.name = name
        self.dialect = dialect
        self._expected = identity
        self._channels = channels if channels is not None else dialect.channels
        self._identity = ""
        self._selected: int | None = None
        self._session = VisaSession(name, resource, timeout_s=timeout_s, terminator=dialect.terminator,
                                    greet=self._greet)
        self._session.open()

    def identity(self) -> str:
        """The answer to *IDN? when it was last opened."""
        return self._identity

    def output(self, channel: int) -> ScpiOutput:
        """One channel, from 1."""
        if channel < 1 or (self._channels is not None and channel > self._channels):
            raise RigError(f"instrument {self.name} has no channel {channel}; it has "
                           f"{', '.join(map(str, range(1, (self._channels or 0) + 1))) or 'channels from 1'}",
                           remedy="correct the slot's power.channel in the rig file")
        return ScpiOutput(self, channel)

    def close(self) -> None:
        """Give the connection back; outputs stay as they are."""
        self._session.close()

    def command(self, channel: int, template: str, value: str = "") -> None:
        """Select the channel, send one command and read the error queue."""
        self._select(channel, always=True)
        command = template.format(channel=channel, value=value)
        self._session.write(command)
        self._check_queue(command)

    def command_first(self, channel: int, template: str) -> list[str]:
        """Select the channel and send one command whatever the error queue holds; what it held is
        logged and returned."""
        self._select(channel, always=True, look_at_queue=False)
        self._session.write(template.format(channel=channel))
        errors = self._queue()
        for error in errors:
            _log.warning("instrument %s had in its error queue: %s", self.name, error)
        return errors

    def set_value(self, channel: int, template: str, query: str, value: float, unit: str) -> None:
        """Set one figure and compare what the supply says afterwards."""
        if not math.isfinite(value) or value < 0:
            raise RigError(f"instrument {self.name}, channel {channel}: {value} {unit} cannot be set")
        self.command(channel, template, f"{value:.{self.dialect.digits}f}")
        answer = self.ask_number(channel, query)
        if abs(answer - value) > self.dialect.tolerance:
            raise RigError(f"instrument {self.name}, channel {channel}: set to {value:g} {unit}, "
                           f"reads back {answer:g} {unit}",
                           remedy="the supply's range may be too small, or someone else steers it")

    def ask_number(self, channel: int, query: str) -> float:
        """One figure of one channel."""
        answer = self._ask(channel, query)
        match = _NUMBER.match(answer)
        if match is None or abs(float(match.group())) >= _SCPI_NAN:
            raise self._unclear(query, answer, "a number")
        return float(match.group())

    def ask_bool(self, channel: int, query: str) -> bool:
        """One yes or no of one channel."""
        answer = self._ask(channel, query)
        word = answer.upper().strip('"')
        if word in {"1", "+1", "ON"}:
            return True
        if word in {"0", "+0", "OFF"}:
            return False
        raise self._unclear(query, answer, "0 or 1")

    def _ask(self, channel: int, query: str) -> str:
        self._select(channel)
        return self._session.query(query.format(channel=channel))

    def _select(self, channel: int, *, always: bool = False, look_at_queue: bool = True) -> None:
        """Make the channel the selected one; before settings always, in case someone else has changed it."""
        self._session.open()  # a session opened anew forgets what was selected
        if self.dialect.select is None or (self._selected == channel and not always):
            return
        self._selected = None
        command = self.dialect.select.format(channel=channel)
        self._session.write(command)
        if look_at_queue:
            self._check_queue(command)
        if self.dialect.selected is not None:
            answer = self._session.query(self.dialect.selected)
            if not answer.lstrip("+").isdecimal() or int(answer) != channel:
                raise RigError(f"instrument {self.name}: channel {channel} was selected, it says {answer!r}",
                               remedy="correct the slot's power.channel in the rig file")
        self._selected = channel

    def _check_queue(self, command: str) -> None:
        """Read the error queue until it is empty; anything in it is an error of this command."""
        errors = self._queue()
        if errors:
            raise RigError(f"instrument {self.name} refused {command!r}: {'; '.join(errors[:5])}",
                           remedy=f"check that the kind {self.dialect.kind} fits this model")

    def _queue(self) -> list[str]:
        """All entries of the error queue, which is empty afterwards."""
        errors: list[str] = []
        for _ in range(_MAX_QUEUE):
            answer = self._session.query(self.dialect.error)
            number = answer.partition(",")[0].strip()
            if not number.lstrip("+-").isdecimal():
                self._session.close()  # not an error queue's answer: the dialogue is out of step
                return [*errors, answer]
            if int(number) == 0:
                break
            errors.append(answer)
        return errors

    def _greet(self, session: VisaSession) -> None:
        self._selected = None
        for command in self.dialect.greeting:
            session.write(command)
        identity = session.query("*IDN?")
        expected = self._expected
        if expected is not None and not identity.startswith(expected):
            raise RigError(f"instrument {self.name} ({session.resource}) says it is {identity!r}, "
                           f"the rig file expects {expected!r}",
                           remedy="correct the address or the identity in the rig file")
        if re.fullmatch(self.dialect.identity, identity) is None:
            raise RigError(f"instrument {self.name} ({session.resource}) says it is {identity!r}, which is "
                           f"none of {self.dialect.models}", remedy="choose the kind that fits the model")
        self._identity = identity

    def _unclear(self, query: str, answer: str, wanted: str) -> RigError:
        self._session.close()  # perhaps the answer of an earlier query: start a new dialogue
        return RigError(f"instrument {self.name} answered {answer!r} to {query!r}, not {wanted}",
                        remedy=f"check that the kind {self.dialect.kind} fits this model")


def _equipment(settings: Mapping[str, object]) -> str:
    return f"visa:{str(settings['resource']).upper()}"


def _kind(dialect: Dialect) -> InstrumentKind:
    def opener(name: str, settings: Mapping[str, object]) -> ScpiSupply:
        stated = checked(ScpiSupplySettings, dialect.kind, name, settings)
        return ScpiSupply(name, dialect, resource=stated.resource, identity=stated.identity,
                          channels=stated.channels, timeout_s=stated.timeout_s)

    def pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
        stated = settings.get("channels")
        return (stated if isinstance(stated, int) else dialect.channels), 0

    return InstrumentKind(kind=dialect.kind, serves=InstrumentClass.SUPPLY, settings=ScpiSupplySettings,
                          open=opener, equipment=_equipment, pins=pins,
                          models=(dialect.models,), source=dialect.source, abilities=_abilities(dialect))


def _abilities(dialect: Dialect) -> frozenset[Ability]:
    able = {Ability.SET_VOLTAGE, Ability.LIMIT_CURRENT, Ability.MEASURE_VOLTAGE, Ability.ERROR_QUEUE}
    having = {Ability.MEASURE_CURRENT: dialect.measure_current,
              Ability.OVER_VOLTAGE: dialect.set_over_voltage, Ability.OVER_CURRENT: dialect.current_trip,
              Ability.TELL_TRIP: dialect.current_trip or dialect.voltage_trip}
    return frozenset(able | {ability for ability, command in having.items() if command is not None})


KINDS: tuple[InstrumentKind, ...] = tuple(_kind(dialect) for dialect in DIALECTS)
