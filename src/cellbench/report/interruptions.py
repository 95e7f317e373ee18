"""The picture of an interruption matrix: place × kind for each series, coloured by outcome; and its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from cellbench.record.interruption import (
    CellEntry,
    CellOutcome,
    CellRecord,
    Interruption,
    MatrixRecord,
)
from cellbench.report.charts import GREY, INK, RULE, Svg
from cellbench.report.words import clipped, duration_words, plural, time_words

KIND_WORDS = {
    Interruption.SUPPLY_CUT: "supply cut",
    Interruption.USB_PULLED: "USB pulled",
    Interruption.HOST_KILLED: "host killed",
    Interruption.SERVER_GONE: "server gone",
    Interruption.LINK_LOST: "link lost",
    Interruption.NOTHING: "not interrupted",
    Interruption.WRONG_PACKAGE: "wrong package",
}
METHOD_WORDS = {
    "foat": "Over AT: +UFWUPD, Xmodem",
    "fota-ftp": "By FTP: +UFTPC=100, +UFWINSTALL",
    "fota-http": "By HTTP: +UHTTPC, +UFWINSTALL",
    "fota-serial": "By serial file: +UDWNFILE, +UFWINSTALL",
    "flash": "Flashing in boot mode",
}
_COLUMNS = (Interruption.SUPPLY_CUT, Interruption.USB_PULLED, Interruption.HOST_KILLED,
            Interruption.SERVER_GONE, Interruption.LINK_LOST)
_COMPARED = (Interruption.NOTHING, Interruption.WRONG_PACKAGE)

FILL = {
    CellOutcome.OLD: "#d6e6f6",
    CellOutcome.NEW: "#d3ecd9",
    CellOutcome.RECOVERED: "#f5ebbd",
    CellOutcome.REFUSED: "#e4e0f2",
    CellOutcome.NOT_REACHED: "#fbe3c6",
    CellOutcome.ERROR: "#fbe3c6",
    CellOutcome.NOT_POSSIBLE: "#eef1f4",
    CellOutcome.NOT_APPLICABLE: "#f6f7f9",
    CellOutcome.NOT_RUN: "#ffffff",
}
_BAD = "#b3201f"
_SIGN = {CellOutcome.NOT_REACHED: "!", CellOutcome.ERROR: "!", CellOutcome.NOT_POSSIBLE: "○",
         CellOutcome.NOT_APPLICABLE: "–", CellOutcome.NOT_RUN: "·"}
_SHORT = {"installation began again": "installed again"}
_LEFT, _CELL_W, _CELL_H, _GAP, _BAND = 136.0, 112.0, 23.0, 3.0, 27.0
WIDTH = _LEFT + len(_COLUMNS) * (_CELL_W + _GAP)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the picture: a place with its five kinds, or, with ``why``, places that make no sense."""

    label: str
    cells: tuple[tuple[CellEntry, CellRecord | None], ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """One method: what was compared with, and its rows."""

    method: str
    compared: tuple[tuple[CellEntry, CellRecord | None], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A cell in words, for a table."""

    cell: str
    place: str
    kind: str
    outcome: str
    colour: str
    slot: str
    owner: str
    reason: str
    evidence: tuple[str, ...]
    seconds: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of one series."""

    series: str
    svg: str
    summary: str


@dataclass(frozen=True, slots=True)
class MatrixView:
    """Everything that a document shows."""

    title: str
    rig: str
    verdict: str
    colour: str
    summary: str
    simulated: bool
    unfinished: str
    facts: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, ...], ...]
    pictures: tuple[Picture, ...]
    legend: str
    findings: tuple[Told, ...]
    told: tuple[Told, ...]
    absent: tuple[tuple[str, str, str], ...]
    head: tuple[str, ...]


def matrix_view(matrix: MatrixRecord, font: str = "") -> MatrixView:
    """The words and pictures of a matrix; ``font`` names the pictures' font for documents that need one."""
    header = matrix.header
    told = [_told(entry, matrix.cells[entry.cell]) for entry in header.cells if entry.cell in matrix.cells
            and _is_news(matrix.cells[entry.cell])]
    bad = [entry.cell for entry in header.cells if _bad(matrix.cells.get(entry.cell))]
    verdict, colour = _verdict(matrix)
    pictures = tuple(Picture(series, picture(matrix, series, font=font), series_summary(matrix, series))
                     for series in matrix.series())
    return MatrixView(
        title="Interruption matrix", rig=header.rig, verdict=verdict, colour=colour, summary=summary(matrix),
        simulated=header.evidence == "simulated", unfinished=_unfinished(matrix), facts=_facts(matrix),
        packages=tuple((one.series, one.kind, one.start or "any", one.end, str(one.size), one.file,
                        one.sha256[:16]) for one in header.packages),
        pictures=pictures, legend=legend(font=font), findings=tuple(one for one in told if one.cell in bad),
        told=tuple(told), absent=_absent(matrix),
        head=tuple(matrix.head[start:start + 16] for start in range(0, 64, 16)))


def summary(matrix: MatrixRecord) -> str:
    """One sentence: how many cells ended how."""
    ran = [record for record in matrix.cells.values() if _is_news(record)]
    good = sum(record.outcome.good for record in ran)
    text = f"{good} of {plural(len(ran), 'cell')} as they must be"
    bad = [record.outcome for record in ran if record.outcome.finding]
    for outcome in dict.fromkeys(bad):
        text += f", {bad.count(outcome)} {outcome.value}"
    errors = sum(record.outcome in (CellOutcome.ERROR, CellOutcome.NOT_REACHED) for record in ran)
    text += f", {plural(errors, 'error')} that say nothing of a unit" if errors else ""
    return text


def series_summary(matrix: MatrixRecord, series: str) -> str:
    """How the cells of a series ended, most frequent first."""
    ended = [record.outcome for _, record in matrix.of(series) if record is not None and _is_news(record)]
    counted = sorted(((ended.count(outcome), outcome.value) for outcome in set(ended)), reverse=True)
    return ", ".join(f"{count} {words}" for count, words in counted) or "nothing was run"


def bands(matrix: MatrixRecord, series: str) -> tuple[Band, ...]:
    """What the picture of a series shows, in its order."""
    found = []
    for method, cells in groupby(matrix.of(series), key=lambda pair: pair[0].method):
        pairs = list(cells)
        compared = tuple(pair for pair in pairs if pair[0].kind in _COMPARED)
        places = [list(row) for _, row in groupby((pair for pair in pairs if pair[0].kind in _COLUMNS),
                                                   key=lambda pair: pair[0].row)]
        found.append(Band(method, compared, _rows(places)))
    return tuple(found)


def picture(matrix: MatrixRecord, series: str, *, font: str = "") -> str:
    """The picture of a series as SVG."""
    shown = bands(matrix, series)
    height = 34 + sum(_BAND + len(band.rows) * (_CELL_H + _GAP) + 8 for band in shown)
    svg = Svg(WIDTH, height, label=f"{series}: outcome by place and kind of interruption", font=font)
    for column, kind in enumerate(_COLUMNS):
        svg.text(_x(column) + _CELL_W / 2, 15, KIND_WORDS[kind], anchor="middle", bold=True)
    y = 26.0
    for band in shown:
        y = _draw_band(svg, band, y)
        for row in band.rows:
            _draw_row(svg, row, y)
            y += _CELL_H + _GAP
        y += 8
    return svg.render()


def legend(*, font: str = "") -> str:
    """What the colours mean, as SVG."""
    entries = [(outcome, outcome.value) for outcome in FILL] + [(CellOutcome.BRICKED, "a fault, in capitals")]
    svg = Svg(WIDTH, 44, label="what the colours mean", font=font)
    for index, (outcome, words) in enumerate(entries):
        x, y = (index % 5) * (WIDTH / 5), (index // 5) * 22.0
        _box(svg, x, y + 2, 26, 16, outcome, "")
        svg.text(x + 32, y + 14, words, size=10.5)
    return svg.render()


def _rows(places: Sequence[list[tuple[CellEntry, CellRecord | None]]]) -> tuple[Row, ...]:
    """Places one by one; those that make no sense for one reason as a single row."""
    rows: list[Row] = []
    for why, group in groupby(places, key=_common_reason):
        several = list(group)
        if not why:
            rows += [Row(row[0][0].place, tuple(row)) for row in several]
            continue
        first, last = several[0][0][0].place, several[-1][0][0].place
        rows.append(Row(first if first == last else f"{first} and on", (), why))
    return tuple(rows)


def _common_reason(row: Sequence[tuple[CellEntry, CellRecord | None]]) -> str:
    """Why no cell of a place makes sense; "" when one does, or when the reasons differ."""
    kinds = {(record.outcome, record.reason) if record is not None else None for _, record in row}
    if len(kinds) != 1 or None in kinds:
        return ""
    record = row[0][1]
    blank = (CellOutcome.NOT_APPLICABLE, CellOutcome.NOT_POSSIBLE)
    return f"{record.outcome.value}: {record.reason}" if record and record.outcome in blank else ""


def _draw_band(svg: Svg, band: Band, y: float) -> float:
    svg.line(0, y + 1, WIDTH - _GAP, y + 1, RULE)
    svg.text(0, y + 18, METHOD_WORDS.get(band.method, band.method), bold=True, size=12)
    x = WIDTH - _GAP
    for entry, record in reversed(band.compared):
        x -= 96
        _box(svg, x, y + 5, 96, 17, record.outcome if record else None, _label(record), _title(entry, record),
             size=9.5)
        x -= 8
        svg.text(x, y + 17, KIND_WORDS[entry.kind], size=10, anchor="end", colour=GREY)
        x -= 8 + 5.4 * len(KIND_WORDS[entry.kind])
    return y + _BAND


def _draw_row(svg: Svg, row: Row, y: float) -> None:
    svg.text(_LEFT - 10, y + 15.5, clipped(row.label, 30), size=10.5, anchor="end")
    if row.why:
        svg.rect(_x(0), y, WIDTH - _LEFT - _GAP, _CELL_H, FILL[CellOutcome.NOT_APPLICABLE], round_by=2,
                 title=row.why)
        svg.text(_x(0) + 8, y + 15.5, clipped(row.why, 108), size=9.5, colour=GREY)
        return
    for entry, record in row.cells:
        _box(svg, _x(_COLUMNS.index(entry.kind)), y, _CELL_W, _CELL_H, record.outcome if record else None,
             _label(record), _title(entry, record))


def _box(svg: Svg, x: float, y: float, width: float, height: float, outcome: CellOutcome | None, label: str,
         title: str = "", size: float = 10) -> None:
    bad = outcome is not None and outcome.finding
    edge = outcome in (None, CellOutcome.NOT_RUN)
    if edge:
        svg.rect(x, y, width, height, RULE, round_by=2)
        svg.rect(x + 0.8, y + 0.8, width - 1.6, height - 1.6, "#ffffff", round_by=2, title=title)
    else:
        svg.rect(x, y, width, height, _BAD if bad else FILL[outcome or CellOutcome.NOT_RUN], round_by=2,
                 title=title)
    quiet = outcome in (None, CellOutcome.NOT_APPLICABLE, CellOutcome.NOT_RUN, CellOutcome.NOT_POSSIBLE)
    colour = "#ffffff" if bad else GREY if quiet else INK
    svg.text(x + width / 2, y + height / 2 + 3.6, label, size=8.4 if len(label) > 18 else size,
             anchor="middle", colour=colour, bold=bad)


def _label(record: CellRecord | None) -> str:
    if record is None:
        return ""
    if record.outcome is CellOutcome.RECOVERED:
        way = record.recovery or record.outcome.value
        return clipped(_SHORT.get(way, way), 22)
    if record.outcome is CellOutcome.ERROR:
        return f"! error: {record.owner.value}" if record.owner else "! error"
    sign = _SIGN.get(record.outcome)
    if sign and record.outcome is not CellOutcome.NOT_REACHED:
        return sign
    return f"{sign} {record.outcome.value}" if sign else record.outcome.value


def _title(entry: CellEntry, record: CellRecord | None) -> str:
    lines = [f"{entry.place}, {KIND_WORDS[entry.kind]}"]
    if record is None:
        return f"{lines[0]}: not run yet"
    lines[0] += f": {record.outcome.value}"
    lines += [text for text in (record.reason, record.recovery and f"way back: {record.recovery}",
                                record.slot and f"slot {record.slot}") if text]
    return "\n".join([*lines, *record.evidence])


def _told(entry: CellEntry, record: CellRecord) -> Told:
    outcome = record.outcome
    colour = _BAD if outcome.finding else "#a65300" if not outcome.good else "#1b7340"
    words = f"{outcome.value} ({record.recovery})" if record.recovery else outcome.value
    method = METHOD_WORDS.get(entry.method, entry.method).split(":")[0]
    return Told(entry.cell, f"{method}, {entry.place}", KIND_WORDS[entry.kind], words, colour, record.slot,
                record.owner.value if record.owner else "", record.reason, record.evidence,
                duration_words(record.seconds))


def _absent(matrix: MatrixRecord) -> tuple[tuple[str, str, str], ...]:
    """Cells without an answer by reason: how many, of which kind, why."""
    found: dict[tuple[str, str], int] = {}
    for entry in matrix.header.cells:
        record = matrix.cells.get(entry.cell)
        if record is not None and not _is_news(record):
            key = (record.outcome.value, f"{entry.series}: {record.reason}")
            found[key] = found.get(key, 0) + 1
    return tuple((str(count), what, why) for (what, why), count in found.items())


def _verdict(matrix: MatrixRecord) -> tuple[str, str]:
    records = list(matrix.cells.values())
    if any(record.outcome.finding for record in records):
        return "FAIL", _BAD
    if any(record.outcome in (CellOutcome.ERROR, CellOutcome.NOT_REACHED) for record in records):
        return "ERROR", "#a65300"
    if not any(record.outcome.good for record in records):
        return "NOTHING RUN", "#6b7280"
    return "PASS", "#1b7340"


def _unfinished(matrix: MatrixRecord) -> str:
    left = [entry.cell for entry in matrix.header.cells if entry.cell not in matrix.cells]
    text = f"{plural(len(left), 'cell')} of the plan have no result yet" if left else ""
    if matrix.cut:
        cell, slot = next(iter(matrix.cut.items()))
        text += f"{'; ' if text else ''}the matrix was cut in {cell} on {slot}"
    return f"{text}. The same command goes on." if text else ""


def _facts(matrix: MatrixRecord) -> tuple[tuple[str, str], ...]:
    header = matrix.header
    slots = ", ".join(f"{slot} ({series})" for slot, series in header.slots.items())
    took = sum(record.seconds for record in matrix.cells.values())
    return (("Rig", header.rig), ("Timing", header.timing), ("Slots", slots), ("Matrix", header.matrix),
            ("Last result", time_words(matrix.last_utc_ns)), ("Time of the cells", duration_words(took)),
            *((name, version) for name, version in header.versions.items()))


def _is_news(record: CellRecord) -> bool:
    return record.outcome not in (CellOutcome.NOT_APPLICABLE, CellOutcome.NOT_POSSIBLE, CellOutcome.NOT_RUN)


def _bad(record: CellRecord | None) -> bool:
    return record is not None and _is_news(record) and not record.outcome.good


def _x(column: int) -> float:
    return _LEFT + column * (_CELL_W + _GAP)

