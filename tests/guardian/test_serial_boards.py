"""A board on a serial port under a guardian: what a killed run leaves closed goes back to its idle state.

The board is an LCUS-4 on a real PTY: four bytes a command, FFh asks for the states (tests/instruments has
the transcript).
"""

from __future__ import annotations

import os
import signal
import threading
import time
import tty

import pytest

from cellbench.guardian.plan import DrivenLinePlan, EquipmentPlan, InstrumentPlan, SlotPlan


class Lcus4:
    """The board; ``closed`` is the relays that are on, from 1."""

    def __init__(self):
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.closed = {2}  # as an earlier program left it
        self.switched = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        waiting = b""
        while True:
            try:
                waiting += os.read(self._master, 64)
            except OSError:
                return
            while waiting:
                if waiting[0] == 0xFF:
                    waiting = waiting[1:]
                    os.write(self._master, b"".join(
                        f"CH{number}: {'ON ' if number in self.closed else 'OFF'}\r\n".encode()
                        for number in range(1, 5)))
                elif len(waiting) >= 4:
                    self._switch(waiting[:4])
                    waiting = waiting[4:]
                else:
                    break

    def _switch(self, command):
        start, number, on, check = command
        assert (start, check) == (0xA0, (start + number + on) & 0xFF)
        (self.closed.add if on else self.closed.discard)(number)
        self.switched.append((number, bool(on)))

    def stop(self):
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def board():
    one = Lcus4()
    yield one
    one.stop()


def test_a_killed_run_leaves_each_contact_in_its_idle_state(bench, board, monkeypatch):
    """PWR_ON by an open contact, RESET_N by a normally closed one: idle is open and closed."""
    equipment = EquipmentPlan("test", {
        **bench.equipment().instruments,
        "lcus": InstrumentPlan("line.lcus", {"url": board.path, "relays": 4})})
    monkeypatch.setattr(bench, "equipment", lambda: equipment)
    plan = bench.slot()
    slot = SlotPlan(name="slot-1", output=plan.output, read=plan.read, driven={
        "pwr_on": DrivenLinePlan("lcus", 0),
        "reset_n": DrivenLinePlan("lcus", 3, closed_when_asserted=False)})
    program = bench.hold(slot)
    (pid,) = bench.pids(program)
    assert board.switched[:2] == [(1, False), (4, True)]  # idle before the supply came on
    assert board.closed == {1, 2}  # both asserted; relay 2 is nobody's
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while board.closed != {2, 4} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert board.closed == {2, 4}
    assert bench.wait_log("safe after")
