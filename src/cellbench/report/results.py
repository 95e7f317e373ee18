"""The single results of a run as columns, for a page that draws them in the browser.

Texts are kept once in a pool and named by number; quantities are worded here, so that the page needs to
know no units. Rows of the side tables (steps, measurements, transcripts) are in the order of the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cellbench.base.trace import Span, TraceRecord
from cellbench.record.attempt import Attempt
from cellbench.record.capture import capture_words
from cellbench.record.diagnosis import diagnosis_lines
from cellbench.record.firmware import change_words, firmware_words
from cellbench.record.measurement import Judgement
from cellbench.record.rollup import final_attempts, verdict_of
from cellbench.record.run import RunRecord
from cellbench.record.series import series_words
from cellbench.record.transcript import escape, read_transcript
from cellbench.record.verdict import Outcome
from cellbench.report.words import (
    COLOURS,
    SIGNS,
    duration_words,
    limit_words,
    outcome_words,
    spoken,
    value_words,
    verdict_words,
)

# Bytes of transcript that stand in the page: of one result that did not pass, of one that passed, of all.
EXCERPT_TROUBLE = 6000
EXCERPT_PASS = 1200
EXCERPT_ALL = 6_000_000

Column = list[object]


@dataclass(slots=True)
class _Pool:
    """Texts by number."""

    numbers: dict[str, int] = field(default_factory=dict)

    def __call__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


@dataclass(slots=True)
class _Budget:
    """How many bytes of transcripts may still go into the page."""

    left: int = EXCERPT_ALL


def result_columns(run: RunRecord) -> dict[str, object]:
    """Everything the page shows of single results, as JSON data."""
    pool, budget = _Pool(), _Budget()
    procedures = {entry.id: number for number, entry in enumerate(run.header.procedures)}
    titles = [[entry.id, run.title(entry.id), entry.document] for entry in run.header.procedures]
    for attempt in run.attempts:
        if attempt.procedure not in procedures:
            procedures[attempt.procedure] = len(titles)
            titles.append([attempt.procedure, attempt.procedure, ""])
    names = list(dict.fromkeys([*(slot.slot for slot in run.slots), *(one.slot for one in run.attempts)]))
    slots = {name: number for number, name in enumerate(names)}
    return {
        "run": run.id,
        "base": run.header.started_utc_ns // 1_000_000,
        "procedures": titles,
        "slots": [[name, run.slot(name).series] for name in names],
        "outcomes": [[one.value, outcome_words(one), SIGNS[one.value], COLOURS[one.value]]
                     for one in Outcome],
        "judgements": {one.value: [SIGNS[one.value], COLOURS[one.value]] for one in Judgement},
        "results": _results(run, procedures, slots, pool),
        "evidence": _side(run, _evidence, ("text",), pool),
        "steps": _side(run, _steps, ("name", "duration", "depends", "problem"), pool),
        "measurements": _side(run, _measurements, ("name", "value", "limit", "source", "judgement", "step",
                                                   "port", "first", "last"), pool),
        "firmware": _side(run, lambda attempt: ((change_words(one),) for one in attempt.firmware), ("text",),
                          pool),
        "notes": _side(run, _notes, ("text",), pool),
        "traces": _traces(run, pool, budget),
        "captures": _side(run, _captures, ("text", "file"), pool),
        "diagnoses": _side(run, _diagnoses, ("text", "lines"), pool),
        "texts": list(pool.numbers),
    }


def _results(run: RunRecord, procedures: dict[str, int], slots: dict[str, int],
             pool: _Pool) -> dict[str, Column]:
    outcomes = {outcome: number for number, outcome in enumerate(Outcome)}
    last = {attempt.id for attempt in final_attempts(run.attempts)}
    base = run.header.started_utc_ns
    table: dict[str, Column] = {name: [] for name in (
        "procedure", "slot", "number", "start", "duration", "took", "outcome", "owner", "verdict", "reason",
        "sections", "marginal", "final", "firmware")}
    for attempt in run.attempts:
        verdict = verdict_of(attempt)
        row: tuple[object, ...] = (
            procedures[attempt.procedure], slots[attempt.slot], attempt.number,
            (attempt.utc_ns - base) // 1_000_000, round(attempt.duration_s or 0, 4),
            pool(duration_words(attempt.duration_s)), outcomes[verdict.outcome],
            pool(verdict.owner.value if verdict.owner else ""), pool(verdict_words(verdict)),
            pool(verdict.reason), pool(" ".join(attempt.sections)),
            int(any(one.judgement is Judgement.MARGINAL for one in attempt.measurements)),
            int(attempt.id in last), pool(firmware_words(attempt)))
        for column, value in zip(table.values(), row, strict=True):
            column.append(value)
    return table


def _side(run: RunRecord, rows: Callable[[Attempt], Iterable[tuple[object, ...]]], names: tuple[str, ...],
          pool: _Pool) -> dict[str, Column]:
    """A side table: the row number of the result, then the columns; texts by their numbers."""
    table: dict[str, Column] = {"row": [], **{name: [] for name in names}}
    for number, attempt in enumerate(run.attempts):
        for row in rows(attempt):
            table["row"].append(number)
            for name, value in zip(names, row, strict=True):
                table[name].append(pool(value) if isinstance(value, str) else value)
    return table


def _evidence(attempt: Attempt) -> Iterable[tuple[object, ...]]:
    return ((line,) for line in verdict_of(attempt).evidence)


def _notes(attempt: Attempt) -> Iterable[tuple[object, ...]]:
    return ((note,) for note in (*attempt.notes, *map(series_words, attempt.series)))


def _captures(attempt: Attempt) -> Iterable[tuple[object, ...]]:
    return ((capture_words(one), one.file) for one in attempt.captures)


def _diagnoses(attempt: Attempt) -> Iterable[tuple[object, ...]]:
    for one in attempt.diagnoses:
        first, *polls = diagnosis_lines(one)
        yield first, "\n".join(line.strip() for line in polls)


def _steps(attempt: Attempt) -> Iterable[tuple[object, ...]]:
    return ((step.name, duration_words(step.duration_s) if step.duration_s is not None else "not ended",
             ", ".join(step.depends_on), step.problem) for step in attempt.steps)


def _measurements(attempt: Attempt) -> Iterable[tuple[object, ...]]:
    for one in attempt.measurements:
        span = one.span or Span("", 0, -1)
        yield (spoken(one.name), value_words(one.value, one.unit), limit_words(one.limit, one.unit),
               one.limit.source if one.limit else "", one.judgement.value, one.step, span.port, span.first,
               span.last)


def _traces(run: RunRecord, pool: _Pool, budget: _Budget) -> dict[str, Column]:
    table: dict[str, Column] = {name: [] for name in ("row", "port", "file", "lines", "all")}
    for row, attempt in enumerate(run.attempts):
        passed = verdict_of(attempt).outcome is Outcome.PASS
        for trace in attempt.traces:
            lines, whole = "", False
            if budget.left > 0:
                records = read_transcript(run.folder / trace.file)
                spans = [one.span for one in attempt.measurements if one.span and one.span.port == trace.port]
                lines, whole = _excerpt(records, spans, passed)
                budget.left -= len(lines)
            for column, value in zip(table.values(), (
                    row, pool(trace.port), trace.file, lines, int(whole and not trace.dropped)), strict=True):
                column.append(value)
    return table


def _excerpt(records: tuple[TraceRecord, ...], spans: list[Span], passed: bool) -> tuple[str, bool]:
    """Lines ``sequence TAB seconds TAB direction TAB data``, and whether they are all there are.

    What ended badly shows its end; what passed shows the bytes that its measurements came from, else its
    beginning.
    """
    if not records:
        return "", False
    first = records[0].monotonic_ns
    wanted = [record for record in records
              if any(span.first <= record.sequence <= span.last for span in spans)]
    chosen = (wanted or list(records)) if passed else list(records)[::-1]
    kept, size = [], 0
    for record in chosen:
        line = (f"{record.sequence}\t{(record.monotonic_ns - first) / 1e9:.3f}\t{record.direction.value}\t"
                f"{escape(record.data[:400])}{'…' if len(record.data) > 400 else ''}")
        size += len(line) + 1
        if size > (EXCERPT_PASS if passed else EXCERPT_TROUBLE):
            break
        kept.append(line)
    if not passed:
        kept.reverse()
    return "\n".join(kept), len(kept) == len(records)
