"""From accepted differences to an overlay: edits that the virtual module answers by, as general as the
capture allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cellbench.base.errors import UsageError
from cellbench.bridge.comparing import Found
from cellbench.bridge.fields import templated
from cellbench.bridge.model import Capture, Exchange
from cellbench.catalogue.overlay import Edit, Overlay

_SHORT_SHA = 12


@dataclass(frozen=True, slots=True)
class Learnt:
    """The overlay with what was learnt; ``left``: differences that could not be, with the reason."""

    overlay: Overlay
    count: int
    left: tuple[tuple[Found, str], ...]


def chosen(text: str, count: int) -> frozenset[int]:
    """Rows by number from 1: ``all``, or ``1-5,8``. UsageError for what is no row."""
    if text.strip().lower() == "all":
        return frozenset(range(1, count + 1))
    rows: set[int] = set()
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdigit() or (dash and not high.isdigit()):
            raise UsageError(f"--learn {text}: {part.strip()!r} is no row", remedy="give all, or 1-5,8")
        rows |= set(range(int(low), int(high or low) + 1))
    wrong = sorted(row for row in rows if not 1 <= row <= count)
    if wrong:
        raise UsageError(f"--learn {text}: there is no row {wrong[0]}",
                         remedy=f"the differences have the numbers 1 to {count}")
    return frozenset(rows)


def learn(capture: Capture, sha256: str, answers: Mapping[int, Exchange], found: Sequence[Found],
          rows: Iterable[int], theirs: Mapping[str, str], known: Overlay | None) -> Learnt:
    """An overlay with the edits of the rows (from 1), added to what is known already."""
    edits = list(known.edits) if known is not None else []
    left: list[tuple[Found, str]] = []
    wanted = sorted(set(rows))
    for row in wanted:
        one = found[row - 1]
        if one.edit is None:
            left.append((one, one.why))
            continue
        placed = _placed(one, one.edit, capture, answers, found, theirs)
        if placed is None:
            left.append((one, "the capture contradicts itself: the same command has two answers"))
            continue
        edits = [edit for edit in edits if not _replaces(placed, edit)]
        if placed not in edits:
            edits.append(placed)
    header = capture.header
    source = f"{header.taken}, grade {header.grade}, sha256 {sha256[:_SHORT_SHA]}"
    base = known or Overlay(series=header.series, firmware=header.firmware, evidence=header.evidence,
                            timing=header.timing)
    overlay = base.model_copy(update={
        "models": tuple(dict.fromkeys((*base.models, header.model))),
        "sources": tuple(dict.fromkeys((*base.sources, source))), "edits": tuple(edits)})
    return Learnt(overlay, len(wanted) - len(left), tuple(left))


def _replaces(new: Edit, old: Edit) -> bool:
    """A time that is learnt anew takes the place of the old one."""
    return (new.kind == old.kind == "time" and new.command == old.command and new.behind == old.behind)


def _placed(one: Found, edit: Edit, capture: Capture, answers: Mapping[int, Exchange],
            found: Sequence[Found], theirs: Mapping[str, str]) -> Edit | None:
    """The edit for every occurrence of the command, else for the one behind the command before; None when
    neither is right."""
    elsewhere = [other for other in capture.exchanges if other.send == one.command and other.n != one.n
                 and other.n in answers and _would_change(edit, answers[other.n], theirs)
                 and not _is_found(edit, other.n, found)]
    if not elsewhere:
        return edit
    before = _before(one.n, capture)
    if before is None or any(_before(other.n, capture) == before for other in elsewhere):
        return None
    return edit.model_copy(update={"behind": before})


def _is_found(edit: Edit, number: int, found: Sequence[Found]) -> bool:
    return any(other.n == number and other.edit is not None
               and (other.edit == edit or (other.edit.kind == edit.kind == "time")) for other in found)


def _would_change(edit: Edit, answer: Exchange, theirs: Mapping[str, str]) -> bool:
    """True when the edit would touch an answer of the virtual module."""
    if edit.kind == "final":
        return answer.final == edit.of
    if edit.kind == "unasked":
        return False
    if edit.kind == "line" and edit.of is not None:
        return any(templated(answer.send, line, theirs).text == edit.of for line in answer.lines)
    if edit.kind == "order":
        texts = [templated(answer.send, line, theirs).text for line in answer.lines]
        there = [text for text in texts if text in edit.lines]
        return there != [text for text in edit.lines if text in there]
    if edit.kind == "urc" and edit.of is not None:
        return any(templated(answer.send, heard.text, theirs).text == edit.of for heard in answer.urcs)
    return True


def _before(number: int, capture: Capture) -> str | None:
    """The command line in front of an exchange on its port."""
    commands = capture.header.commands
    here = next((one for one in capture.exchanges if one.n == number), None)
    last = next((one for one in capture.exchanges if one.n == number - 1), None)
    if number == 1 or (here is not None and last is not None and here.grade >= 2 > last.grade) or (
            last is not None and last.registers):
        return "AT"
    return commands[number - 2] if number - 2 < len(commands) else None
