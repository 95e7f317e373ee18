"""Mistakes in rig files, as the person who made them reads them."""

from __future__ import annotations

import subprocess

import pytest

from cellbench.base.errors import FileErrors
from cellbench.catalogue.model import Series
from cellbench.rig.load import load_rig, validate_file
from cellbench.rig.schema import Evidence, Wire


def told(path):
    """Findings without the file's name."""
    return [str(finding).removeprefix(f"{path}:") for finding in validate_file(path)]


def test_good_file(rig_file):
    rig = load_rig(rig_file())
    assert rig.model.slots["a1"].series is Series.LARA_R6
    assert rig.model.slots["a2"].ports.uart.wired == (Wire.DTR, Wire.RTS)
    assert rig.model.instruments["psu1"].resource == "TCPIP::192.168.1.20::5025::SOCKET"
    assert rig.model.evidence is Evidence.MEASURED
    assert rig.limits_of("a1").product == "LARA-R6"
    assert rig.limits_of("a2").get("greeting").limit.equals == "+UUSTATUS: READY"
    assert len(rig.sha256) == 64
    assert rig.where("slots", "a1", "power") == f"{rig.path}:18: slots.a1.power"


@pytest.mark.parametrize("name", ["virtual", "evk-r8", "evk-r6", "rack"])
def test_examples_are_good(root, name):
    assert validate_file(root / "rigs" / f"{name}.yaml") == ()
    assert load_rig(root / "rigs" / f"{name}.yaml").model.rig == name


@pytest.mark.parametrize(("change", "expected"), [
    # one value
    (("voltage_v: 3.8\n", "voltage_v: 5.5\n"),
     "21: slots.a1.power.voltage_v: 5.5 V is above LARA-R6001D's 4.5 V maximum; typical is 3.8 V"),
    (("voltage_v: 3.8\n", "voltage_v: 2.9\n"),
     "21: slots.a1.power.voltage_v: 2.9 V is below LARA-R6001D's 3.1 V minimum"),
    (("current_limit_a: 2.5\n", "current_limit_a: 1.0\n"),
     "22: slots.a1.power.current_limit_a: 1 A is below the 1.9 A of LARA-R6001D's transmit burst; give at l"),
    (("current_limit_a: 2.5\n", "current_limit_a: 10\n"),
     "22: slots.a1.power.current_limit_a: 10 A is above"),
    (("over_voltage_v: 4.4", "over_voltage_v: 3.5"),
     "32: slots.a2.power.over_voltage_v: 3.5 V is not above voltage_v"),
    (("voltage_v: 3.8\n", 'voltage_v: "3.8"\n'),
     '21: slots.a1.power.voltage_v: "3.8": must be a valid number'),
    (("voltage_v: 3.8\n", "voltage_v:\n"), "21: slots.a1.power.voltage_v: there is no value; write a value"),
    (("channel: 1\n", "channel: 0\n"), "20: slots.a1.power.channel: 0: must be greater than or equal to 1"),
    (("inverted: true", "inverted: yes"),
     '25: slots.a1.lines.reset_n.inverted: "yes" is not true or false; write'),
    (("series: LENA-R8", "series: LENA-R9"),
     "31: slots.a2.series: 'LENA-R9' is not one of LENA-R8, LARA-R6; did you mean LENA-R8?"),
    (("variant: LARA-R6001D", "variant: LARA-R6001E"),
     "17: slots.a1.variant: LARA-R6 has no variant LARA-R6001E; did you mean LARA-R6001"),
    (("location: 1-2.1", "location: usb1"),
     '29: slots.a1.ports.usb.location: "usb1" does not have the right form; write a USB location'),
    (("kind: supply.scpi-generic", "kind: supply.scpi-genric"),
     "4: instruments.psu1.kind: 'supply.scpi-genric' is none of those known here; did you mean "
     "supply.scpi-generic?"),
    (("    kind: supply.scpi-generic\n", ""), "3: instruments.psu1: the key kind is missing"),
    (("password: {env: RELAY_PASSWORD}", "password: hunter2"),
     "11: instruments.relays1.password: a secret is never written into the file; write {env: NAME} or"),
    (("{env: RELAY_PASSWORD}", "{env: A, file: /b}"),
     "11: instruments.relays1.password: give exactly one of env and file; write {env: NAME} or"),
    (("  a2:\n", "  a 2:\n"), "30: slots.a 2: the name 'a 2' is not usable; write a name"),
    # keys
    (("current_limit_a: 2.5\n", "curent_limit_a: 2.5\n"),
     "22: slots.a1.power.curent_limit_a: unknown key; did you mean current_limit_a?"),
    (("    series: LENA-R8\n", ""),
     "30: slots.a2: the key series is missing; add series: Series of the module in this slot"),
    (("network: {apn: internet}", "netwrok: {apn: internet}"),
     "38: netwrok: unknown key; did you mean network?"),
    (("relays: 8\n", "relay: 8\n"), "12: instruments.relays1.relay: unknown key; did you mean relays?"),
    (("rig: line1\n", "rig: line1\nrig: line2\n"),
     "2: rig: the key is given twice, first in line 1; keep one"),
    # what spans several values
    (("supply: psu1\n", "supply: psu2\n"),
     "19: slots.a1.power.supply: there is no instrument psu2; did you mean psu1?"),
    (("supply: psu1\n", "supply: relays1\n"),
     "19: slots.a1.power.supply: relays1 is a line, not a supply; name one of psu1"),
    (("channel: 2,", "channel: 1,"),
     "32: slots.a2.power.channel: channel 1 of psu1 is used by slots.a1.power too; give each its own"),
    (("channel: 2,", "channel: 3,"), "32: slots.a2.power.channel: psu1 has no channel 3; it has 1 to 2"),
    (("pin: 2,", "pin: 0,"),
     "34: slots.a2.lines.pwr_on.pin: pin 0 of relays1 is used by slots.a1.lines.pwr_on"),
    (("pin: 2,", "pin: 8,"), "34: slots.a2.lines.pwr_on.pin: relays1 has no pin 8; it has 0 to 7"),
    (("input: 0,", "input: 4,"), "26: slots.a1.lines.v_int.input: relays1 has no input 4; it has 0 to 3"),
    (("location: 1-3, interface: 1", "url: rfc2217://127.0.0.1:4001"),
     "37: slots.a2.ports.uart.url: rfc2217://127.0.0.1:4001 is used by slots.a1.ports.uart too"),
    (("location: 1-3, interface: 1", "location: 1-2.1"),
     "37: slots.a2.ports.uart.location: at USB location 1-2.1 is a module's own USB, not a serial adapter"),
    (("location: 1-3, interface: 1", "interface: 1"),
     "37: slots.a2.ports.uart: give exactly one of url and location"),
    (("pwr_on: {on: relays1, pin: 0, active: low}", "pwr_on: {on: relays1, pin: 0, active: high}"),
     "24: slots.a1.lines.pwr_on.active: PWR_ON acts when low at the module's pin; write active: low"),
    (("reset_n: {on: relays1, pin: 1, active: low,", "usb_boot: {on: relays1, pin: 1, active: high,"),
     "25: slots.a1.lines.usb_boot: LARA-R6 has no USB_BOOT pin; remove usb_boot"),
    (("      pwr_on: {on: relays1, pin: 0, active: low}\n", ""),
     "23: slots.a1.lines: LARA-R6 does not start when its supply comes on: pwr_on must be driven; wire PWR_"),
    (('url: "rfc2217://127.0.0.1:4001"', 'url: "rfc2217://127.0.0.1:4001", rate_bit_s: 9600'),
     "28: slots.a1.ports.uart.rate_bit_s: LARA-R6 has no rate 9600; choose one of 115200, 230400"),
    (("LARA-R6: limits/lara-r6.yaml", "LARA-R6: limits/lara.yaml"),
     "40: limits.LARA-R6: there is no limits file limits/lara.yaml; put it at"),
    (("LARA-R6: limits/lara-r6.yaml", "LARA-R6: limits/lena-r8.yaml"),
     "16: slots.a1.series: the limits file lena-r8.yaml is for LENA-R8, the slot holds LARA-R6001D"),
    (("LARA-R6: limits/lara-r6.yaml", "LARA-R7: limits/lara-r6.yaml"),
     "40: limits.LARA-R7: LARA-R7 is no series, variant or ordering code; did you mean LARA-R6"),
    (("rig: line1\n", "rig: line1\ntiming: fast\n"),
     "2: timing: only a virtual rack runs fast, but evidence is measured; write evidence: simulated"),
    (("rig: line1\n", "rig: line1\nfar_side: {kind: virtual}\n"),
     "2: far_side.kind: this far side is virtual, but"),
    (("port: 7}", "port: 7, ca: no.pem}"), "43: services.echo.ca: there is no file no.pem; put it at"),
    (("port: 7}", "port: 7, client_certificate: limits/lara-r6.yaml}"),
     "43: services.echo: a client certificate takes its key: give client_certificate and client_key"),
    (("port: 7}", "port: 7, client_certificate: limits/lara-r6.yaml, client_key: no.key}"),
     "43: services.echo.client_key: there is no file no.key; put it at"),
    (("{host: 195.34.89.241, name: echo.u-blox.com, port: 7}", "{port: 7}"),
     "43: services.echo: give host or name, or both"),
])
def test_one_mistake_is_told_once_with_line_and_remedy(rig_file, change, expected):
    assert [text[:len(expected)] for text in told(rig_file(change))] == [expected]


def test_all_mistakes_at_once(rig_file):
    path = rig_file(("relays: 8\n", "relay: 8\n"), ("channel: 1\n", "chanel: 1\n"),
                    ("series: LENA-R8", "series: X"), ("voltage_v: 3.8\n", "voltage_v: 5.5\n"),
                    ("pin: 1,", "pin: 0,"), ("apn: internet", "apn: a b"))
    findings = validate_file(path)
    assert [(finding.line, finding.path) for finding in findings] == [
        (12, "instruments.relays1.relay"), (20, "slots.a1.power.chanel"), (25, "slots.a1.lines.reset_n.pin"),
        (31, "slots.a2.series"), (38, "network.apn")]
    with pytest.raises(FileErrors) as caught:
        load_rig(path)
    assert caught.value.findings == findings
    assert str(caught.value).count("\n") == len(findings) - 1


def test_mistakes_of_limits_are_told_with_their_own_file(rig_file, tmp_path):
    limits = tmp_path / "limits" / "lara-r6.yaml"
    limits.write_text(limits.read_text().replace("unit: s", "unit: sec", 1))
    findings = validate_file(rig_file())
    assert [finding.file for finding in findings] == [str(limits)]
    assert findings[0].path == "limits.v_int_rise_time.unit"
    assert "'sec' is not one of" in findings[0].message


def test_wrong_instrument_is_not_told_again_by_those_who_name_it(rig_file):
    path = rig_file(("resource: TCPIP::192.168.1.20::5025::SOCKET", "resource: 192.168.1.20"))
    assert [finding.path for finding in validate_file(path)] == ["instruments.psu1.resource"]


def test_same_equipment_under_two_names(rig_file):
    path = rig_file(("  relays1:\n", "  psu2: {kind: supply.scpi-generic, resource: "
                                     "tcpip::192.168.1.20::5025::socket}\n  relays1:\n"))
    assert told(path) == ["7: instruments.psu2: this is the same equipment as psu1; keep one of them and let "
                          "the slots name it (visa:TCPIP::192.168.1.20::5025::SOCKET)"]


def test_launch_with_addresses(rig_file):
    path = rig_file(("rig: line1\n", "rig: line1\nevidence: simulated\nlaunch: cellbench virtual up\n"))
    assert ("20: slots.a1.power: power must come from the rack that launch starts; remove power, or remove "
            "launch") in told(path)


def test_slot_without_ports(rig_file):
    path = rig_file(("    ports:\n      uart: {location: 1-3, interface: 1, wired: [dtr, rts]}\n", ""))
    assert told(path) == ["30: slots.a2: the slot has no port, so nothing can speak to its module; name uart "
                          "or usb under ports"]


def test_key_without_a_value_is_as_good_as_missing(rig_file):
    path = rig_file(("uart: {location: 1-3, interface: 1, wired: [dtr, rts]}", "uart:"),
                    ("pwr_on: {on: relays1, pin: 2, active: low}", "pwr_on:"))
    assert [(finding.line, finding.path) for finding in validate_file(path)] == [
        (30, "slots.a2"), (33, "slots.a2.lines")]


def test_ordering_code_of_another_variant(rig_file):
    path = rig_file(("variant: LARA-R6001D", "variant: LARA-R6001\n    ordering_code: LARA-R6001D-00B-00"))
    assert told(path) == ["18: slots.a1.ordering_code: LARA-R6001D-00B-00 is a LARA-R6001D, the slot says "
                          "LARA-R6001; correct one of them, or leave variant away"]


def test_secret_in_the_repository(rig_file, tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    path = rig_file(("{env: RELAY_PASSWORD}", "{file: secret.txt}"))
    assert "instruments.relays1.password.file: secret.txt lies in the repository" in told(path)[0]
    (tmp_path / ".gitignore").write_text("secret.txt\n")
    assert told(path) == []


@pytest.mark.parametrize(("content", "message"), [
    (b"", "the file is empty"), (b"\xff\xfe\x00", "not UTF-8"), (b"- a\n- b\n", "not a mapping"),
    (b"rig: [\n", "not YAML"), (b"rig: a\n---\nrig: b\n", "second document"), (b"rig: \x00", "not allowed"),
    (b"a: " + b"[" * 200_000, "levels"), (b"x" * 400_000, "larger than"), (b"\t", "not YAML"),
])
def test_files_that_are_none(tmp_path, content, message):
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    findings = validate_file(path)
    assert any(message in finding.message for finding in findings)
    assert str(findings[0]).startswith(f"{path}:")


def test_file_that_is_not_there(tmp_path):
    findings = validate_file(tmp_path / "none.yaml")
    assert str(findings[0]) == (f"{tmp_path}/none.yaml:1: No such file or directory; give the path of a YAML "
                                f"file")


def test_yaml_1_1_surprises_are_texts(rig_file):
    rig = load_rig(rig_file(("rig: line1\n", "rig: line1\nstation: on\n"),
                            ("apn: internet", "apn: no, user: 12:30")))
    assert rig.model.station == "on"
    assert (rig.model.network.apn, rig.model.network.user) == ("no", "12:30")


def test_broken_package_of_a_kind_is_told(rig_file, tmp_path, monkeypatch):
    package = tmp_path / "site" / "acme_bench-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-bench\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[cellbench.instruments]\nsupply.acme = acme_missing:KIND\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    findings = validate_file(rig_file(("kind: supply.scpi-generic", "kind: supply.acme")))
    assert any("acme_missing" in finding.message and finding.line == 4 for finding in findings)
