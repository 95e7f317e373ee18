"""The supply current beside what a procedure does, cut into states; the host's power management of USB. On a
virtual rack, through guardian and supply."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellbench.base.errors import CellbenchError, NotPossible, UnitError
from cellbench.guardian.start import stop as stop_guardian
from cellbench.host.transcript import Transcript
from cellbench.rig.bench import Bench
from cellbench.rig.current import CurrentProfile, CurrentWatch
from cellbench.rig.load import load_rig
from cellbench.rig.slot import Slot
from cellbench.rig.usb_rest import UsbRest
from cellbench.roots.farside import far_side


def profile() -> CurrentProfile:
    """A second awake, two asleep with three wake-ups, one awake."""
    times = tuple(place / 100 for place in range(400))
    amperes = tuple(0.010 if not 1 <= at < 3 else 0.041 if at % 0.5 < 0.02 else 0.001 for at in times)
    return CurrentProfile(times, amperes, ((0.0, "awake"), (1.0, "asleep"), (3.0, "awake")))


def test_states_have_their_means_peaks_and_lengths() -> None:
    first, asleep, last = profile().states()
    assert (first.mean_a, first.peak_a, first.least_a) == (pytest.approx(0.010), 0.010, 0.010)
    assert asleep.seconds == 2.0
    assert asleep.peak_a == 0.041
    assert asleep.mean_a == pytest.approx(0.001 + 3 * 0.02 * 0.040 / 1.9, rel=0.05)
    assert last.name == "awake"
    assert profile().state("awake").seconds == 1.0
    with pytest.raises(UnitError, match="no sample while the module was dreaming"):
        profile().state("dreaming")


def test_a_state_that_nobody_saw_has_no_figures() -> None:
    seen = CurrentProfile((0.0, 1.0), (0.01, 0.01), ((0.0, "awake"), (0.3, "short"), (0.35, "awake")))
    with pytest.raises(UnitError, match="short"):
        seen.state("short")


def test_wake_ups_are_rises_of_the_current() -> None:
    assert profile().wake_ups(1.1, 3.0, 0.005) == (1.5, 2.0, 2.5)
    assert profile().wake_ups(1.51, 3.0, 0.005) == (2.0, 2.5), "what was high at the beginning rose before"
    assert CurrentProfile((), ()).wake_ups(0.0, 1.0, 0.1) == ()


@pytest.mark.parametrize("about", [0.2, 1.2, 1.45])
def test_the_fall_is_found_from_either_side(about: float) -> None:
    steady = CurrentProfile(profile().times, tuple(0.01 if at < 1 else 0.001 for at in profile().times))
    assert steady.falls_below(0.005, about) == 1.0


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slot]:
    """A registered module on a rack."""
    folder = tmp_path_factory.mktemp("current")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CELLBENCH_RUNTIME_DIR", str(folder / "run"))
        patch.setenv("CELLBENCH_LOCK_DIR", str(folder / "locks"))
        program = subprocess.Popen(
            [sys.executable, "-m", "cellbench", "virtual", "up", "--slot", "r6=LARA-R6", "--dir",
             str(folder / "rack"), "--end-with", str(os.getpid())], stdout=subprocess.PIPE, text=True)
        assert program.stdout is not None
        json.loads(program.stdout.readline())
        rig = load_rig(folder / "rack" / "rig.yaml")
        trace = Transcript()
        bench = Bench(rig=rig, run="current", controller_pid=os.getpid(), trace=lambda name: trace,
                      events=lambda name: lambda what, detail, values: None,
                      far_side_for=lambda name: far_side(rig, name))
        made = bench.slot("r6")
        made.power_on()
        made.channel("uart").sync(10.0)
        yield made
        bench.close(hard=True, cause="end")
        stop_guardian(folder / "run")
        program.terminate()
        program.communicate(timeout=20)


def test_a_sleep_is_seen_beside_the_conversation(slot: Slot) -> None:
    """AT goes on while the supply is read; the sleep by DTR falls into its own state."""
    uart = slot.channel("uart")
    before = threading.active_count()
    with UsbRest(slot) as rest, CurrentWatch(slot) as watch:
        rest.allow()
        assert rest.suspends(20.0)
        assert watch.wait_mean(0.2, below_a=0.02, at_most_s=30.0) is not None, "the radio connection ends"
        watch.mark("awake")
        assert watch.mean_of(0.3) == pytest.approx(0.0106, rel=0.1)
        for _ in range(20):
            assert uart.send("AT").ok
        uart.send("AT+UPSV=3")
        uart.set_line("dtr", False)
        fell = watch.wait_mean(0.2, below_a=0.006, at_most_s=30.0)
        assert fell is not None
        watch.mark_at(watch.profile().falls_below(0.006, fell), "asleep")
        watch.hold(0.5)
        watch.mark("woken")
        uart.set_line("dtr", True)
        assert watch.wait_mean(0.2, above_a=0.008, at_most_s=30.0) is not None
        assert watch.wait_mean(0.1, below_a=0.001, at_most_s=0.3) is None
    seen = watch.profile()
    assert threading.active_count() <= before, "the sampling thread has ended"
    assert seen.state("asleep").mean_a < 0.006 < 0.008 < seen.state("awake").mean_a
    assert list(seen.times) == sorted(seen.times)
    assert [name for _, name in seen.marks] == ["awake", "asleep", "woken"]
    uart.send("AT+UPSV=0")


def test_usb_is_suspended_and_resumed_and_left_as_it_was(slot: Slot) -> None:
    scene = slot.ports.scene()
    control = Path(scene.sysfs) / "bus/usb/devices" / scene.location / "power/control"
    control.write_text("on\n")
    with UsbRest(slot) as rest:
        rest.allow(0.05)
        assert rest.suspends(20.0)
        assert slot.channel("at0").send("AT").ok, "writing resumes it"
        rest.forbid()
        assert rest.resumes(20.0)
        assert rest.status() == "active"
        rest.allow(0.05)
    assert control.read_text().strip() == "on"
    control.write_text("auto\n")


def test_what_the_host_does_not_let_us_write_is_told_with_a_remedy(slot: Slot, tmp_path: Path) -> None:
    rest = UsbRest(slot)
    rest._power = tmp_path
    with pytest.raises(NotPossible, match="cannot be read"):
        rest.status()
    (tmp_path / "control").write_text("on")
    (tmp_path / "autosuspend_delay_ms").mkdir()
    with pytest.raises(NotPossible, match="autosuspend_delay_ms"):
        rest.allow()


def test_a_supply_that_goes_away_ends_the_watch_with_its_error(slot: Slot) -> None:
    with CurrentWatch(slot) as watch:
        watch.hold(0.1)
        assert slot.lease is not None
        slot.lease.close()
        with pytest.raises(CellbenchError):
            watch.hold(5.0)
    with pytest.raises(CellbenchError):
        watch.profile()
