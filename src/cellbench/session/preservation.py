"""What an update left of a user's data, in the record of an attempt."""

from __future__ import annotations

from collections.abc import Sequence

from cellbench.host.firmware.fingerprint import Agreement, Change, Difference, Row, rows_of, table
from cellbench.record.measurement import Limit
from cellbench.session.recorder import Recorder

_AS_TOLD = "as told"
_MOST_TOLD = 40


def record_preservation(record: Recorder, differences: Sequence[Difference]) -> tuple[Row, ...]:
    """Write the rows of a comparison as measurements, and what was not kept as notes; the rows.

    A row that a guide or manual of the module itself decides has a limit; it raises nothing: ask its
    ``fails``. One that rests on a guess or on another series' manual is recorded without judgement.
    """
    rows = rows_of(differences)
    for row in rows:
        if not row.read:
            continue
        told = f"{row.told.fate.value}, {row.told.source.where}"
        if row.told.decides and row.agrees is not Agreement.NOT_TOLD:
            value = row.outcome if row.fails else _AS_TOLD
            record.measure(row.item.value, value, limit=Limit(equals=_AS_TOLD, source=told), check=False)
        else:
            record.measure(row.item.value, row.outcome)
    for line in _notes(differences):
        record.note(line)
    return rows


def _notes(differences: Sequence[Difference]) -> list[str]:
    """The table, without more of one item's entries than somebody reads."""
    unseen = [one.name for one in differences if one.change is Change.UNREAD and one.name]
    seen = [one for one in differences if one.change is not Change.UNREAD or not one.name]
    lines = list(table(seen))
    if len(lines) > _MOST_TOLD:
        lines[_MOST_TOLD:] = [f"and {len(lines) - _MOST_TOLD} entries more"]
    return lines + ([f"no command shows {', '.join(unseen)}"] if unseen else [])
