"""A slot names overlays: mistakes with their line, times for the host's channels."""

from __future__ import annotations

import os
from pathlib import Path

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.overlay import (
    CONTRIBUTED,
    Edit,
    Overlay,
    read_overlay,
    response_times,
    write_overlay,
)
from cellbench.host.transcript import Transcript
from cellbench.rig.load import load_rig, validate_file
from cellbench.rig.overlays import overlays_of
from cellbench.rig.slot_ports import SlotPorts

RIG = "rig: r\nslots:\n  a:\n    series: LARA-R6\n    ports: {uart: {url: /dev/nothing}}\n    overlays:\n"


def write(folder: Path, *overlays: str) -> Path:
    for series in Series:
        write_overlay(folder / f"{series.value}.yaml", Overlay(series=series, firmware="1", edits=(
            Edit(command="AT+CGACT=1,1", kind="time", final_s=200.0),)))
    (folder / "broken.yaml").write_text("overlay: 7\n")
    path = folder / "rig.yaml"
    path.write_text(RIG + "".join(f"    - {name}\n" for name in overlays))
    return path


def test_every_overlay_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "LARA-R6.yaml", "none.yaml", "LENA-R8.yaml", "broken.yaml")
    found = [str(one) for one in validate_file(path)]
    assert len(found) == 3
    sentences = ("no file none.yaml", "is of LENA-R8", "cannot be used")
    for line, (said, sentence) in enumerate(zip(found, sentences, strict=True), 8):
        assert said.startswith(f"{path}:{line}: slots.a.overlays")
        assert sentence in said


def test_the_slot_waits_as_long_as_its_firmware_needs(tmp_path: Path) -> None:
    far, near = os.openpty()
    try:
        path = write(tmp_path, "LARA-R6.yaml")
        path.write_text(path.read_text().replace("/dev/nothing", os.ttyname(near)))
        rig = load_rig(path)
        model, profile = rig.model.slots["a"], profile_for(Series.LARA_R6)
        slower = response_times(overlays_of(rig.path, model))
        ports = SlotPorts("a", model, profile, rig.model.usb, Transcript(), 10.0, slower=slower)
        assert ports.channel("uart").plan("AT+CGACT=1,2").timeout_s == 300.0
        ports.close()
    finally:
        os.close(far)
        os.close(near)


def test_what_was_sent_in_can_be_read() -> None:
    for path in CONTRIBUTED.glob("*.yaml"):
        assert path.stem == f"{read_overlay(path).series.value}-{read_overlay(path).firmware}"
    assert CONTRIBUTED.is_dir()
