"""What a procedure records reads back as it was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from cellbench.base.clock import SYSTEM_CLOCK
from cellbench.record.measurement import Judgement, Limit
from cellbench.record.writer import GENESIS, JournalWriter
from cellbench.session.recorder import LimitFailed, Recorder


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(JournalWriter(tmp_path / "journal.jsonl", GENESIS, SYSTEM_CLOCK), "a-1")


def test_a_truth_is_a_word(recorder: Recorder) -> None:
    assert recorder.measure("awake", True, limit=Limit(equals="yes")) is Judgement.PASS
    with pytest.raises(LimitFailed, match="awake is 'no'"):
        recorder.measure("awake", False, limit=Limit(equals="yes"))
    assert recorder.journal is not None
    recorder.journal.close()
    assert '"value":"yes"' in recorder.journal.path.read_text()
