"""Transcripts as text and back."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.trace import Direction, Span, TraceRecord
from cellbench.record.transcript import (
    escape,
    format_record,
    parse_record,
    read_transcript,
    unescape,
    utc_text,
    within,
    write_transcript,
)

records = st.builds(TraceRecord, st.integers(0, 10**9), st.integers(0, 10**15),
                    st.integers(0, 2 * 10**15).map(lambda micro: micro * 1000),
                    st.sampled_from(["uart", "usb-at0"]), st.sampled_from(Direction), st.binary(max_size=60))


@given(st.binary(max_size=200))
def test_bytes_come_back(data: bytes) -> None:
    text = escape(data)
    assert text.isascii()
    assert text.isprintable()
    assert unescape(text) == data


@given(records)
def test_a_record_comes_back(record: TraceRecord) -> None:
    assert parse_record(format_record(record)) == record


@given(st.text(max_size=80))
def test_any_text_is_a_record_or_none(text: str) -> None:
    found = parse_record(text)
    assert found is None or isinstance(found, TraceRecord)


def test_a_long_transcript_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    made = [TraceRecord(n, n, n * 1000, "uart", Direction.RX, b"x" * 50) for n in range(1000)]
    (file,) = write_transcript(tmp_path, "a", made, limit_bytes=20_000)
    kept = read_transcript(tmp_path / file.file)
    assert (tmp_path / file.file).stat().st_size < 20_100
    assert file.dropped == 1000 - len(kept) > 0
    assert kept[0] == made[0]
    assert kept[-1] == made[-1]
    assert (file.first, file.last) == (0, 999)


def test_a_span_picks_its_records(tmp_path: Path) -> None:
    made = [TraceRecord(n, n, n * 1000, "uart", Direction.TX, b"AT\r") for n in range(9)]
    (file,) = write_transcript(tmp_path, "a", made)
    assert within(read_transcript(tmp_path / file.file), Span("uart", 3, 5)) == tuple(made[3:6])
    assert within(made, Span("usb", 3, 5)) == ()


def test_each_port_has_a_file_of_its_own(tmp_path: Path) -> None:
    made = [TraceRecord(n, n, 0, f"usb/{n % 2}", Direction.TX, b"AT\r") for n in range(4)]
    files = write_transcript(tmp_path, "gw0-1", made)
    assert [(file.port, file.file) for file in files] == [("usb/0", "trace/gw0-1-usb_0.txt"),
                                                          ("usb/1", "trace/gw0-1-usb_1.txt")]
    assert write_transcript(tmp_path, "gw0-2", []) == []


def test_a_transcript_that_is_gone_is_empty(tmp_path: Path) -> None:
    assert read_transcript(tmp_path / "none.txt") == ()


def test_times_are_iso_8601_in_utc() -> None:
    assert utc_text(1_762_338_153_123_456_789) == "2025-11-05T10:22:33.123Z"
    assert utc_text(1_762_338_153_123_456_789, "seconds") == "2025-11-05T10:22:33Z"
