"""What of a user's data a module holds: read before and after a firmware update, and compared row by row.

A fingerprint holds digests, numbers and names, never a message's text, a file's content or a secret. Take the
first one soon after a start: what a mere restart loses is then not laid to the update.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cellbench.base.errors import FrameworkError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.catalogue.preservation import Fate, Item, Preservation, Way, told_of
from cellbench.host.channel import Channel
from cellbench.host.firmware.model import Method
from cellbench.host.firmware.reading import Mark, Marks, Unread, read_all

__all__ = ["Agreement", "Change", "Difference", "Fingerprint", "Row", "compare", "fingerprint_of", "rows_of",
           "table"]

_WAYS: Mapping[Method, Way] = {Method.FOAT: Way.FOAT, Method.FTP: Way.INSTALL, Method.HTTP: Way.INSTALL,
                               Method.SERIAL: Way.INSTALL, Method.FLASH: Way.FLASH}


class Change(enum.Enum):
    """What became of one entry. UNREAD: it, or the whole item, could not be read one of the two times; NONE:
    there was nothing of the item, before or after."""

    KEPT = "kept"
    CHANGED = "changed"
    LOST = "lost"
    NEW = "new"
    UNREAD = "not read"
    NONE = "nothing there"


_UNSEEN = (Change.UNREAD, Change.NONE)


class Agreement(enum.Enum):
    """How that goes with what a source says for the method."""

    AS_TOLD = "as told"
    DIFFERS = "differs"
    NOT_TOLD = "not told by any source"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a module held. ``marks``: of each item that could be read, its entries by name; ``unread``: what
    could not be read, and why ("" as name: the whole item). ``firmware`` by ATI9."""

    series: Series
    firmware: str
    marks: Marks = field(repr=False)
    unread: Unread = field(repr=False)

    def of(self, item: Item) -> Mapping[str, Mark]:
        """The entries of an item, none when it could not be read."""
        return self.marks.get(item, {})


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry of an item, before and after ("" where it is not there). ``told``: the fate that a source
    names for the item, ``agrees`` whether this is it. ``why``: what kept it from being read."""

    item: Item
    name: str
    change: Change
    before: str
    after: str
    told: Preservation
    agrees: Agreement
    why: str = ""

    @property
    def fails(self) -> bool:
        """True when it speaks against a module: it differs from what more than a guess, or more than another
        series' manual, says."""
        return self.agrees is Agreement.DIFFERS and self.told.decides

    def __str__(self) -> str:
        return f"{self.item.value}, {self.name}: {self.change.value}{_values(self)}; {_told(self)}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Table 53 as it was found: ``outcome`` in words ("preserved", "2 of 40 changed")."""

    item: Item
    told: Preservation
    outcome: str
    agrees: Agreement
    parts: tuple[Difference, ...] = field(repr=False)

    @property
    def read(self) -> bool:
        """False when nothing of the item was there, or none of it could be read both times."""
        return any(part.change not in _UNSEEN for part in self.parts)

    @property
    def fails(self) -> bool:
        """True when one of its entries speaks against the module."""
        return any(part.fails for part in self.parts)


def fingerprint_of(channel: Channel, *, calibration: Callable[[Channel], str] | None = None,
                   longest_file: int | None = None) -> Fingerprint:
    """Read what a module holds. It answers AT, with +CMEE: 1 or 2.

    ``calibration`` gives a text that stays the same as long as the RF calibration does; no document names a
    command for it, so without one the item is told as not read. Of files longer than ``longest_file`` bytes
    the size alone is taken. Listing messages marks them as read (27.005 3.4.2); the message store is switched
    to ME and back where it is another.

    Raises AtTimeout, PortLost; what a module refuses is told as not read.
    """
    profile = channel.profile
    marks, unread = read_all(channel, calibration, longest_file)
    return Fingerprint(profile.series, channel.send("ATI9").text, marks, unread)


def compare(before: Fingerprint, after: Fingerprint, method: Method | None = None, *,
            profile: ModuleProfile | None = None) -> tuple[Difference, ...]:
    """Every entry of both, in the order of Table 53, with what it says for the method (None: no table
    knows it). ``profile``: knows the values at delivery, where a source says that they come back. Raises
    FrameworkError for fingerprints of two series."""
    if before.series is not after.series:
        raise FrameworkError(f"fingerprints of two series: {before.series.value}, {after.series.value}")
    way = None if method is None else _WAYS[method]
    found: list[Difference] = []
    for item in Item:
        told = told_of(before.series, item, way)
        whole = before.unread.get((item, "")) or after.unread.get((item, ""))
        if whole:
            found.append(Difference(item, "", Change.UNREAD, "", "", told, Agreement.NOT_TOLD, whole))
            continue
        names = dict.fromkeys((*before.of(item), *after.of(item), *_unread_of(before, after, item)))
        if not names:
            found.append(Difference(item, "", Change.NONE, "", "", told, Agreement.NOT_TOLD))
        found += [_difference(item, name, before, after, told, profile) for name in names]
    return tuple(found)


def rows_of(differences: Iterable[Difference]) -> tuple[Row, ...]:
    """The rows of Table 53, each with its worst agreement."""
    by_item: dict[Item, list[Difference]] = {}
    for one in differences:
        by_item.setdefault(one.item, []).append(one)
    rows = []
    for item, parts in by_item.items():
        judged = [part for part in parts if part.change not in _UNSEEN]
        agrees = next((kind for kind in (Agreement.DIFFERS, Agreement.AS_TOLD)
                       if any(part.agrees is kind for part in judged)), Agreement.NOT_TOLD)
        rows.append(Row(item, parts[0].told, _outcome(parts, judged), agrees, tuple(parts)))
    return tuple(rows)


def table(differences: Iterable[Difference]) -> tuple[str, ...]:
    """Lines for a report: one for each row, below it one for each entry that was not kept."""
    lines: list[str] = []
    for row in rows_of(differences):
        lines.append(f"{row.item.value}: {row.outcome}; {_judged(row)}")
        lines += [f"  {part.name}: {part.change.value}{_values(part)}"
                  for part in row.parts if part.name and part.change is not Change.KEPT]
    return tuple(lines)


def _difference(item: Item, name: str, before: Fingerprint, after: Fingerprint, told: Preservation,
                profile: ModuleProfile | None) -> Difference:
    old, new = before.of(item).get(name), after.of(item).get(name)
    why = before.unread.get((item, name)) or after.unread.get((item, name)) or ""
    if why:
        change = Change.UNREAD
    elif old is None:
        change = Change.NEW
    elif new is None:
        change = Change.LOST
    else:
        change = Change.KEPT if old.text == new.text else Change.CHANGED
    return Difference(item, name, change, old.text if old else "", new.text if new else "", told,
                      _agreement(change, old, new, told, profile), why)


def _agreement(change: Change, old: Mark | None, new: Mark | None, told: Preservation,
               profile: ModuleProfile | None) -> Agreement:
    """What came anew is told by no table: the new firmware may have brought it."""
    if change in (Change.UNREAD, Change.NEW, Change.NONE) or told.fate is Fate.UNKNOWN:
        return Agreement.NOT_TOLD
    if told.fate is Fate.KEPT:
        as_told = change is Change.KEPT
    elif told.fate is Fate.WIPED:
        as_told = change is Change.LOST
    else:
        known = _at_delivery(old or new, profile)
        if known is None:
            return Agreement.NOT_TOLD if change is Change.KEPT else Agreement.AS_TOLD
        as_told = new is not None and new.values[:len(known)] == known
    return Agreement.AS_TOLD if as_told else Agreement.DIFFERS


def _at_delivery(mark: Mark | None, profile: ModuleProfile | None) -> tuple[str, ...] | None:
    """The value at delivery of a setting; None where the profile does not know it."""
    if mark is None or profile is None or mark.factory not in profile.factory:
        return None
    value = profile.factory[mark.factory]
    return tuple(str(one) for one in value) if isinstance(value, tuple) else (str(value),)


def _unread_of(before: Fingerprint, after: Fingerprint, item: Item) -> list[str]:
    return [name for unread in (before.unread, after.unread) for kind, name in unread if kind is item]


def _outcome(parts: list[Difference], judged: list[Difference]) -> str:
    if not judged:
        return f"not read: {parts[0].why}" if parts[0].why else Change.NONE.value
    counts = {change: sum(part.change is change for part in parts) for change in Change}
    told = [f"{counts[change]} {change.value}" for change in (Change.CHANGED, Change.LOST, Change.NEW)
            if counts[change]]
    if not told:
        return f"kept, {len(judged)} of {len(judged)}"
    return f"{', '.join(told)} of {len(judged)}"


def _values(part: Difference) -> str:
    if part.change is Change.UNREAD:
        return f" ({part.why})"
    if part.change is Change.CHANGED:
        return f" from {part.before} to {part.after}"
    return f" ({part.before or part.after})"


def _told(part: Difference) -> str:
    return f"{part.agrees.value}: {part.told.fate.value} ({part.told.source.where})"


def _judged(row: Row) -> str:
    if row.told.fate is Fate.UNKNOWN:
        return Agreement.NOT_TOLD.value
    source = f"'{row.told.fate.value}' ({row.told.source.where})"
    if not row.read:
        return f"told is {source}"
    if row.agrees is Agreement.NOT_TOLD:
        return f"neither for nor against {source}"
    if row.agrees is Agreement.DIFFERS and not row.fails:
        return f"differs from {source}, which does not decide"
    return f"{row.agrees.value}: {source}"
