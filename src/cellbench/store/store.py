"""The store: one database of many runs, filled from their journals.

The journal is the truth; the store is an index over journals. Loading one twice changes nothing, so a
station that was offline, or a load that was cut, is put right by loading again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cellbench.base.errors import OperatorError
from cellbench.base.extras import optional
from cellbench.record.attempt import Attempt
from cellbench.record.run import RunRecord
from cellbench.store.tables import ADDED, SCHEMA, Tables, build_tables

Row = dict[str, Any]


class Store:
    """An open store. Use :meth:`open`; close it, or use it in a ``with`` statement."""

    __slots__ = ("_engine", "_tables")

    def __init__(self, engine: sa.Engine, tables: Tables) -> None:
        self._engine = engine
        self._tables = tables

    @classmethod
    def open(cls, where: str | Path) -> Store:
        """Open (and make, when new) the store in an SQLite file or at a database URL.

        OperatorError when it cannot be reached, or was made by a newer program.
        """
        url = str(where) if "://" in str(where) else f"sqlite:///{where}"
        name = f"the store {_shown(url)}"
        driver = optional("postgres", name) if url.startswith("postgresql") else nullcontext()
        try:
            if url.startswith("sqlite:///"):
                Path(url.removeprefix("sqlite:///")).absolute().parent.mkdir(parents=True, exist_ok=True)
            with driver:
                engine = sa.create_engine(url, pool_pre_ping=True)
        except (ArgumentError, ImportError, OSError, sa.exc.NoSuchModuleError) as problem:
            raise OperatorError(f"the store {_shown(url)} cannot be opened: {problem}",
                                remedy="name a file or a URL (postgresql+psycopg://host/base)") from problem
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _set_up_sqlite)
        store = cls(engine, build_tables())
        try:
            store._prepare()
        except BaseException:
            engine.dispose()
            raise
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    @property
    def tables(self) -> Tables:
        """The tables, for queries."""
        return self._tables

    def close(self) -> None:
        """Give the database back; harmless when called again."""
        self._engine.dispose()

    def load(self, run: RunRecord) -> bool:
        """Load a run; True when the store changed.

        A run that was loaded before its end is replaced by its longer journal. OperatorError when the
        store holds another, ended run of the same name: one of both journals was changed or misnamed.
        """
        tables = self._tables
        row = _run_row(run)
        with self._working() as connection:
            added = connection.execute(self._insert(tables.runs).on_conflict_do_nothing(), [row])
            if not added.rowcount:
                known = connection.execute(sa.select(tables.runs).where(tables.runs.c.run == run.id)).one()
                if known.head == run.head:
                    return False
                if known.exit_status is not None:
                    raise OperatorError(f"the store holds another run named {run.id} (its journal ends in "
                                        f"{known.head[:16]}, this one in {run.head[:16]})",
                                        remedy="check both with cellbench journal verify")
                for table in tables.of_run:
                    connection.execute(sa.delete(table).where(table.c.run == run.id))
                connection.execute(sa.update(tables.runs).where(tables.runs.c.run == run.id).values(**row))
            for table, rows in self._rows(run):
                if rows:
                    connection.execute(self._insert(table), rows)
        return True

    def select(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """The rows of a query over :attr:`tables`."""
        with self._working() as connection:
            return connection.execute(query).all()

    def _rows(self, run: RunRecord) -> Iterator[tuple[sa.Table, list[Row]]]:
        tables = self._tables
        yield tables.slots, [{"run": run.id, "slot": slot.slot, "series": slot.series,
                              "variant": slot.variant, "ordering_code": slot.ordering_code}
                             for slot in run.slots]
        yield tables.units, [{"run": run.id, "unit": index, "slot": unit.slot, "serial": unit.serial,
                              "imei": unit.imei, "iccid": unit.iccid, "series": unit.series,
                              "model": unit.model, "firmware": unit.firmware, "identity": unit.identity,
                              "utc_ns": unit.utc_ns} for index, unit in enumerate(run.units)]
        yield tables.attempts, [_attempt_row(run.id, attempt) for attempt in run.attempts]
        yield tables.measurements, [row for attempt in run.attempts
                                    for row in _measurement_rows(run.id, attempt)]
        yield tables.series, [row for attempt in run.attempts for row in _series_rows(run.id, attempt)]
        yield tables.events, [{"run": run.id, "position": position, "utc_ns": timed.utc_ns,
                               "what": timed.event.what, "slot": timed.event.slot,
                               "detail": timed.event.detail, "details": dict(timed.event.values)}
                              for position, timed in enumerate(run.events)]
        yield tables.updates, [
            {"run": run.id, "attempt": attempt.id, "position": position, "version_before": change.before,
             "version_after": change.after, "method": change.method, "utc_ns": change.utc_ns}
            for attempt in run.attempts for position, change in enumerate(attempt.firmware)]

    def _prepare(self) -> None:
        with self._working() as connection:
            self._tables.metadata.create_all(connection)
            found = connection.execute(sa.select(sa.func.max(self._tables.info.c.schema))).scalar_one()
            if found is not None and found > SCHEMA:
                raise OperatorError(f"the store has schema {found}, newer than this program's {SCHEMA}",
                                    remedy="use the newer cellbench")
            for table, names in ADDED.items():
                _add_columns(connection, self._tables.metadata.tables[table], names)
            connection.execute(self._insert(self._tables.info).on_conflict_do_nothing(), [{"schema": SCHEMA}])

    def _insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    @contextmanager
    def _working(self) -> Iterator[sa.Connection]:
        """One transaction; what the database refuses is an operator's matter."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as problem:
            cause = str(getattr(problem, "orig", None) or problem).splitlines()[0]
            raise OperatorError(f"the store {_shown(str(self._engine.url))} refuses: {cause}",
                                remedy="check the file or server; loading again is safe") from problem


def _set_up_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _add_columns(connection: sa.Connection, table: sa.Table, names: Sequence[str]) -> None:
    """Give a table of an older store the columns that it lacks; rows that are there have "" in them."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    for name in names:
        if name not in there:
            clause = sa.schema.CreateColumn(table.c[name]).compile(dialect=connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {clause}"))


def _shown(url: str) -> str:
    """A URL without its password."""
    try:
        return sa.engine.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "named"


def _run_row(run: RunRecord) -> Row:
    header = run.header
    return {
        "run": run.id, "head": run.head, "rig": header.rig, "rig_sha256": header.rig_sha256,
        "evidence": header.evidence, "timing": header.timing, "purpose": header.purpose,
        "operator": header.operator, "host": header.process.host if header.process else "",
        "folder": str(run.folder), "versions": dict(header.versions), "settings": dict(header.settings),
        "started_utc_ns": header.started_utc_ns, "last_utc_ns": run.last_utc_ns,
        "exit_status": run.ended.exit_status if run.ended else None,
        "reason": run.ended.reason if run.ended else ""}


def _attempt_row(run: str, attempt: Attempt) -> Row:
    verdict = attempt.verdict
    return {
        "run": run, "attempt": attempt.id, "procedure": attempt.procedure, "slot": attempt.slot,
        "unit": attempt.unit if attempt.unit >= 0 else None, "number": attempt.number,
        "utc_ns": attempt.utc_ns, "duration_s": attempt.duration_s,
        "outcome": verdict.outcome.value if verdict else None,
        "owner": verdict.owner.value if verdict and verdict.owner else None,
        "reason": verdict.reason if verdict else "", "evidence": list(verdict.evidence) if verdict else [],
        "sections": list(attempt.sections), "firmware_before": attempt.firmware_before,
        "firmware_after": attempt.firmware_after}


def _measurement_rows(run: str, attempt: Attempt) -> Iterator[Row]:
    for position, measured in enumerate(attempt.measurements):
        limit, value = measured.limit, measured.value
        number = value if isinstance(value, float) and math.isfinite(value) else None
        allowed = (limit.one_of or ((limit.equals,) if limit.equals is not None else ())) if limit else ()
        yield {
            "run": run, "attempt": attempt.id, "position": position, "name": measured.name, "value": number,
            "value_text": None if number is not None else str(value), "unit": measured.unit,
            "low": limit.low if limit else None, "high": limit.high if limit else None,
            "allowed": list(allowed), "marginal": limit.marginal if limit else None,
            "source": limit.source if limit else "", "judgement": measured.judgement.value,
            "utc_ns": measured.utc_ns}


def _series_rows(run: str, attempt: Attempt) -> Iterator[Row]:
    """Each series with its points as [seconds, value]; a value that is no number is null."""
    for position, series in enumerate(attempt.series):
        finite = [value for value in series.values if math.isfinite(value)]
        points = [[at, value if math.isfinite(value) else None]
                  for at, value in zip(series.times, series.values, strict=False)]
        yield {
            "run": run, "attempt": attempt.id, "position": position, "name": series.name,
            "unit": series.unit, "samples": series.samples,
            "seconds": series.times[-1] - series.times[0] if series.times else None,
            "least": min(finite, default=None), "greatest": max(finite, default=None), "points": points,
            "marks": [[mark.at, mark.name, mark.mean] for mark in series.marks], "utc_ns": series.utc_ns}
