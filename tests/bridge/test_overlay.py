"""Overlays: templates, files, times for the host, edits in a virtual module's answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cellbench.base.errors import FileErrors
from cellbench.bridge.fields import templated
from cellbench.bridge.model import files
from cellbench.catalogue.model import Form, Series
from cellbench.catalogue.modules import profile_for
from cellbench.catalogue.overlay import (
    Edit,
    Overlay,
    filled,
    fits,
    literal,
    read_overlay,
    response_times,
    write_overlay,
)
from cellbench.host.facts import grammar_for

ROOT = Path(__file__).resolve().parents[2]


@given(some.text(max_size=40), some.text(max_size=20))
def test_a_template_takes_its_own_text_alone(text: str, other: str) -> None:
    assert fits(literal(text), text) == {}
    assert filled(literal(text), {}) == text
    assert (fits(literal(text), other) is not None) is (text == other)


def test_a_hole_carries_a_value_over() -> None:
    values = fits("+CSQ: {rssi},{qual}", "+CSQ: 17,99")
    assert values == {"rssi": "17", "qual": "99"}
    assert filled("+CSQ: {qual},{rssi},0", values) == "+CSQ: 99,17,0"


@pytest.mark.parametrize(("send", "line", "template"), [
    ("AT+CSQ", "+CSQ: 17,99", "+CSQ: {rssi},{qual}"),
    ("AT+CSQ", "+CSQ: 77,99", "+CSQ: 77,{qual}"),  # no such value
    ("AT+CSQ=?", "+CSQ: (0-31,99),(0-7,99)", "+CSQ: (0-31,99),(0-7,99)"),
    ("AT+CREG?", '+CREG: 2,1,"0001","00000002",7', '+CREG: 2,1,{cell},{cell2},7'),
    ("AT+CGSN", "353760979000018", "{imei}"),
    ("AT+CCLK?", '+CCLK: "26/11/21,20:58:38+04"', "+CCLK: {time}"),
    ("AT+UDNSRN=0,\"{dns_name}\"", '+UDNSRN: "{dns_name}"', '+UDNSRN: "{dns_name}"'),
    ("AT+CNUM", '+CNUM: ,"+393490000001",145', "+CNUM: {name},{number},145"),
    ("AT+CNUM", '+CNUM: "x","+393490000001",145', "+CNUM: {name},{number},145"),
    ("ATI", "a{b", "a{{b"),
])
def test_what_differs_from_moment_to_moment_is_a_hole(send: str, line: str, template: str) -> None:
    assert templated(send, line, {"353760979000018": "imei"}).text == template


def test_an_overlay_is_read_as_it_was_written(tmp_path: Path) -> None:
    overlay = Overlay(series=Series.LARA_R6, firmware="02.14,A00.01", edits=(
        Edit(command="AT+CSQ", kind="line", place=0, of="+CSQ: {rssi}", by="+CSQ: {rssi},0"),
        Edit(command="AT+CGACT=1,1", kind="time", final_s=200.0),
        Edit(command="AT+CNOT?", kind="time", final_s=9.0)))
    write_overlay(tmp_path / "one.yaml", overlay)
    assert read_overlay(tmp_path / "one.yaml") == overlay
    text = (tmp_path / "one.yaml").read_text()
    (tmp_path / "two.yaml").write_text(text.replace("kind: line", "kind: x"))
    with pytest.raises(FileErrors, match="kind"):
        read_overlay(tmp_path / "two.yaml")


def test_the_host_waits_as_long_as_the_firmware_needs() -> None:
    overlay = Overlay(series=Series.LARA_R6, firmware="02.14,A00.01", edits=(
        Edit(command="AT+CGACT=1,1", kind="time", final_s=200.0),
        Edit(command="AT+CSQ", kind="time", final_s=0.5)))
    profile, slower = profile_for(Series.LARA_R6), response_times((overlay,))
    assert slower[("+CGACT", Form.SET)] == 300.0
    usual, patient = grammar_for(profile), grammar_for(profile, slower)
    assert patient.plan("AT+CGACT=0,2").timeout_s == 300.0
    assert patient.plan("AT+CGACT?").timeout_s == usual.plan("AT+CGACT?").timeout_s
    assert patient.plan("AT+CSQ").timeout_s == usual.plan("AT+CSQ").timeout_s


def test_the_schemas_are_current() -> None:
    for path, text in files(ROOT).items():
        assert path.read_text(encoding="utf-8") == text
