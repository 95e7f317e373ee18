"""Suspend and resume on USB, told and steered by the files that Linux has for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cellbench.virtual.bench.usb_rest import CONTROL, DELAY, STATUS, UsbRest


@pytest.fixture
def rest(loop: Any, tmp_path: Path) -> Iterator[UsbRest]:
    """A device that may rest after 0.1 s."""
    made = loop.call(lambda: UsbRest(loop.loop, tmp_path, 0.1))
    yield made
    loop.call(made.close)


def status(folder: Path) -> str:
    return (folder / STATUS).read_text().strip()


def test_a_device_without_traffic_is_suspended_and_resumed_by_some(loop: Any, rest: UsbRest,
                                                                   tmp_path: Path) -> None:
    assert loop.wait_for(lambda: status(tmp_path) == "suspended", 10)
    loop.call(rest.traffic)
    assert rest.resumed
    assert rest.remote_wakeups == 0
    assert loop.wait_for(lambda: status(tmp_path) == "suspended", 10)
    loop.call(lambda: rest.traffic(from_device=True))
    assert rest.remote_wakeups == 1
    assert loop.wait_for(lambda: not rest.resumed, 10)


def test_control_on_keeps_it_resumed(loop: Any, rest: UsbRest, tmp_path: Path) -> None:
    assert loop.wait_for(lambda: not rest.resumed, 10)
    (tmp_path / CONTROL).write_text("on")
    assert loop.wait_for(lambda: status(tmp_path) == "active", 10)
    assert rest.resumed
    (tmp_path / CONTROL).write_text("auto\n")
    assert loop.wait_for(lambda: status(tmp_path) == "suspended", 10)


def test_a_negative_delay_keeps_it_resumed_and_rubbish_changes_nothing(loop: Any, rest: UsbRest,
                                                                       tmp_path: Path) -> None:
    (tmp_path / DELAY).write_text("-1")
    loop.call(rest.traffic)
    assert loop.wait_for(lambda: rest.resumed, 10)
    assert not loop.wait_for(lambda: not rest.resumed, 0.4)
    (tmp_path / CONTROL).write_text("perhaps")
    (tmp_path / DELAY).write_text("0")
    assert not loop.wait_for(lambda: not rest.resumed, 0.3)
    (tmp_path / CONTROL).write_text("auto")
    assert loop.wait_for(lambda: not rest.resumed, 10)
