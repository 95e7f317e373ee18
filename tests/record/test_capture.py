"""Captures of trace ports: files beside the transcripts, records in the journal."""

from __future__ import annotations

import hashlib

from cellbench.record.attempt import CaptureFile
from cellbench.record.capture import capture_words, write_capture
from cellbench.record.codec import decode, encode


def facts(**more: object) -> CaptureFile:
    return CaptureFile("main-3", "a/1.cp-trace", "cp-trace", began_utc_ns=1_000_000_000,
                       ended_utc_ns=3_500_000_000, reason="kept because of FAIL", **more)  # type: ignore[arg-type]


def test_the_bytes_are_stored_as_they_came(tmp_path):
    data = bytes(range(256))
    written = write_capture(tmp_path, facts(), data)
    assert written.file == "trace/main-3/a_1.cp-trace.bin"
    assert (tmp_path / written.file).read_bytes() == data
    assert (written.bytes, written.sha256) == (256, hashlib.sha256(data).hexdigest())


def test_a_record_survives_the_journal(tmp_path):
    written = write_capture(tmp_path, facts(dropped=5, gaps=1), b"x")
    assert decode(CaptureFile, encode(written)) == written


def test_what_is_missing_is_said(tmp_path):
    written = write_capture(tmp_path, facts(dropped=5, gaps=2), b"x" * 10)
    assert capture_words(written) == (
        "trace of a/1.cp-trace: trace/main-3/a_1.cp-trace.bin, 10 bytes over 2.5 s, kept because of FAIL; "
        "5 bytes before them fell out of the ring, the port was away 2 times")
    nothing = CaptureFile("main-3", "a.diag", "diag", reason="nothing came (the port was silent)")
    assert capture_words(nothing) == "trace of a.diag: nothing came (the port was silent)"
