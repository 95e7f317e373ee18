"""The tables of the store. Times are UTC nanoseconds since 1970; structured values are JSON.

Every table's key is what names the thing in the journal, so a row can be there only once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

SCHEMA = 2

_NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}


ADDED: Mapping[str, tuple[str, ...]] = {"attempts": ("firmware_before", "firmware_after")}
"""Columns that came with schema 2, by table."""


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables under one metadata; ``of_run`` lists those whose rows belong to a run."""

    metadata: sa.MetaData
    info: sa.Table
    runs: sa.Table
    slots: sa.Table
    units: sa.Table
    attempts: sa.Table
    measurements: sa.Table
    series: sa.Table
    events: sa.Table
    updates: sa.Table

    @property
    def of_run(self) -> tuple[sa.Table, ...]:
        """The tables with a ``run`` column beside ``runs`` itself."""
        return (self.slots, self.units, self.attempts, self.measurements, self.series, self.events,
                self.updates)


def build_tables() -> Tables:
    """The tables under a metadata of their own."""
    metadata = sa.MetaData(naming_convention=_NAMES)
    return Tables(
        metadata, _info(metadata), _runs(metadata), _slots(metadata), _units(metadata),
        _attempts(metadata), _measurements(metadata), _series(metadata), _events(metadata),
        _updates(metadata))


def _run_key() -> sa.Column[str]:
    return sa.Column("run", sa.Text, sa.ForeignKey("runs.run"), primary_key=True)


def _text(name: str, *, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, default="", index=index)


def _added(name: str) -> sa.Column[str]:
    """A column that stores of an older schema get when they are opened."""
    return sa.Column(name, sa.Text, nullable=False, server_default="", default="")


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _info(metadata: sa.MetaData) -> sa.Table:
    return sa.Table("store_info", metadata, sa.Column("schema", sa.Integer, primary_key=True,
                                                      autoincrement=False))


def _runs(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "runs", metadata, sa.Column("run", sa.Text, primary_key=True), _text("head"), _text("rig"),
        _text("rig_sha256"), _text("evidence"), _text("timing"), _text("purpose"), _text("operator"),
        _text("host"), _text("folder"), sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False), _time("started_utc_ns"), _time("last_utc_ns"),
        sa.Column("exit_status", sa.Integer), _text("reason"))  # exit_status NULL: no end in the journal


def _slots(metadata: sa.MetaData) -> sa.Table:
    return sa.Table("slots", metadata, _run_key(), sa.Column("slot", sa.Text, primary_key=True),
                    _text("series"), _text("variant"), _text("ordering_code"))


def _units(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "units", metadata, _run_key(), sa.Column("unit", sa.Integer, primary_key=True, autoincrement=False),
        _text("slot"), _text("serial", index=True), _text("imei", index=True), _text("iccid"),
        _text("series"), _text("model"), _text("firmware"), _text("identity"), _time("utc_ns"))


def _attempts(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "attempts", metadata, _run_key(), sa.Column("attempt", sa.Text, primary_key=True),
        _text("procedure", index=True), _text("slot"), sa.Column("unit", sa.Integer),
        sa.Column("number", sa.Integer, nullable=False), _time("utc_ns"), sa.Column("duration_s", sa.Float),
        sa.Column("outcome", sa.Text), sa.Column("owner", sa.Text), _text("reason"),
        sa.Column("evidence", sa.JSON, nullable=False), sa.Column("sections", sa.JSON, nullable=False),
        *(_added(name) for name in ADDED["attempts"]))


def _measurements(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "measurements", metadata, _run_key(), sa.Column("attempt", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False), _text("name", index=True),
        sa.Column("value", sa.Float), sa.Column("value_text", sa.Text), _text("unit"),
        sa.Column("low", sa.Float), sa.Column("high", sa.Float), sa.Column("allowed", sa.JSON),
        sa.Column("marginal", sa.Float), _text("source"), _text("judgement"), _time("utc_ns"))


def _series(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "series", metadata, _run_key(), sa.Column("attempt", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False), _text("name", index=True),
        _text("unit"), sa.Column("samples", sa.Integer, nullable=False), sa.Column("seconds", sa.Float),
        sa.Column("least", sa.Float), sa.Column("greatest", sa.Float),
        sa.Column("points", sa.JSON, nullable=False), sa.Column("marks", sa.JSON, nullable=False),
        _time("utc_ns"))


def _events(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "events", metadata, _run_key(),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False), _time("utc_ns"),
        _text("what"), _text("slot"), _text("detail"), sa.Column("details", sa.JSON, nullable=False))


def _updates(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "updates", metadata, _run_key(), sa.Column("attempt", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False), _text("version_before"),
        _text("version_after"), _text("method"), _time("utc_ns"))
