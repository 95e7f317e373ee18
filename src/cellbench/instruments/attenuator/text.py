"""Step attenuators that are told lines of text: Mini-Circuits over TCP, and others by templates.

Mini-Circuits RCDAT, RC4DAT and RUDAT (Programming Manual, Programmable Attenuators, Ethernet control by
Telnet): `:SETATT=<dB>` and `:CHAN:<n>:SETATT:<dB>` answer 1 when the attenuation was taken, `:ATT?` and
`:CHAN:<n>:ATT?` give it, `:MN?` the model as `MN=<model>`. Commands end in CR LF. They keep no error queue;
the model, whose answer is unlike any figure, is asked after each exchange to see that both are in step.

`attenuator.serial` says nothing of its own: which lines set and ask is stated in the rig file, from the
attenuator's manual.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cellbench.base.errors import RigError
from cellbench.instruments.conversation import Conversation, ErrorQuery, Manners, Query
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import AttenuatorSettings, SerialAttenuatorSettings, checked
from cellbench.instruments.visa import Link

_MOST_DB = 140.0


@dataclass(frozen=True, slots=True)
class Words:
    """How one attenuator is told things; ``{channel}`` and ``{value}`` stand for the figures.

    ``accepted`` None: setting has no answer.
    """

    set: str
    ask: Query
    accepted: str | None
    digits: int
    tolerance_db: float


ONE = Words(":SETATT={value}", Query(":ATT?"), "1", 2, 0.13)
SEVERAL = Words(":CHAN:{channel}:SETATT:{value}", Query(":CHAN:{channel}:ATT?"), "1", 2, 0.13)
MINI_CIRCUITS = Manners(
    "attenuator.scpi", "Mini-Circuits RCDAT, RC4DAT, RUDAT with Ethernet",
    identity=r"MN=\S+", greeting=(), identify=":MN?", errors=(ErrorQuery(":MN?", r"MN=\S+"),))


class TextAttenuator:
    """One attenuator; for one thread at a time."""

    __slots__ = ("_channels", "_talk", "_words", "name")

    def __init__(self, name: str, resource: str, manners: Manners, words: Words, link: Link, *,
                 channels: int = 1, expected: str | None = None) -> None:
        """Opens it and checks what it says it is; RigError when it is not there or another."""
        self.name = name
        self._words = words
        self._channels = channels
        self._talk = Conversation(name, resource, manners, link, expected=expected)

    def identity(self) -> str:
        """What it says it is, or how it is told things when it cannot say."""
        return self._talk.identity or "attenuator by templates"

    def set_attenuation_db(self, channel: int, decibel: float) -> None:
        """Set one channel, from 1, in decibel, and read it back."""
        where = self._where(channel)
        if not math.isfinite(decibel) or not 0 <= decibel <= _MOST_DB:
            raise RigError(f"{where}: {decibel} dB cannot be set",
                           remedy=f"give 0 to {_MOST_DB:g} dB, and not above the model's own range")
        command = self._words.set.format(channel=channel, value=f"{decibel:.{self._words.digits}f}")
        self._talk.ready()
        if self._words.accepted is None:
            self._talk.tell(command)
        else:
            answer = self._talk.text(command)
            if answer != self._words.accepted:
                raise RigError(f"{where} answered {answer!r} to {command!r}, not {self._words.accepted!r}",
                               remedy="look up the model's range and step")
        found = self.attenuation_db(channel)
        if abs(found - decibel) > self._words.tolerance_db:
            raise RigError(f"{where}: set to {decibel:g} dB, reads back {found:g} dB",
                           remedy="look up the model's range and step")

    def attenuation_db(self, channel: int) -> float:
        """The attenuation of one channel, in decibel."""
        self._where(channel)
        self._talk.ready()
        return self._talk.number(self._words.ask, channel)

    def close(self) -> None:
        """Give the connection back; the attenuation stays."""
        self._talk.close()

    def _where(self, channel: int) -> str:
        if not 1 <= channel <= self._channels:
            raise RigError(f"instrument {self.name} has no channel {channel}; it has 1 to {self._channels}",
                           remedy="correct the channel, or channels of the instrument, in the rig file")
        return f"instrument {self.name}, channel {channel}"


def _open_mini_circuits(name: str, settings: Mapping[str, object]) -> TextAttenuator:
    stated = checked(AttenuatorSettings, MINI_CIRCUITS.kind, name, settings)
    link = Link(stated.timeout_s, "\r\n", stated.rate_bit_s or 9600, stated.flow or "none")
    words = ONE if stated.channels == 1 else SEVERAL
    return TextAttenuator(name, stated.resource, MINI_CIRCUITS, words, link, channels=stated.channels,
                          expected=stated.identity)


def _open_serial(name: str, settings: Mapping[str, object]) -> TextAttenuator:
    stated = checked(SerialAttenuatorSettings, "attenuator.serial", name, settings)
    words = Words(stated.set, Query(stated.ask, stated.answer), stated.accepted, stated.digits,
                  stated.tolerance_db)
    manners = Manners("attenuator.serial", "what the rig file states", greeting=(), errors=(),
                      identify=stated.identify or "")
    end = {"lf": "\n", "cr": "\r", "cr-lf": "\r\n"}[stated.line_end]
    link = Link(stated.timeout_s, end, stated.rate_bit_s or 9600, stated.flow or "none")
    return TextAttenuator(name, stated.resource, manners, words, link, channels=stated.channels,
                          expected=stated.identity)


def _equipment(settings: Mapping[str, object]) -> str:
    return f"visa:{str(settings['resource']).upper()}"


def _channels(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    stated = settings.get("channels", 1)
    return (stated if isinstance(stated, int) else None), 0


KINDS: tuple[InstrumentKind, ...] = (
    InstrumentKind(
        kind=MINI_CIRCUITS.kind, serves=InstrumentClass.ATTENUATOR, settings=AttenuatorSettings,
        open=_open_mini_circuits, equipment=_equipment, pins=_channels, models=(MINI_CIRCUITS.models,),
        source="Mini-Circuits Programming Manual, Programmable Attenuators, Ethernet control: commands by "
               "public drivers of RCDAT and RC4DAT",
        abilities=frozenset({Ability.ATTENUATE, Ability.READ_BACK}),
        doubts="the manual's text was not found; the leading colon and CR LF are as public drivers send "
               "them"),
    InstrumentKind(
        kind="attenuator.serial", serves=InstrumentClass.ATTENUATOR, settings=SerialAttenuatorSettings,
        open=_open_serial, equipment=_equipment, pins=_channels,
        models=("any attenuator that is told lines of text",),
        source="what the rig file states, from its manual",
        abilities=frozenset({Ability.ATTENUATE, Ability.READ_BACK}),
        doubts="nothing tells a late answer from a timely one but the form that `answer` states"),
)
