"""The transcribed tables keep the form that tests/vectors/README.md describes."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.errata import ERRATA
from cellbench.catalogue.guide import section
from cellbench.catalogue.model import Evidence, Series
from cellbench.catalogue.modules import series_named

GUIDES = Path(__file__).resolve().parents[1] / "vectors" / "guides"
FILES = sorted(GUIDES.glob("*.yaml"))
TABLE_KEYS = {"section", "table", "title", "begin", "alone", "given", "rows"}
ROW_KEYS = {"row", "evidence", "given", "send", "payload", "expect", "urc", "absent", "after", "errata",
            "note"}
BEGIN = {"factory", "registered", "unregistered", "booting", "uart"}
VERBS = {"remote-send", "remote-close", "remote-reset", "remote-connect", "server", "link", "network", "call",
         "sms", "line", "power", "report", "reset", "sim", "fault"}
PLACEHOLDER = re.compile(r"\{([a-z_0-9]+):([^{}]+)\}")
NAME = re.compile(r"(?:AT|;)([+&]?[A-Z]+)", re.IGNORECASE)


@functools.cache
def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def tables(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(path)["tables"]
    return found


def rows() -> list[Any]:
    return [pytest.param(path, table, row, id=f"{table['section']}-{table['title']}-{number}")
            for path in FILES for table in tables(path) for number, row in enumerate(table["rows"], start=1)]


def series_of(path: Path) -> Series:
    return series_named(document(path)["series"])


def lines(row: dict[str, Any]) -> list[str]:
    found = [*row.get("expect", ()), *row.get("urc", ())]
    return [next(iter(line.values())) if isinstance(line, dict) else line for line in found]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_names_its_source(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# Source: u-blox, ")
    assert tables(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_tables_belong_to_sections_of_their_guide(path: Path) -> None:
    for table in tables(path):
        assert set(table) <= TABLE_KEYS
        assert section(table["section"]).series == {series_of(path)}
        assert set(table["begin"]) <= BEGIN
        numbers = _numbers(table)
        assert numbers == sorted(numbers), table["title"]
        _check_steps(table.get("given", []), series_of(path))
    for printed in {(table["section"], table["table"]) for table in tables(path)}:
        numbers = [number for table in tables(path) if (table["section"], table["table"]) == printed
                   for number in _numbers(table)]
        assert set(numbers) == set(range(1, max(numbers, default=0) + 1)), f"{printed}: a row is missing"


def _numbers(table: dict[str, Any]) -> list[int]:
    """The printed rows of a table, or of a part of it that begins from a state of its own."""
    return [row["row"] for row in table["rows"] if row["row"] is not None]


@pytest.mark.parametrize(("path", "table", "row"), rows())
def test_row_has_the_form(path: Path, table: dict[str, Any], row: dict[str, Any]) -> None:
    series = series_of(path)
    assert set(row) <= ROW_KEYS
    assert "expect" in row or "urc" in row
    assert not ("send" in row and "payload" in row)
    if "send" in row or "payload" in row:
        assert "expect" in row
    for name in row.get("errata", ()):
        assert series in next(one.series for one in ERRATA if one.id == name)
    if "evidence" in row:
        assert row["evidence"].upper() in Evidence.__members__
    _check_steps([*row.get("given", ()), *row.get("after", ())], series)
    if "send" in row:
        _check_command(row["send"], series)
    _check_placeholders(row)


def _check_placeholders(row: dict[str, Any]) -> None:
    for line in lines(row):
        assert isinstance(line, str)
        line.encode("latin-1")
        for _, expression in PLACEHOLDER.findall(line):
            re.compile(expression)
        assert not re.search(r"[{}]", PLACEHOLDER.sub("", line)), line


def _check_command(line: str, series: Series) -> None:
    assert line.startswith("AT")
    for name in NAME.findall(line.split('"')[0]):
        if name.upper() != "AT":
            command = ALL[name.upper()]
            assert series in command.series, line


def _check_steps(steps: list[dict[str, Any]], series: Series) -> None:
    for step in steps:
        assert len(step) == 1, step
        kind, value = next(iter(step.items()))
        if kind in ("at", "try"):
            _check_command(value, series)
        elif kind == "ctl":
            assert value.split()[0] in VERBS
            assert all("=" in word for word in value.split()[1:])
        elif kind == "fill":
            assert int(value) > 0
        elif kind == "file":
            assert re.fullmatch(r"[A-Za-z_.]+=\d+", value)
        elif kind == "host":
            assert re.fullmatch(r"rate=\d+|wait=[0-9.]+|send=\d+|xmodem=(full|delta)", value)
        else:
            assert step == {"wait": "registered"}
