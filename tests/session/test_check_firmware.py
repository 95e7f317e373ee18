"""What `cellbench check` says of the firmware catalogue and of an IMEI that the rig file states."""

from __future__ import annotations

from cellbench.catalogue.model import Series
from cellbench.rig.load import load_rig
from cellbench.session.check.firmware import look_at_firmware
from cellbench.session.check.model import Host, Scene, Severity
from cellbench.session.check.modules import Met, _stated
from cellbench.virtual.packaging import write_catalogue

RIG = """\
rig: line1
slots:
  a1: {series: LENA-R8, imei: "353760970000040", ports: {uart: {url: /dev/serial/by-id/none}}}
"""


def test_the_files_are_looked_for(tmp_path):
    path = tmp_path / "rig.yaml"
    path.write_text(RIG)
    assert list(look_at_firmware(Scene(load_rig(path), Host()))) == []
    path.write_text(RIG + "firmware: fw.yaml\n")
    write_catalogue(tmp_path / "fw.yaml", {(Series.LENA_R8, "LENA-R8001"), (Series.LARA_R6, "LARA-R6001")})
    (look,) = look_at_firmware(Scene(load_rig(path), Host()))
    assert (look.what, look.told, look.troubles) == (
        "firmware", "10 packages, 5 for the modules of this rig", ())
    full = tmp_path / "firmware" / "lena-r8" / "02.00-A01.40.full"
    full.write_bytes(b"short")
    (tmp_path / "firmware" / "lena-r8" / "02.00-A01.22.full").unlink()
    (look,) = look_at_firmware(Scene(load_rig(path), Host()))
    gone, short = look.troubles
    assert gone.severity is Severity.ERROR
    assert f"{tmp_path}/fw.yaml:" in gone.sentence
    assert "02.00-A01.22.full: No such file or directory" in gone.sentence
    assert "02.00-A01.40.full has 5 bytes, not 262144" in short.sentence
    assert f"{path}:4: firmware" in short.where


def test_another_imei_than_the_stated_one_is_an_error(tmp_path):
    path = tmp_path / "rig.yaml"
    path.write_text(RIG)
    scene = Scene(load_rig(path), Host())
    assert list(_stated(scene, Met("a1", {"uart": "353760970000040"}))) == []
    (trouble,) = _stated(scene, Met("a1", {"uart": "353760970000040", "at0": "357862090033897"}))
    assert "tells IMEI 357862090033897 on at0, the file says 353760970000040" in trouble.sentence
    assert f"{path}:3: slots.a1.imei" in trouble.where
