"""Placeholders of a first rig file: each told once, with its question, and nothing that follows from it."""

from __future__ import annotations

from cellbench.rig.load import validate_file

RIG = """
rig: desk
slots:
  a:
    series: "FILL IN: Series of the module"
    ports: {usb: {location: "1-1"}}
network: {apn: "FILL IN: Access point name"}
"""


def test_each_gap_is_one_mistake_at_its_line(tmp_path):
    file = tmp_path / "rig.yaml"
    file.write_text(RIG)
    told = [str(finding) for finding in validate_file(file)]
    assert told == [
        f"{file}:5: slots.a.series: this is not filled in yet; write the answer to: Series of the module",
        f"{file}:7: network.apn: this is not filled in yet; write the answer to: Access point name",
    ]


def test_other_mistakes_are_told_beside_a_gap(tmp_path):
    file = tmp_path / "rig.yaml"
    file.write_text(RIG.replace('{usb: {location: "1-1"}}', '{usb: {location: "FILL IN: x"}}\n    prots: {}'))
    told = [str(finding) for finding in validate_file(file)]
    assert any("location: this is not filled in yet" in one for one in told)
    assert any("prots: unknown key" in one for one in told)


def test_a_file_without_gaps_is_as_before(tmp_path):
    file = tmp_path / "rig.yaml"
    file.write_text('rig: desk\nslots:\n  a: {series: LENA-R8, ports: {usb: {location: "1-1"}}}\n')
    assert validate_file(file) == ()
