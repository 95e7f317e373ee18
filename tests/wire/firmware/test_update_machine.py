"""The words of an update: the guide's tables as printed, any split of the bytes, any percent missing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.wire.firmware.events import (
    Accepted,
    Call,
    Called,
    Checked,
    Event,
    GaveUp,
    Greeted,
    Noise,
    Ongoing,
    Refused,
    Result,
    Written,
)
from cellbench.wire.firmware.machine import LONGEST_LINE, UpdateMachine
from cellbench.wire.firmware.transitions import OVER, TRANSITIONS, UpdateInput, UpdateState

S = UpdateState
GREETING = "+UUSTATUS: READY"
ECHO = b"AT+UFWUPD=1,115200,,1\r"
TABLE_48 = (ECHO + b"\r\n>\r\n+UFWUPD: ONGOING\r\nCCC",
            b"\r\n+UFWPREVAL:0\r\n+UFWPREVAL:1\r\n+UFWPREVAL:100\r\n"
            b"+UFWUPD:0\r\n+UFWUPD:100\r\n", b"\r\n+UUSTATUS: READY\r\n", b"\r\n+UFWINSTALL: 128\r\n")
TABLE_52 = (b"AT+UFWINSTALL=1,115200,,1\r\r\nOK\r\n", b"+UFWPREVAL:0\r\n+UFWPREVAL:1\r\n+UFWPREVAL:100\r\n"
            b"+UFWINSTALL:0\r\n+UFWINSTALL:100\r\n", b"+UFWINSTALL: 128\r\n", b"+UUSTATUS: READY\r\n")


def commanded(greeting: str | None = GREETING) -> UpdateMachine:
    machine = UpdateMachine(greeting)
    machine.commanded()
    return machine


def told(events: list[Event]) -> list[Event]:
    """Without echoes."""
    return [one for one in events if not isinstance(one, Noise)]


def test_table_48_as_printed() -> None:
    machine = commanded()
    assert told(machine.receive(TABLE_48[0], 0.0)) == [Accepted(">"), Ongoing(), *[Called(Call.CRC)] * 3]
    assert machine.state is S.WAITING
    machine.sending()
    machine.sent()
    assert machine.receive(TABLE_48[1], 1.0) == [
        Checked(0, None), Checked(1, 0.0), Checked(100, 0.0), Written(0, None), Written(100, 0.0)]
    assert machine.state is S.SILENT
    assert machine.receive(TABLE_48[2], 2.0) == [Greeted(GREETING)]
    assert (machine.state, machine.over) == (S.STARTED, False)
    assert machine.receive(TABLE_48[3], 3.0) == [Result(128, "+UFWINSTALL")]
    assert (machine.state, machine.code, machine.over) == (S.DONE, 128, True)


def test_table_52_as_printed() -> None:
    machine = commanded()
    assert told(machine.receive(TABLE_52[0], 0.0)) == [Accepted("OK")]
    machine.receive(TABLE_52[1], 1.0)
    assert machine.receive(TABLE_52[2], 2.0) == [Result(128, "+UFWINSTALL")]
    assert machine.state is S.SUCCEEDED
    assert machine.receive(TABLE_52[3], 3.0) == [Greeted(GREETING)]
    assert machine.state is S.DONE


@pytest.mark.parametrize("prefix", ["+UFWUPD", "+UFWINSTALL", "+UUFWINSTALL"])
@pytest.mark.parametrize(("code", "state"), [(128, S.SUCCEEDED), (129, S.FAILED), (255, S.FAILED)])
def test_results_under_every_name(prefix: str, code: int, state: UpdateState) -> None:
    machine = commanded()
    assert machine.receive(f"\r\n{prefix}: {code}\r\n".encode(), 0.0) == [Result(code, prefix)]
    assert (machine.state, machine.code) == (state, code)


def test_both_windows_and_the_time_out() -> None:
    machine = commanded()
    machine.receive(b"\r\n+UFWUPD: ONGOING\r\nCCC" + b"\x15" * 9, 0.0)
    assert machine.receive(b"\x15", 1.0) == [Called(Call.CHECKSUM)]
    assert machine.calls == 13
    assert machine.receive(b"\r\nTimeout\r\n", 2.0) == [GaveUp("Timeout")]
    assert (machine.state, machine.over) == (S.GIVEN_UP, True)


@pytest.mark.parametrize("text", ["Timeout", "TIMEOUT", "ERROR1", "Error 1"])
def test_texts_of_a_time_out(text: str) -> None:
    machine = commanded()
    assert machine.receive(b"C\x15\r\n" + text.encode() + b"\r\n", 0.0)[-1] == GaveUp(text)
    assert machine.state is S.GIVEN_UP


@pytest.mark.parametrize(("text", "number"), [
    ("ERROR", None), ("+CME ERROR: 5000", 5000), ("+CME ERROR: FOTA package state or name mismatch", None)])
def test_a_refusal_at_once(text: str, number: int | None) -> None:
    machine = commanded()
    assert machine.receive(f"\r\n{text}\r\n".encode(), 0.0) == [Refused(text, number)]
    assert machine.state is S.REFUSED


def test_an_error_in_the_middle_is_noise() -> None:
    machine = commanded()
    machine.receive(b"\r\n+UFWPREVAL: 7\r\n", 0.0)
    assert machine.receive(b"\r\nERROR\r\nOK\r\n", 0.0) == [Noise("ERROR", False), Noise("OK", False)]
    assert machine.state is S.CHECKING


def test_calls_are_told_at_once_and_a_greeting_that_begins_like_one_is_still_known() -> None:
    machine = UpdateMachine("CELL READY")
    assert machine.receive(b"\r\nC", 0.0) == [Called(Call.CRC)]
    assert machine.receive(b"ELL READY\r\n", 0.1) == [Greeted("CELL READY")]
    assert machine.state is S.STARTED


def test_within_a_transfer_nothing_calls() -> None:
    machine = commanded()
    machine.receive(b"+UFWUPD: ONGOING\r\nC", 0.0)
    machine.sending()
    assert machine.receive(b"\x15\x06C", 0.0) == []
    assert machine.state is S.RECEIVING
    machine.aborted()
    assert machine.receive(b"\r\n+UFWUPD: 230\r\n", 0.0) == [Result(230, "+UFWUPD")]


def test_an_installation_that_begins_again() -> None:
    machine = UpdateMachine(GREETING)
    machine.receive(b"+UUFWINSTALL: 60\r\n", 0.0)
    assert (machine.state, machine.percent) == (S.WRITING, 60)
    again = machine.receive(b"+UFWPREVAL: 3\r\n+UUFWINSTALL: 1\r\n", 5.0)
    assert again == [Checked(3, None), Written(1, None)]
    assert machine.receive(b"+UUFWINSTALL: 100\r\n+UUFWINSTALL: 2\r\n", 6.0)[-1] == Written(2, None)
    assert machine.state is S.WRITING


def test_update_mode_that_waits_anew_without_its_first_words() -> None:
    machine = UpdateMachine(GREETING)
    assert machine.receive(b"\x15", 0.0) == [Called(Call.CHECKSUM)]
    assert machine.state is S.WAITING


def test_the_time_left_is_predicted_from_the_rate_so_far() -> None:
    machine = commanded()
    left = [event.left_s for percent, now in ((10, 0.0), (20, 1.0), (60, 5.0), (100, 9.0))
            for event in machine.receive(f"+UFWUPD: {percent}\r\n".encode(), now)
            if isinstance(event, Written)]
    assert left == [None, 8.0, 4.0, 0.0]


def test_bytes_of_another_rate_are_counted_and_cut_off() -> None:
    machine = commanded()
    machine.receive(b"\x8c@\xae\xfc\xff", 0.0)
    assert machine.unreadable == 4
    assert machine.receive(b"\x15", 0.0) == [Called(Call.CHECKSUM)]
    machine.receive(b"half a li", 0.0)
    machine.cut()
    assert machine.receive(b"\x15", 0.0) == [Called(Call.CHECKSUM)]


def test_a_line_without_end_is_given_up() -> None:
    machine = commanded()
    assert [type(one) for one in machine.receive(b"x" * (LONGEST_LINE + 3), 0.0)] == [Noise]
    assert machine.receive(b"\r\n+UFWUPD: 128\r\n", 0.0)[-1] == Result(128, "+UFWUPD")


def test_nothing_is_left_once_it_is_over() -> None:
    assert not [key for key in TRANSITIONS if key[0] in OVER]
    reached = set(TRANSITIONS.values())
    assert set(S) - reached == {S.LISTENING, S.COMMANDED}
    assert {what for _, what in TRANSITIONS} == set(UpdateInput)


# -- any bytes -----------------------------------------------------------------------------------------------

COURSES = (b"".join(TABLE_48), b"".join(TABLE_52),
           b"\r\n+UFWUPD: ONGOING\r\nCCC\x15\x15\r\nTimeout\r\n\r\n+UUSTATUS: READY\r\n",
           b"\xfc\xff\x00\r\n+UFWPREVAL: 4\r\n\r\n+UFWPREVAL: 97\r\n\r\n+UFWUPD: 173\r\n")


@given(course=st.sampled_from(COURSES), cuts=st.lists(st.integers(0, 200), max_size=30))
@settings(max_examples=150, deadline=None)
def test_the_same_however_the_bytes_are_split(course: bytes, cuts: list[int]) -> None:
    whole, pieces = commanded(), commanded()
    expected = whole.receive(course, 1.0)
    places = [0, *sorted(min(cut, len(course)) for cut in cuts), len(course)]
    heard = [event for begin, end in itertools.pairwise(places)
             for event in pieces.receive(course[begin:end], 1.0)]
    assert heard == expected
    assert (pieces.state, pieces.percent, pieces.code) == (whole.state, whole.percent, whole.code)


@given(junk=st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_first_a_result_on_a_line_of_its_own_is_heard(junk: bytes) -> None:
    machine = UpdateMachine(GREETING)
    machine.receive(junk, 0.0)
    assert machine.receive(b"\r\n+UFWUPD: 128\r\n", 0.0)[-1] == Result(128, "+UFWUPD")


@given(percents=st.lists(st.integers(0, 100), min_size=1, max_size=20, unique=True).map(sorted),
       blank=st.sampled_from([b"", b" "]),
       name=st.sampled_from([b"+UFWUPD", b"+UFWINSTALL", b"+UUFWINSTALL"]))
@settings(max_examples=100, deadline=None)
def test_any_percent_may_miss(percents: list[int], blank: bytes, name: bytes) -> None:
    machine = commanded()
    heard = machine.receive(b"".join(b"\r\n%s:%s%d\r\n" % (name, blank, one) for one in percents), 0.0)
    assert [one.percent for one in heard if isinstance(one, Written)] == percents
    assert machine.percent == percents[-1]
    assert machine.state is (S.SILENT if percents[-1] == 100 else S.WRITING)
