"""Sequences of connection managers and of the maker's scripts: every line ends, and says what they read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

SEQUENCES = Path(__file__).with_name("sequences")


def answers(process: Popen[str]) -> list[dict[str, Any]]:
    """What the probing program found."""
    out, err = process.communicate(timeout=120)
    assert out, err
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("name", ["modemmanager", "ofono", "m_center"])
def test_every_line_has_a_final_result_code_and_what_the_program_reads(
        foreign_rack: Any, key: str, name: str, peer: Callable[..., Popen[str]]) -> None:
    slot = f"chat-{key}"
    foreign_rack.power_on(slot)
    sequence = SEQUENCES / f"{name}.txt"
    found = answers(peer("probe.py", foreign_rack.slots[slot]["at"][0], sequence))
    lines = [line for line in sequence.read_text().splitlines() if line[:1] not in ("", "#")]
    assert len(found) == len(lines)
    assert [one for one in found if not one["fits"]] == []
    assert max(one["seconds"] for one in found) < 8.0
