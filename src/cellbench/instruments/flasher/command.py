"""A flashing tool on this host: its command line, run without a shell.

The makers' tools are ResearchDownload (LENA-R8 guide 11.3) and EasyFlash (LARA-R6 data sheet): programs for
Windows, so that a rig on Linux runs a tool of its own here, or reaches them by `flasher.ssh` or a person.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence

from cellbench.base.errors import Owner, RigError
from cellbench.instruments.flasher.child import TimedOut, run_child
from cellbench.instruments.flasher.model import Began, Ending, FlashJob, Progress, Said, Tell
from cellbench.instruments.flasher.settings import CommandFlasherSettings, ToolSettings, filled
from cellbench.instruments.flasher.words import ToolWords
from cellbench.instruments.kinds import Ability, InstrumentClass, InstrumentKind
from cellbench.instruments.settings import checked

KIND = "flasher.command"
_ABILITIES = frozenset({Ability.FLASH, Ability.TELL_PROGRESS})


class CommandFlasher:
    """A program on this host; for one thread at a time."""

    __slots__ = ("_program", "_settings", "is_here", "is_told_the_place", "name")

    def __init__(self, name: str, settings: CommandFlasherSettings) -> None:
        """RigError when the program is not there."""
        self.name = name
        self.is_here = True
        self.is_told_the_place = bool({"port", "location"} & settings.used())
        self._settings = settings
        self._program = find_program(name, settings.command[0])

    def identity(self) -> str:
        """The program's path."""
        return self._program

    def flash(self, job: FlashJob, tell: Tell) -> Ending:
        """Run the program to its end; what ``tell`` raises ends it and comes out of here."""
        command = [self._program, *arguments(self.name, self._settings, job, str(job.image))]
        return run_tool(self.name, command, shlex.join(command), self._settings, tell)

    def close(self) -> None:
        """Nothing is held open."""


def find_program(name: str, program: str) -> str:
    """A program's path; RigError that names the instrument when it is not there."""
    found = shutil.which(os.path.expanduser(program))
    if found is None:
        raise RigError(f"instrument {name} cannot be used: the program {program} is not installed, or may "
                       "not be run", remedy=f"install it, or name its path first in the command of {name}")
    return found


def arguments(name: str, settings: ToolSettings, job: FlashJob, image: str) -> list[str]:
    """The arguments behind the program, filled in; RigError when the slot does not say what they need."""
    rate = "" if job.rate_bit_s is None else str(job.rate_bit_s)
    values = {"image": image, "port": job.port, "location": job.location, "rate": rate}
    missing = [one for one in sorted(settings.used()) if not values[one]]
    if missing:
        raise RigError(f"the command of {name} has {{{missing[0]}}}, and slot {job.slot} does not say it",
                       remedy=f"see slots.{job.slot}.flasher in docs/rig-file.md")
    return [filled(argument, values) for argument in settings.command[1:]]


def run_tool(name: str, command: Sequence[str], shown: str, settings: ToolSettings, tell: Tell) -> Ending:
    """Run a command whose words and exit code the settings explain; the trace says ``shown`` of it."""
    words = ToolWords(settings)

    def take(data: bytes) -> None:
        tell(Said(data))
        for percent in words.receive(data):
            tell(Progress(percent))

    try:
        code = run_child(command, take, settings.timeout_s, began=lambda: tell(Began(shown)))
    except TimedOut:
        told = f"it had not ended after {settings.timeout_s:g} s and was ended; it said: {words.last}"
        return Ending(Owner.RIG, told, remedy="see what it waits for, or give it more in timeout_s")
    for percent in words.end():
        tell(Progress(percent))
    return words.ending(code)


def _opener(name: str, settings: Mapping[str, object]) -> CommandFlasher:
    return CommandFlasher(name, checked(CommandFlasherSettings, KIND, name, settings))


def _equipment(settings: Mapping[str, object]) -> str:
    command = settings["command"]
    return f"flasher:{command[0] if isinstance(command, list | tuple) else command}"


def no_pins(settings: Mapping[str, object]) -> tuple[int | None, int | None]:
    """A flasher has neither contacts nor channels."""
    return None, 0


KINDS: tuple[InstrumentKind, ...] = (InstrumentKind(
    kind=KIND, serves=InstrumentClass.FLASHER, settings=CommandFlasherSettings, open=_opener,
    equipment=_equipment, pins=no_pins,
    models=("any program that writes an image and says so",),
    source="no manual: the command line, words and exit codes are the rig file's (LENA-R8 guide 11.3.2)",
    abilities=_ABILITIES,
    doubts="the makers' tools publish neither a command line nor exit codes",),)
