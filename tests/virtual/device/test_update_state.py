"""The update's state machine on disk: a power cut at every write, and before and after each."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cellbench.virtual.device.update_state import (
    TRANSITIONS,
    Begin,
    FileDisk,
    Move,
    Record,
    State,
    Told,
    UpdateState,
)

OLD, NEW = "02.00,A01.22", "02.00,A01.40"


class Cut(Exception):
    """The supply is gone."""


class Memory:
    """A disk that loses its power at a given write: before it, or right after it."""

    def __init__(self) -> None:
        self.record: Record | None = None
        self.package = False
        self.left = -1
        self.after = False
        self.writes = 0

    def load(self) -> Record | None:
        return self.record

    def _write(self, act: object, value: object) -> None:
        self.writes += 1
        due = self.left == 0
        self.left -= 1
        if due and not self.after:
            raise Cut
        setattr(self, str(act), value)
        if due:
            raise Cut

    def put(self, record: Record) -> None:
        self._write("record", record)

    def drop_package(self) -> None:
        self._write("package", False)


def machine(disk: Memory, *, waits: bool = False, keeps: bool = False) -> UpdateState:
    return UpdateState(disk, OLD, keeps_package=keeps, cut_before_write_waits=waits)


def course(state: UpdateState, disk: Memory, begin: Begin, *, sender: bool) -> None:
    """What the module does in a start, up to the firmware's own start."""
    while begin is not Begin.FIRMWARE:
        state.entered()
        if begin is Begin.FOAT and not sender:
            state.refused()
            return
        if begin is Begin.INSTALL and not disk.package:
            raise AssertionError("an installation begins and its package is gone")
        state.first_write(NEW)
        for percent in (1, 50, 100):
            state.wrote(percent)
        state.commit(NEW)
        begin = Begin.FIRMWARE
    state.told()


def starts(disk: Memory, *, waits: bool, sender: bool) -> Begin:
    """A start with power that stays, to its end; what it began with."""
    disk.left = -1
    state = machine(disk, waits=waits)
    begin = state.at_start()
    course(state, disk, begin, sender=sender)
    return begin


def trial(method: str, cut: int, *, after: bool, waits: bool) -> Memory:
    """One update with one cut; the disk behind it."""
    disk = Memory()
    disk.package = method == "fota"
    state = machine(disk, waits=waits)
    disk.left, disk.after = cut, after
    try:
        (state.begin_foat if method == "foat" else state.begin_install)(Told())
        state = machine(disk, waits=waits)  # the restart
        course(state, disk, state.at_start(), sender=True)
    except Cut:
        pass
    return disk


def test_a_cut_at_every_write_leaves_old_or_new_or_update_mode() -> None:
    for method in ("foat", "fota"):
        whole = trial(method, -1, after=False, waits=False)
        assert whole.record is not None
        assert whole.record.firmware == NEW
        for cut in range(whole.writes):
            for after in (False, True):
                for waits in (False, True):
                    disk = trial(method, cut, after=after, waits=waits)
                    begin = starts(disk, waits=waits, sender=False)
                    found = machine(disk, waits=waits)
                    if found.record.firmware is None:
                        assert (method, begin) == ("foat", Begin.FOAT)
                        assert found.record.state is State.LOST
                        starts(disk, waits=waits, sender=True)
                        assert machine(disk).record.firmware == NEW
                    else:
                        assert found.record.firmware in (OLD, NEW)
                        assert found.record.state is State.NORMAL
                        assert not (method == "fota" and found.record.firmware == NEW and disk.package)


@given(method=st.sampled_from(["foat", "fota"]), seed=st.integers(), cuts=st.integers(1, 12))
def test_many_cuts_in_a_row(method: str, seed: int, cuts: int) -> None:
    """However often it is cut, a package by Xmodem or the stored one brings it to an end."""
    dice = random.Random(seed)
    disk = trial(method, dice.randrange(12), after=dice.random() < 0.5, waits=dice.random() < 0.5)
    for _ in range(cuts):
        disk.left, disk.after = dice.randrange(8), dice.random() < 0.5
        try:
            state = machine(disk)
            course(state, disk, state.at_start(), sender=True)
        except Cut:
            continue
    starts(disk, waits=False, sender=True)
    assert machine(disk).record.firmware in (OLD, NEW)
    assert machine(disk).at_start() is Begin.FIRMWARE


def test_a_flashing_cut_leaves_the_boot_mode() -> None:
    for cut in (0, 1):
        for after in (False, True):
            disk = Memory()
            disk.left, disk.after = cut, after
            try:
                state = machine(disk)
                state.begin_flash(NEW)
                state.flashed(NEW)
            except Cut:
                pass
            disk.left = -1
            state = machine(disk)
            if state.record.firmware is None:
                assert state.at_start() is Begin.DOWNLOAD
                state.begin_flash(NEW)
                state.flashed(NEW)
            assert state.record.firmware in (OLD, NEW)


def test_every_state_is_reached_and_left() -> None:
    reached = set(TRANSITIONS.values())
    assert reached == set(State)
    assert {state for state, move in TRANSITIONS if move is not Move.FLASH} == set(State)


def test_the_record_survives_the_process(tmp_path: Path) -> None:
    dropped: list[bool] = []
    disk = FileDisk(tmp_path / "m" / "update.json", lambda: dropped.append(True))
    state = UpdateState(disk, OLD, keeps_package=False, cut_before_write_waits=False)
    state.begin_install(Told(3, 921_600, False))
    state.entered()
    state.first_write(NEW)
    again = UpdateState(disk, OLD, keeps_package=False, cut_before_write_waits=False)
    assert again.record == state.record
    assert again.at_start() is Begin.INSTALL
    again.commit(NEW)
    assert dropped == [True]
    (tmp_path / "m" / "update.json").write_text("{")
    assert UpdateState(disk, OLD, keeps_package=False, cut_before_write_waits=False).record == Record(OLD)
