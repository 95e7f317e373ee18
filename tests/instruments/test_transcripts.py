"""Every kind's transcript played against its driver, and the frame itself against planted mistakes."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest


def _frame():
    name = "cellbench_transcript"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / "transcript.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


frame = _frame()
ONE = frame.dialogues("supply.scpi-generic")[0]


@pytest.mark.parametrize("dialogue", frame.all_dialogues())
def test_driver_says_what_the_transcript_has(dialogue):
    frame.play(dialogue)


def changed(edit):
    return replace(ONE, connections=(tuple(edit(list(ONE.connections[0]))),))


@pytest.mark.parametrize(("edit", "complaint"), [
    (lambda rows: [*rows[:-4], frame.Row("get", b"MEAS:CURR:DC?\n"), *rows[-3:]], "the transcript has"),
    (lambda rows: [*rows, frame.Row("get", b"OUTP ON\n")], "never sent"),
    (lambda rows: rows[:-4], "beyond the transcript"),
    (lambda rows: [*rows, frame.Row("say", b"7\n")], "unread|unasked|gone before"),
    (lambda rows: [*rows[:-3], frame.Row("say", b"0.5\n"), *rows[-2:]], "gave 0.5"),
])
def test_frame_notices(edit, complaint):
    with pytest.raises(AssertionError, match=complaint):
        frame.play(replace(changed(edit), settings={**ONE.settings, "timeout_s": 0.3}))


def test_frame_notices_a_connection_that_never_came():
    rows = ONE.connections[0]
    with pytest.raises(AssertionError, match="connection 1 never came"):
        frame.play(replace(ONE, connections=(rows, rows)))


def test_frame_notices_an_error_that_did_not_come():
    calls = (*ONE.calls[:-1], {**ONE.calls[-1], "raises": "RigError"})
    with pytest.raises(AssertionError, match="no RigError"):
        frame.play(replace(ONE, calls=calls))
