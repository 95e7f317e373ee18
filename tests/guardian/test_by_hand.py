"""Lines that a person works, through a lease: what is asked, what the answers do, who is let go."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from cellbench.base.errors import NotPossible, OperatorError, RigError
from cellbench.guardian.client import GuardianClient, Lease
from cellbench.guardian.plan import DrivenLinePlan, EquipmentPlan, InstrumentPlan, SlotPlan
from cellbench.guardian.start import stop

BUTTON, JUMPER = "button PWR_ON", "jumper J5"
WAIT_S = 30.0


def equipment(within_s: float) -> EquipmentPlan:
    settings = {"contacts": [BUTTON, JUMPER], "answer_within_s": within_s}
    return EquipmentPlan("by-hand", {"hand1": InstrumentPlan("line.manual", settings)})


SLOT = SlotPlan("a1", driven={"pwr_on": DrivenLinePlan("hand1", 0), "usb_boot": DrivenLinePlan("hand1", 1)})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A guardian of its own."""
    monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(tmp_path / "locks"))
    yield tmp_path / "run"
    if (tmp_path / "run").exists():
        stop(tmp_path / "run")


@pytest.fixture
def guardian(place: Path) -> Iterator[GuardianClient]:
    with GuardianClient.connect(place) as client:
        client.enrol(equipment(20.0))
        yield client


@pytest.fixture
def lease(guardian: GuardianClient) -> Lease:
    return guardian.lease(SLOT, run="run-1", controller_pid=os.getpid())


@pytest.fixture
def later() -> Iterator[Callable[..., Future[object]]]:
    """Does something in another thread, as a run does while its person thinks."""
    with ThreadPoolExecutor(4) as pool:
        yield lambda work, *args: pool.submit(work, *args)


def next_question(guardian: GuardianClient) -> str:
    """The open question, answered with "done" right away."""
    number, text = open_question(guardian)
    guardian.answer(number, "done")
    return text


def open_question(guardian: GuardianClient) -> tuple[int, str]:
    seen, prompts = guardian.prompts()
    while not prompts:
        seen, prompts = guardian.prompts(seen, WAIT_S)
        assert prompts, "nothing is asked"
    return prompts[0].number, prompts[0].question


def test_a_pulse_is_one_question(guardian: GuardianClient, lease: Lease, later) -> None:  # type: ignore[no-untyped-def]
    """It asks for a little more than the least, and says that nobody timed it."""
    pulse = later(lease.pulse, "pwr_on", 2.05)
    assert next_question(guardian) == f"Press or close it for 2.5 s, then let go or open it again: {BUTTON}."
    assert pulse.result(WAIT_S).shortest_s == 0.0
    with pytest.raises(NotPossible, match=r"no person works button PWR_ON for 0\.075 s"):
        lease.pulse("pwr_on", 0.075)


def test_only_changes_are_asked_for(guardian: GuardianClient, lease: Lease, later) -> None:  # type: ignore[no-untyped-def]
    """A contact nobody has touched is looked at once; from then on it is known."""
    closing = later(lease.drive, "usb_boot", True)
    assert next_question(guardian) == f"Close or hold down: {JUMPER}."
    closing.result(WAIT_S)
    lease.drive("usb_boot", True)
    assert lease.sense("usb_boot")
    opening = later(lease.drive, "usb_boot", False)
    assert next_question(guardian) == f"Open or let go: {JUMPER}."
    opening.result(WAIT_S)
    lease.drive("usb_boot", False)
    looking = later(lease.drive, "pwr_on", False)
    assert next_question(guardian) == f"See that it is open and that nobody holds it: {BUTTON}."
    looking.result(WAIT_S)
    assert guardian.prompts()[1] == ()


def test_a_person_who_cannot_is_the_rigs_error(guardian: GuardianClient, lease: Lease, later) -> None:  # type: ignore[no-untyped-def]
    """And another answer than those offered is refused while the question stays."""
    driving = later(lease.drive, "usb_boot", True)
    number, _ = open_question(guardian)
    with pytest.raises(OperatorError, match="it takes done or cannot"):
        guardian.answer(number, "maybe")
    guardian.answer(number, "c")
    with pytest.raises(RigError, match="the person cannot work jumper J5"):
        driving.result(WAIT_S)


def test_nobody_there(place: Path) -> None:
    """OperatorError after the time of the rig file; the lease lives on."""
    with GuardianClient.connect(place) as client:
        client.enrol(equipment(1.0))
        lease = client.lease(SLOT, run="run-1", controller_pid=os.getpid())
        with pytest.raises(OperatorError, match="hand1: nobody answered within 1 s"):
            lease.drive("usb_boot", True)
        assert not lease.sense("usb_boot")


def test_an_interrupted_wait_withdraws_the_question(guardian: GuardianClient, lease: Lease, later) -> None:  # type: ignore[no-untyped-def]
    """The lease's end while a person is asked: nobody is asked any more, and the slot is free at once."""
    ended = threading.Event()

    def drive() -> None:
        try:
            lease.drive("usb_boot", True)
        except RigError:
            ended.set()

    later(drive)
    open_question(guardian)
    lease.close()
    assert ended.wait(WAIT_S)
    seen, prompts = guardian.prompts()
    while prompts:
        seen, prompts = guardian.prompts(seen, WAIT_S)
    again = guardian.lease(SLOT, run="run-2", controller_pid=os.getpid())
    driving = later(again.drive, "pwr_on", False)
    assert next_question(guardian).startswith("See that it is open")
    driving.result(WAIT_S)
