"""A person who works the maker's tool, asked through the controller of the run or by `cellbench answer`."""

from __future__ import annotations

from collections.abc import Mapping

from cellbench.base.errors import OperatorError, Owner, RigError
from cellbench.base.protocols import Prompter
from cellbench.instruments.flasher.command import no_pins
from cellbench.instruments.flasher.model import Began, Ending, FlashJob, Said, Tell
from cellbench.instruments.flasher.settings import ManualFlasherSettings
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import checked

KIND = "flasher.manual"
PASSED, FAILED, CANNOT, WAITS = "passed", "failed", "cannot", "waits"
_PATIENCE_S = 1800.0


class ManualFlasher:
    """A person with a tool (Flasher, AsksPeople)."""

    __slots__ = ("_prompter", "_settings", "is_here", "is_told_the_place", "name")

    def __init__(self, name: str, settings: ManualFlasherSettings) -> None:
        self.name = name
        self.is_here = False
        self.is_told_the_place = True
        self._settings = settings
        self._prompter: Prompter | None = None

    def meet(self, prompter: Prompter) -> None:
        """Ask by this prompter from now on."""
        self._prompter = prompter

    def identity(self) -> str:
        """What stands in reports."""
        return f"a person with {self._settings.tool}"

    def flash(self, job: FlashJob, tell: Tell) -> Ending:
        """Ask the person to do it, and how it ended. OperatorError when nobody answers, RigError when the
        person cannot."""
        where = f", USB location {job.location}" if job.location else ""
        image = f"{job.image} (version {job.version}, SHA-256 {job.sha256[:16]}...)"
        if job.tool_first:
            self._ask(f"Load {image} into {self._settings.tool} and start it, so that it waits for the "
                      "module.", job, tell, (WAITS, CANNOT))
            tell(Began(self.identity()))
            question = "The module is on now. When the tool has ended: how?"
        else:
            tell(Began(self.identity()))
            question = (f"Write {image} to the module of slot {job.slot}{where} with {self._settings.tool}. "
                        "When it has ended: how?")
        answer = self._ask(question, job, tell, (PASSED, FAILED, CANNOT))
        if answer == PASSED:
            return Ending(None, "the person says that it passed")
        return Ending(Owner.UNIT, "the person says that it failed", remedy="see what the tool shows")

    def close(self) -> None:
        """Nothing is held open."""

    def _ask(self, question: str, job: FlashJob, tell: Tell, answers: tuple[str, ...]) -> str:
        if self._prompter is None:
            raise OperatorError(f"{self.name}: nobody can be asked here", remedy="use it through a run")
        answer = self._prompter.ask(question, about=job.slot, answers=answers,
                                    within_s=self._settings.answer_within_s)
        tell(Said(f"{question} {answer}\n".encode()))
        if answer == CANNOT:
            raise RigError(f"{self.name}: the person cannot use {self._settings.tool}",
                           remedy="mend it, or take the flasher out of the rig file")
        return answer


def _opener(name: str, settings: Mapping[str, object]) -> ManualFlasher:
    return ManualFlasher(name, checked(ManualFlasherSettings, KIND, name, settings))


def _equipment(settings: Mapping[str, object]) -> str:
    return f"flasher:person:{settings['tool']}"


def _patience(settings: Mapping[str, object]) -> float:
    return float(str(settings.get("answer_within_s", _PATIENCE_S)))


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.FLASHER, settings=ManualFlasherSettings, open=_opener,
    equipment=_equipment, pins=no_pins,
    models=("a person with ResearchDownload (LENA-R8), EasyFlash (LARA-R6) or another tool",),
    source="LENA-R8 guide 11.3.2, Short instructions: the person is asked in words",
    abilities=frozenset({Ability.FLASH}),
    doubts="nothing but the version afterwards confirms what the person says",
    answer_within_s=_patience),)
