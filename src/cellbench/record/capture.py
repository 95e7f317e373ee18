"""Captures: what a port streamed during an attempt, as a binary file beside the transcripts.

``trace/ATTEMPT/PORT.bin`` in the run's folder holds the bytes as they came, nothing added; what is known
about them stands in the journal (CaptureFile).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from cellbench.record.attempt import CaptureFile


def write_capture(folder: Path, facts: CaptureFile, data: bytes) -> CaptureFile:
    """Write ``data`` below the run's ``folder``; ``facts`` with file, size and sha256 filled in."""
    attempt, port = (re.sub(r"[^A-Za-z0-9_.-]+", "_", text) for text in (facts.attempt, facts.port))
    name = f"trace/{attempt}/{port}.bin"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return CaptureFile(
        facts.attempt, facts.port, facts.role, name, len(data), hashlib.sha256(data).hexdigest(),
        facts.began_utc_ns, facts.ended_utc_ns, facts.dropped, facts.gaps, facts.reason)


def capture_words(facts: CaptureFile) -> str:
    """A capture in a sentence: what, where, how much, what is missing."""
    if not facts.file:
        return f"trace of {facts.port}: {facts.reason}"
    seconds = (facts.ended_utc_ns - facts.began_utc_ns) / 1e9
    lacks = [f"{facts.dropped} bytes before them fell out of the ring"] if facts.dropped else []
    times = "once" if facts.gaps == 1 else f"{facts.gaps} times"
    lacks += [f"the port was away {times}"] if facts.gaps else []
    tail = f"; {', '.join(lacks)}" if lacks else ""
    size = f"{facts.bytes} bytes over {seconds:.1f} s"
    return f"trace of {facts.port}: {facts.file}, {size}, {facts.reason}{tail}"
