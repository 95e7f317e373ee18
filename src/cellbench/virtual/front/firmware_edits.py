"""A firmware's own ways: what overlays say of it, worked into the answers of a port.

The handlers answer as the catalogue and the settings have it; where an overlay has an edit for a command
line, the lines and the code that they gave are held back, edited, and printed in the firmware's own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellbench.catalogue.overlay import Edit, Overlay, filled, fits

if TYPE_CHECKING:
    from cellbench.virtual.front.port import AtPort

_EARLY_URC_S = 30.0
"""How long a final result code waits for a URC that comes before it, in the module's own time."""
_LOOK_S = 0.005


@dataclass(slots=True)
class FirmwareEdits:
    """The edits of one module, by command line; ``own_time``: their times are true ones of a module, so that
    the pace scales them."""

    by_command: dict[str, tuple[Edit, ...]] = field(default_factory=dict)
    own_time: bool = True

    @classmethod
    def of(cls, overlays: Iterable[Overlay]) -> FirmwareEdits:
        """The edits of several overlays, the later ones behind."""
        known: dict[str, tuple[Edit, ...]] = {}
        own = True
        for overlay in overlays:
            own = own and overlay.timing == "real"
            for edit in overlay.edits:
                if edit.kind != "unasked":
                    known[edit.command] = (*known.get(edit.command, ()), edit)
        return cls(known, own)

    def for_line(self, line: str, behind: str) -> tuple[Edit, ...]:
        """The edits that hold for a command line behind another one."""
        found: list[Edit] = []
        for command, edits in self.by_command.items():
            if command == line or ("{" in command and fits(command, line) is not None):
                found += [one for one in edits if one.behind is None or one.behind == behind
                          or ("{" in one.behind and fits(one.behind, behind) is not None)]
        return tuple(found)


@dataclass(slots=True)
class HeldAnswer:
    """One command's answer, held back to be edited."""

    edits: tuple[Edit, ...]
    began: float
    lines: list[str] = field(default_factory=list)

    def edited_lines(self) -> list[str]:
        """The lines as the firmware gives them."""
        lines = list(self.lines)
        changed = [edit for edit in self.edits if edit.kind == "line"]
        for edit in (one for one in changed if one.of is not None):
            place = _place(lines, edit)
            if place is None:
                continue
            if edit.by is None:
                lines[place:place + 1] = []
            else:
                values = {**edit.values, **(fits(edit.of or "", lines[place]) or {})}
                lines[place] = filled(edit.by, values)
        for edit in (one for one in changed if one.of is None and one.by is not None):
            lines.insert(len(lines) if edit.place is None else edit.place, filled(edit.by or "", edit.values))
        for edit in (one for one in self.edits if one.kind == "order"):
            lines = _ordered(lines, edit.lines)
        return lines

    def edited_final(self, final: tuple[str, str]) -> str:
        """The final result code as the firmware gives it; ``final``: as it stands with +CMEE=2, and as
        the port would print it."""
        for edit in self.edits:
            if edit.kind == "final" and edit.by is not None and edit.of in (None, *final):
                return edit.by
        return final[1]

    def time_left(self, now: float, *, first: bool) -> float:
        """Seconds that the first line, or the final result code, is still away."""
        wanted = [edit.first_s if first else edit.final_s for edit in self.edits if edit.kind == "time"]
        return max((self.began + one - now for one in wanted if one is not None), default=0.0)


def _lines_of(text: str) -> list[str]:
    """The lines of an information text; a line end inside quotes is data."""
    lines = [""]
    for part in text.split("\r\n"):
        if lines[-1].count('"') % 2:
            lines[-1] += "\r\n" + part
        else:
            lines.append(part)
    return lines[1:]


def _place(lines: Sequence[str], edit: Edit) -> int | None:
    """Where the line of an edit is: at its place, else the first of its form."""
    wanted = edit.of or ""
    if edit.place is not None and edit.place < len(lines) and fits(wanted, lines[edit.place]) is not None:
        return edit.place
    return next((at for at, line in enumerate(lines) if fits(wanted, line) is not None), None)


def _ordered(lines: list[str], wanted: Sequence[str]) -> list[str]:
    """Lines that have a place in ``wanted``, in that order; the others stay where they are."""
    left = list(range(len(lines)))
    chosen: list[int] = []
    for template in wanted:
        found = next((at for at in left if fits(template, lines[at]) is not None), None)
        if found is not None:
            left.remove(found)
            chosen.append(found)
    result = list(lines)
    for slot, source in zip(sorted(chosen), chosen, strict=True):
        result[slot] = lines[source]
    return result


class PortEditing:
    """What a port's command lines are subject to: the edits of the line under way, or of the last one."""

    __slots__ = ("_before", "_edits", "active", "held")

    def __init__(self, edits: FirmwareEdits) -> None:
        self._edits = edits
        self._before = ""
        self.active: tuple[Edit, ...] = ()
        self.held: HeldAnswer | None = None

    def begin(self, line: str, now: float) -> None:
        """A command line is complete."""
        if not self._edits.by_command:
            return
        self.active = self._edits.for_line(line, self._before)
        self._before = line
        self.held = None
        if any(edit.kind != "urc" or edit.early for edit in self.active):
            self.held = HeldAnswer(self.active, now)

    def takes(self, text: str) -> bool:
        """Hold a line of information text back; False where nothing is held."""
        if self.held is None:
            return False
        self.held.lines += _lines_of(text)
        return True


async def print_held(port: AtPort, held: HeldAnswer, final: tuple[str, str]) -> str:
    """Print the edited lines in their time; the final result code to print, when its time has come.
    ``final``: as it stands with +CMEE=2, and as the port would print it."""
    port.editing.held = None
    pace = port.module.pace
    own = port.module.config.edits.own_time
    wait, scale = (pace.take, pace.factor) if own else (pace.wait, 1.0)
    now = held.began + (pace.now() - held.began) / scale  # in the firmware's own time
    lines = held.edited_lines()
    if lines:
        await wait(max(0.0, held.time_left(now, first=True)))
        for line in lines:
            port.write_info(line)
    now = held.began + (pace.now() - held.began) / scale
    await wait(max(0.0, held.time_left(now, first=False)))
    for edit in held.edits:
        if edit.kind == "urc" and edit.early and edit.of is not None:
            await _early(port, edit.of)
    return held.edited_final(final)


async def _early(port: AtPort, template: str) -> None:
    """Print a URC that this firmware gives before the final result code as soon as it is there."""
    def wanted(text: str) -> bool:
        return fits(template, text) is not None

    until = port.module.pace.now() + _EARLY_URC_S
    while port.module.pace.now() < until and not port.print_waiting(wanted):
        await asyncio.sleep(_LOOK_S)


def edited_urc(edits: Iterable[Edit], text: str) -> str | None:
    """A URC as the firmware gives it behind a command; None where it gives none."""
    for edit in edits:
        if edit.kind == "urc" and edit.of is not None and edit.early is None:
            values = fits(edit.of, text)
            if values is not None:
                return None if edit.by is None else filled(edit.by, {**edit.values, **values})
    return text


def added_urcs(edits: Iterable[Edit]) -> list[str]:
    """The URCs that only the firmware gives behind a command."""
    return [filled(edit.by, edit.values) for edit in edits
            if edit.kind == "urc" and edit.of is None and edit.by is not None]
