"""A worker's part of the journal, as its controller reads it when the worker has died."""

from __future__ import annotations

import json
from pathlib import Path

from cellbench.record.attempt import Kind
from cellbench.record.verdict import Outcome

_NEVER_JUDGED = Outcome.ABORTED.value


def has_ended(segment: Path, attempt: str) -> bool:
    """True when the segment says how an attempt ended.

    ABORTED does not count: it is what a worker writes that leaves an attempt in haste, so whoever saw the
    worker die knows better.
    """
    try:
        lines = segment.read_bytes().split(b"\n")
    except OSError:
        return False
    for line in reversed(lines):
        if attempt.encode() not in line or Kind.ATTEMPT_ENDED.value.encode() not in line:
            continue
        try:
            record = json.loads(line)
        except ValueError:
            continue  # the line that was being written
        if record["kind"] == Kind.ATTEMPT_ENDED and record["data"]["attempt"] == attempt:
            return bool(record["data"]["verdict"]["outcome"] != _NEVER_JUDGED)
    return False
