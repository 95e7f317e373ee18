"""The polls that a failing test's module is asked only read, and the page lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.diagnosis import POLLS, polls_for
from cellbench.catalogue.model import Form, Series
from cellbench.catalogue.modules import profile_for

PAGE = Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md"
ACTIONS = {"+CPWROFF", "+CMUX", "+CFUN", "+CGDATA"}


def _form(line: str) -> tuple[str, Form]:
    name = line.removeprefix("AT")
    return (name[:-1], Form.READ) if name.endswith("?") else (name, Form.EXECUTE)


@pytest.mark.parametrize("poll", POLLS, ids=lambda poll: poll.line)
def test_a_poll_reads_and_does_nothing_else(poll):
    name, form = _form(poll.line)
    assert "=" not in poll.line
    assert ";" not in poll.line
    command = ALL["I" if name == "I9" else name]
    assert form in command.forms
    assert form is Form.READ or name not in ACTIONS
    for series in poll.series:
        assert command.name not in profile_for(series).unsupported


@pytest.mark.parametrize("series", Series)
def test_each_series_has_its_polls_once_the_radio_first(series):
    lines = [poll.line for poll in polls_for(series)]
    assert len(lines) == len(set(lines)) >= 15
    assert lines[0] == "AT+CFUN?"


def test_the_page_lists_every_poll():
    text = PAGE.read_text()
    assert [poll.line for poll in POLLS if f"`{poll.line}`" not in text] == []
