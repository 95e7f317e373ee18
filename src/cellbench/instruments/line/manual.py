"""Lines that a person works: a button to press, a jumper to close.

The person is asked through the controller of the run or by `cellbench answer`. What a contact is before the
first question is not known, so its first release is asked for as well; from then on only changes are.
Nothing can be read, and nothing is timed: a pulse is one question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from cellbench.base.errors import NotPossible, OperatorError, RigError
from cellbench.base.protocols import Prompter
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import InstrumentSettings, Text, checked

DONE = "done"
CANNOT = "cannot"
ANSWER_WITHIN_S = 120.0
_SHORTEST_S = 0.1
_EASY_S = 0.5  # nobody presses for less
_SURE = 1.2  # a person's second is short


class ManualLineSettings(InstrumentSettings):
    """Lines that a person works."""

    contacts: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64)]
    """What each contact is to the person, from pin 0: `button PWR_ON of the board`, `jumper J5`."""
    answer_within_s: Annotated[float, Field(ge=1, le=3600)] = ANSWER_WITHIN_S
    """How long to wait for the person's answer, in seconds."""


class ManualLines:
    """A person beside the slot (LineBoard, AsksPeople, PulsesByHand)."""

    __slots__ = ("_closed", "_contacts", "_prompter", "_within_s", "name")

    def __init__(
        self, name: str, *, contacts: tuple[str, ...], answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self.name = name
        self._contacts = contacts
        self._within_s = answer_within_s
        self._closed: dict[int, bool] = {}
        self._prompter: Prompter | None = None

    def meet(self, prompter: Prompter) -> None:
        """Ask by this prompter from now on."""
        self._prompter = prompter

    def identity(self) -> str:
        """What stands in reports."""
        return f"a person, {len(self._contacts)} contacts"

    def drive(self, pin: int, closed: bool) -> None:
        """Have the person close or open a contact; nothing is asked when it is known to be so already.

        Raises OperatorError when nobody answers, RigError when the person cannot.
        """
        contact = self._contact(pin)
        if self._closed.get(pin) is closed:
            return
        known = pin in self._closed
        release = "Open or let go" if known else "See that it is open and that nobody holds it"
        self._ask(f"{'Close or hold down' if closed else release}: {contact}.", contact)
        self._closed[pin] = closed

    def pulse(self, pin: int, seconds: float, closed: bool) -> None:
        """Have the person work a contact for about ``seconds``; errors as ``drive``. NotPossible for a pulse
        that must be shorter than a person's."""
        contact = self._contact(pin)
        if seconds < _SHORTEST_S:
            raise NotPossible(f"{self.name}: no person works {contact} for {seconds:g} s",
                              remedy="wire the line to a board")
        first, then = ("Press or close", "let go or open") if closed else ("Open", "close")
        asked = max(_EASY_S, seconds * _SURE)
        self._ask(f"{first} it for {asked:.1f} s, then {then} it again: {contact}.", contact)
        self._closed[pin] = not closed

    def is_closed(self, pin: int) -> bool:
        """As the person said last; what nobody has touched counts as open."""
        self._contact(pin)
        return self._closed.get(pin, False)

    def read(self, input: int) -> bool:
        """RigError: a person watches nothing that changes in milliseconds."""
        raise RigError(f"{self.name}: a person reads no inputs", remedy="wire the line to a board")

    def close(self) -> None:
        """Nothing is held open."""

    def _contact(self, pin: int) -> str:
        if not 0 <= pin < len(self._contacts):
            last = len(self._contacts) - 1
            raise RigError(f"{self.name} has no contact {pin}", remedy=f"it has 0 to {last}")
        return self._contacts[pin]

    def _ask(self, question: str, contact: str) -> None:
        if self._prompter is None:
            raise OperatorError(f"{self.name}: nobody can be asked here", remedy="use it through a run")
        answer = self._prompter.ask(
            question, about=self.name, answers=(DONE, CANNOT), within_s=self._within_s
        )
        if answer != DONE:
            raise RigError(f"{self.name}: the person cannot work {contact}",
                           remedy="mend it, or take the line out of the rig file")


def _opener(name: str, settings: Mapping[str, object]) -> ManualLines:
    contacts = settings.get("contacts")
    plain = {**settings, "contacts": tuple(contacts) if isinstance(contacts, list) else contacts}
    stated = checked(ManualLineSettings, "line.manual", name, plain)
    return ManualLines(name, contacts=stated.contacts, answer_within_s=stated.answer_within_s)


def _equipment(settings: Mapping[str, object]) -> str:
    contacts = settings["contacts"]
    return f"manual:{'|'.join(map(str, contacts)) if isinstance(contacts, list | tuple) else contacts}"


def _pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    contacts = settings["contacts"]
    return (len(contacts), 0) if isinstance(contacts, list | tuple) else (None, 0)


def _patience(settings: Mapping[str, object]) -> float:
    return float(str(settings.get("answer_within_s", ANSWER_WITHIN_S)))


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind="line.manual", serves=InstrumentClass.LINE, settings=ManualLineSettings, open=_opener,
    equipment=_equipment, pins=_pins,
    models=("a person with a button, a jumper or a wire",),
    source="no manual: the person is asked in words",
    abilities=frozenset({Ability.DRIVE}),
    doubts="when a pulse began and ended is not known, so boot times are not taken from it",
    answer_within_s=_patience),)
