"""update-stage and report what=update: the deed comes before the module's next write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.control.verbs import ControlRefusal
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.filestore import FOAT
from cellbench.virtual.device.update import PACKAGE_NAME, Stage
from cellbench.virtual.device.update_package import fitting
from cellbench.virtual.device.update_state import State
from cellbench.virtual.device.update_verbs import REPORTS, VERBS


class Slot:
    """What the verbs need of a slot."""

    def __init__(self, module: Any) -> None:
        self.module = module


class Rack:
    """What the verbs need of a rack; ``cuts`` says which deeds were done."""

    def __init__(self) -> None:
        self.cuts: list[str] = []

    def power_off(self, slot: Slot, cause: str) -> None:
        self.cuts.append(cause)
        slot.module.set_supply(0.0)


@pytest.fixture
def one(driven: Any, series: Series) -> Any:
    """A module with a package in its place."""
    made = driven(series, update_check_s=2.0, update_write_s=5.0, update_silent_s=3.0)
    made.power_up(vusb=False)
    made.wake()
    package = fitting(series, made.module.updater.version, size=2000)
    file_store(made.module).write(PACKAGE_NAME, package, FOAT)
    return made


def act(one: Any, rack: Rack, **values: str) -> Mapping[str, str]:
    async def within() -> Any:
        return await VERBS["update-stage"].act(rack, Slot(one.module), values)  # type: ignore[arg-type]

    return one.loop.run_until_complete(within()) or {}


def report(one: Any) -> Mapping[str, str]:
    async def within() -> Any:
        return await REPORTS["update"].act(Rack(), Slot(one.module), {"what": "update"})  # type: ignore[arg-type]

    return dict(one.loop.run_until_complete(within()))


@pytest.mark.parametrize(("stage", "at", "state"), [
    ("checking", "50", State.INSTALLING), ("writing", "0", State.REWRITING),
    ("writing", "41", State.REWRITING),
    ("silent", "0", State.REWRITING), ("committed", "0", State.COMMITTED)])
def test_a_cut_at_an_exact_place(one: Any, stage: str, at: str, state: State) -> None:
    rack = Rack()
    act(one, rack, stage=stage, at=at, then="cut", wait="no")
    assert one.at("AT+UFWINSTALL=1,115200,,1") == ["OK"]
    one.until(lambda: bool(rack.cuts), 60)
    record = one.module.updater.state.record
    one.run(30)
    assert one.module.updater.state.record == record  # nothing was written after the cut
    assert record.state is state
    assert rack.cuts == ["update-stage"]
    assert report(one)["record"] == state.value
    if stage == "writing" and at == "41":
        assert record.percent < 41


def test_waiting_for_a_place(one: Any) -> None:
    rack = Rack()
    one.send(b"AT+UFWINSTALL=1,115200,,1\r")
    found = act(one, rack, stage="writing", at="30")
    assert found["stage"] == "writing"
    assert 30 <= int(found["at"]) < 40
    assert act(one, rack, stage="silent")["at"] == "0"
    assert report(one)["method"] == "fota"
    assert not one.module.updater.watchers


def test_what_cannot_be_done(one: Any) -> None:
    rack = Rack()
    for values in ({"stage": "nowhere"}, {"stage": "writing", "then": "dance"},
                   {"stage": "writing", "at": "-1"}, {"stage": "writing", "wait": "no"},
                   {"stage": "writing", "seconds": "1"}):
        with pytest.raises(ControlRefusal):
            act(one, rack, **values)
    assert not one.module.updater.watchers
    assert act(one, rack, stage=Stage.IDLE.value) == {"stage": "idle", "at": "0"}


def test_a_module_that_is_reset_in_the_middle(one: Any, series: Series) -> None:
    """As a power cut: the installation begins again."""
    rack = Rack()
    old = one.module.updater.version
    act(one, rack, stage="writing", at="50", then="reset", wait="no")
    one.at("AT+UFWINSTALL=1,115200,,1")
    one.until(lambda: one.module.power.running and not one.module.updater.in_update, 600)
    assert one.module.power.boots >= 4  # first, loader, loader again, the new firmware
    assert one.module.updater.version != old
