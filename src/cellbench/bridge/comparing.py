"""The differences between a capture and what the virtual module answers to the same commands."""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cellbench.bridge.fields import Template, templated
from cellbench.bridge.model import Capture, Exchange
from cellbench.bridge.playing import NOT_ASKED
from cellbench.catalogue.commands import lookup
from cellbench.catalogue.model import Command, Source
from cellbench.catalogue.overlay import Edit, Overlay, command_of
from cellbench.wire.at.values import prefix_of

_FINAL = re.compile(r"OK|ERROR|ABORTED|\+CM[ES] ERROR: ?.+|NO CARRIER|BUSY|NO ANSWER|NO DIALTONE|CONNECT.*")

TIME_FACTOR = 3.0
"""How many times as long one side may take."""
TIME_FLOOR_S = 1.0
"""Times that differ by less are the same: a loaded host takes as long."""


class Difference(enum.Enum):
    """The kinds of differences."""

    MISSING = "missing"
    TEXT = "other text"
    CODE = "other code"
    ORDER = "other order"
    TIME = "other time"


@dataclass(frozen=True, slots=True)
class Found:
    """One difference: of which exchange, what the module does and what the virtual one does, and the edit
    that would settle it (None: none can, ``why``)."""

    n: int
    command: str
    kind: Difference
    module: str
    virtual: str
    edit: Edit | None
    why: str = ""
    other: Exchange | None = None

    @property
    def entry(self) -> Command | None:
        """The catalogue's entry of the command."""
        known = command_of(self.command)
        return lookup(known[0]) if known else None

    @property
    def source(self) -> Source | None:
        """Where the fact that it concerns comes from."""
        entry = self.entry
        if entry is None:
            return None
        if self.kind is Difference.TIME and entry.response_source is not None:
            return entry.response_source
        return entry.source


@dataclass(frozen=True, slots=True)
class Limits:
    """When times differ."""

    factor: float = TIME_FACTOR
    floor_s: float = TIME_FLOOR_S

    def differ(self, one: float, other: float) -> bool:
        """True when the longer is more than ``factor`` times the shorter, and by more than ``floor_s``."""
        low, high = sorted((one, other))
        return high - low > self.floor_s and high > low * self.factor


def compare(capture: Capture, answers: Mapping[int, Exchange], theirs: Mapping[str, str], limits: Limits,
            overlay: Overlay | None = None) -> tuple[Found, ...]:
    """Every difference, by the order of the commands.

    ``answers``: what the virtual module said, by number, masked; ``theirs``: kind by stand-in of its
    identities. What ``overlay`` knows and the virtual module cannot do is no difference.
    """
    ours = {one.value: one.kind for one in capture.header.stand_ins}
    found = list(_left_out(capture, overlay))
    for exchange in sorted(capture.exchanges, key=lambda one: one.n):
        answer = answers.get(exchange.n)
        if answer is None or not _is_listed(exchange, capture):
            continue
        if answer.final == NOT_ASKED:
            found.append(Found(exchange.n, exchange.send, Difference.MISSING, exchange.final,
                               "not asked: an earlier answer lacks a value", None,
                               "an earlier difference causes it"))
            continue
        found += _lines(exchange, answer, ours, theirs)
        found += _final(exchange, answer)
        found += _urcs(exchange, answer, ours, theirs)
        found += _times(exchange, answer, limits, overlay)
    return tuple(sorted(found, key=lambda one: one.n))


def playable(capture: Capture) -> tuple[Exchange, ...]:
    """What to ask, in order: the exchanges as the header lists them, and the commands that were cut out,
    since later answers may go by what they set."""
    have = {one.n: one for one in capture.exchanges}
    questions: list[Exchange] = []
    for number, command in enumerate(capture.header.commands, 1):
        one = have.get(number)
        if one is None or not _is_listed(one, capture):
            if _wants_payload(command):
                continue
            one = Exchange(n=number, grade=questions[-1].grade if questions else 0, send=command, final="",
                           final_s=0.0)
        questions.append(one)
    return tuple(questions)


def _is_listed(exchange: Exchange, capture: Capture) -> bool:
    commands = capture.header.commands
    return exchange.n <= len(commands) and commands[exchange.n - 1] == exchange.send


def _wants_payload(send: str) -> bool:
    known = command_of(send)
    entry = lookup(known[0]) if known else None
    return known is not None and entry is not None and bool(entry.prompt) and known[1] in entry.prompt_forms


def _left_out(capture: Capture, overlay: Overlay | None) -> list[Found]:
    """Commands that the header lists and the capture lacks, has otherwise, or has elsewhere."""
    edits = overlay.edits if overlay is not None else ()
    known = {edit.command for edit in edits if edit.kind == "unasked"}
    have = {one.n: one.send for one in capture.exchanges}
    found = []
    for number, command in enumerate(capture.header.commands, 1):
        told = have.get(number, "nothing")
        if told != command and command not in known:
            found.append(Found(number, command, Difference.MISSING, told, "asked",
                               Edit(command=command, kind="unasked")))
    numbers = [one.n for one in capture.exchanges]
    for before, after in itertools.pairwise(numbers):
        edit = Edit(command=have[after], kind="order", behind=have[before])
        if after < before and edit not in edits:
            found.append(Found(after, have[after], Difference.ORDER, f"behind command {before}",
                               f"command {after}", edit))
    return found


# -- one exchange ----------------------------------------------------------------------------------


def _lines(exchange: Exchange, answer: Exchange, ours: Mapping[str, str],
           theirs: Mapping[str, str]) -> list[Found]:
    wanted = [templated(exchange.send, line, ours) for line in exchange.lines]
    given = [templated(exchange.send, line, theirs) for line in answer.lines]
    pairs, left_wanted, left_given = _matched([one.text for one in wanted], [one.text for one in given])
    found = []
    if any(after[1] < before[1] for before, after in itertools.pairwise(pairs)):
        edit = Edit(command=exchange.send, kind="order", lines=tuple(wanted[at].text for at, _ in pairs))
        found.append(Found(exchange.n, exchange.send, Difference.ORDER,
                           " | ".join(exchange.lines[at] for at, _ in pairs),
                           " | ".join(answer.lines[at] for _, at in sorted(pairs, key=lambda one: one[1])),
                           edit))
    bound = {prefix for prefix, _ in exchange.binds.values()}
    both = min(len(left_wanted), len(left_given))
    for at, place in zip(left_wanted[:both], left_given[:both], strict=True):
        found.append(Found(exchange.n, exchange.send, Difference.TEXT, exchange.lines[at],
                           answer.lines[place],
                           _line_edit(exchange.send, given[place], wanted[at], place)))
    for at in left_wanted[both:]:
        found.append(Found(exchange.n, exchange.send, Difference.MISSING, exchange.lines[at], "nothing",
                           _line_edit(exchange.send, None, wanted[at], at)))
    for place in left_given[both:]:
        found.append(Found(exchange.n, exchange.send, Difference.MISSING, "nothing", answer.lines[place],
                           _line_edit(exchange.send, given[place], None, place)))
    return [_unlearnable(one) if bound & {prefix_of(one.module), prefix_of(one.virtual)} else one
            for one in found]


def _unlearnable(found: Found) -> Found:
    return replace(found, edit=None, why="later commands go by this value")


def _line_edit(send: str, of: Template | None, by: Template | None, place: int) -> Edit:
    held = of.values if of is not None else {}
    values = {name: value for name, value in (by.values if by is not None else {}).items()
              if name not in held}
    return Edit(command=send, kind="line", place=place, of=of.text if of is not None else None,
                by=by.text if by is not None else None, values=values)


def _matched(wanted: Sequence[str],
             given: Sequence[str]) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    """Equal lines in pairs, by the order of ``wanted``; then the places of those left over on each side."""
    free = list(range(len(given)))
    pairs: list[tuple[int, int]] = []
    for at, text in enumerate(wanted):
        # the nearest equal line, so that repeated lines keep their order
        match = next((place for place in free if given[place] == text), None)
        if match is not None:
            free.remove(match)
            pairs.append((at, match))
    taken = {at for at, _ in pairs}
    return pairs, [at for at in range(len(wanted)) if at not in taken], free


def _final(exchange: Exchange, answer: Exchange) -> list[Found]:
    if exchange.final == answer.final:
        return []
    edit = Edit(command=exchange.send, kind="final", of=answer.final, by=exchange.final)
    if not exchange.final or not answer.final:
        return [Found(exchange.n, exchange.send, Difference.MISSING, exchange.final or "no final result code",
                      answer.final or "no final result code", None,
                      "a command without an end is no answer to learn")]
    if not _FINAL.fullmatch(exchange.final):
        return [Found(exchange.n, exchange.send, Difference.CODE, exchange.final, answer.final, None,
                      "that is no final result code")]
    return [Found(exchange.n, exchange.send, Difference.CODE, exchange.final, answer.final, edit)]


def _urcs(exchange: Exchange, answer: Exchange, ours: Mapping[str, str],
          theirs: Mapping[str, str]) -> list[Found]:
    wanted = [templated(exchange.send, one.text, ours) for one in exchange.urcs]
    given = [templated(exchange.send, one.text, theirs) for one in answer.urcs]
    found = []
    for at in range(max(len(wanted), len(given))):
        module = exchange.urcs[at] if at < len(wanted) else None
        virtual = answer.urcs[at] if at < len(given) else None
        if module is not None and virtual is not None and wanted[at].text == given[at].text:
            if module.early != virtual.early:
                where = ("before the final result code", "behind it")
                edit = Edit(command=exchange.send, kind="urc", of=given[at].text, early=True)
                found.append(Found(exchange.n, exchange.send, Difference.ORDER,
                                   f"{module.text} {where[not module.early]}",
                                   f"{virtual.text} {where[not virtual.early]}",
                                   edit if module.early else None, "" if module.early else
                                   "the virtual module cannot hold that URC back"))
            continue
        new = wanted[at] if module is not None else None
        old = given[at] if virtual is not None else None
        base = _line_edit(exchange.send, old, new, at)
        edit = base.model_copy(update={"kind": "urc", "place": None})
        both = module is not None and virtual is not None
        found.append(Found(exchange.n, exchange.send, Difference.TEXT if both else Difference.MISSING,
                           module.text if module is not None else "no such URC",
                           virtual.text if virtual is not None else "no such URC", edit))
    return found


def _times(exchange: Exchange, answer: Exchange, limits: Limits, overlay: Overlay | None) -> list[Found]:
    told = bool(exchange.lines and answer.lines)  # without lines the first character is the final code's
    first = told and exchange.first_s is not None and answer.first_s is not None and limits.differ(
        exchange.first_s, answer.first_s)
    final = bool(exchange.final and answer.final) and limits.differ(exchange.final_s, answer.final_s)
    if not first and not final:
        return []
    edit = Edit(command=exchange.send, kind="time", first_s=exchange.first_s if first else None,
                final_s=exchange.final_s if final else None)
    if overlay is not None and any(_same_time(edit, one) for one in overlay.edits):
        return []  # known; the virtual module cannot be quicker than it is
    return [Found(exchange.n, exchange.send, Difference.TIME, _seconds(exchange, first, final),
                  _seconds(answer, first, final), edit, other=answer)]


def _same_time(edit: Edit, known: Edit) -> bool:
    return (known.kind == "time" and known.command == edit.command
            and (edit.first_s is None or known.first_s == edit.first_s)
            and (edit.final_s is None or known.final_s == edit.final_s))


def _seconds(one: Exchange, first: bool, final: bool) -> str:
    parts = [f"first line in {one.first_s:g} s"] if first and one.first_s is not None else []
    return ", ".join([*parts, f"final code in {one.final_s:g} s"] if final else parts)
