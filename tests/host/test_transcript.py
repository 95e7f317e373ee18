"""The transcript: everything that passed, bounded, redacted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.trace import Direction, Span, TraceRecord
from cellbench.host.secrets import Secrets
from cellbench.host.transcript import Transcript
from cellbench.io.tap import QuickSink


def record(sequence: int, data: bytes, direction: Direction = Direction.RX,
           port: str = "uart") -> TraceRecord:
    return TraceRecord(sequence, sequence * 1000, 1_700_000_000_000_000_000 + sequence, port, direction, data)


def test_it_is_a_sink_for_the_tap():
    assert isinstance(Transcript(), QuickSink)


def test_lines_with_time_direction_and_port():
    transcript = Transcript()
    transcript.record(record(0, b"AT\r", Direction.TX))
    transcript.record(record(1, b"\r\nOK\r\n\xff"))
    assert [str(line) for line in transcript.lines()] == [
        "22:13:20.000000 uart > AT<CR>", "22:13:20.000000 uart < <CR><LF>OK<CR><LF><FF>"]
    assert transcript.export().endswith("<FF>\n")


def test_records_are_given_in_order_whatever_thread_was_first():
    transcript = Transcript()
    transcript.record(record(1, b"answer"))
    transcript.record(record(0, b"command", Direction.TX))
    assert [one.data for one in transcript.records()] == [b"command", b"answer"]


def test_spans_and_marks():
    transcript = Transcript()
    for number in range(5):
        transcript.record(record(number, b"%d" % number))
        transcript.record(record(number, b"other", port="at0"))
    assert [line.text for line in transcript.lines_for(Span("uart", 1, 3))] == ["1", "2", "3"]
    mark = transcript.mark()
    assert transcript.records(mark) == ()
    transcript.clear()
    assert transcript.records() == ()


def test_it_is_bounded_by_number_and_by_size():
    transcript = Transcript(limit_records=100)
    for number in range(1000):
        transcript.record(record(number, b"x"))
    assert [one.sequence for one in transcript.records()] == list(range(900, 1000))
    assert transcript.dropped
    assert "dropped" in transcript.export().splitlines()[0]
    transcript = Transcript(limit_bytes=100_000)
    for number in range(100):
        transcript.record(record(number, bytes(10_000)))
    assert sum(len(one.data) for one in transcript.records()) <= 110_000
    assert transcript.records()[-1].sequence == 99


def test_a_secret_is_blanked_also_where_it_passed_before_and_in_pieces():
    transcript = Transcript()
    for number, byte in enumerate(b"x hush-hush y"):
        transcript.record(record(number, bytes([byte])))
    transcript.secrets.learn(b"hush-hush")
    assert b"".join(one.data for one in transcript.records()) == b"x ********* y"
    assert "hush" not in transcript.export()


def test_directions_and_ports_are_not_mixed():
    transcript = Transcript()
    transcript.secrets.learn(b"abcdef")
    transcript.record(record(0, b"abc"))
    transcript.record(record(1, b"def", Direction.TX))
    transcript.record(record(2, b"def", port="at0"))
    assert b"*" not in b"".join(one.data for one in transcript.records())


def test_short_secrets_are_blanked_where_they_stand_alone():
    secrets = Secrets()
    secrets.learn(b"1234")
    assert secrets.redact(b'AT+CPIN="1234"') == b'AT+CPIN="****"'
    assert secrets.redact(b"351234567890123") == b"351234567890123"


def test_a_key_of_several_lines():
    secrets = Secrets()
    secrets.learn_text(b"-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n")
    assert b"MIIE" not in secrets.redact(b"echo MIIEvQIBADANBg")
    assert secrets.redact_text("kqhkiG9w0BAQEF") == "*" * 14


def test_longer_secrets_first():
    secrets = Secrets()
    secrets.learn(b"secret")
    secrets.learn(b"secretive")
    assert secrets.redact(b"secretive") == b"*" * 9


@given(st.binary(max_size=60), st.lists(st.binary(max_size=8), max_size=4))
def test_redacting_keeps_the_length(data, values):
    secrets = Secrets()
    for value in values:
        secrets.learn(value)
    blanked = secrets.redact(data)
    assert len(blanked) == len(data)
    assert all(value not in blanked for value in values if len(value) >= 6 and b"*" not in value)


@pytest.mark.parametrize("value", [b"", b"x"])
def test_values_too_short_to_be_secrets(value):
    secrets = Secrets()
    secrets.learn(value)
    assert secrets.redact(b"x and y") == b"x and y"
