"""The control room by its program: ``cellbench virtual ctl``."""

import json
import os
import select

import pytest
import serial


def levels(rack, slot):
    answer = rack.ctl("report", "what=lines", slot=slot)
    assert answer.returncode == 0, answer.stderr
    return dict(line.split("=") for line in answer.stdout.splitlines())


def test_list_names_every_verb(rack):
    listed = rack.ctl_program("list")
    assert listed.returncode == 0
    verbs = {line.split()[0] for line in listed.stdout.splitlines()}
    assert verbs >= {"remote-send", "remote-close", "remote-reset", "remote-connect", "server", "link",
                     "network", "call", "sms", "line", "power", "report", "list", "world",
                     "uart", "usb", "supply", "brown-out", "hang", "slow"}


def test_world_is_json_with_endpoints(rack):
    world = json.loads(rack.ctl("world").stdout)
    assert world["names"]["echo.u-blox.com"][0] == "195.34.89.241"
    assert world["servers"]["echo"]["endpoints"][0]["host"].startswith("127.")


@pytest.mark.parametrize(("words", "slot", "sentence"), [
    (("power", "state=on"), None, "needs --slot"), (("power", "state=up"), "lena-r8-1", "on, off, cycle"),
    (("power",), "lena-r8-1", "state= is missing"), (("fly",), None, "no verb 'fly'"),
    (("power", "state=on"), "nobody", "no slot 'nobody'"), (("power", "stat=on"), "lena-r8-1", "stat="),
    (("line", "name=rts", "state=on", "port=at"), "lena-r8-1", "no RTS"),
    (("line", "name=usb_boot", "state=on"), "lara-r6-1", "no USB_BOOT"),
    (("brown-out", "volts=x", "ms=1"), "lena-r8-1", "not a number"),
    (("report", "what=nothing"), "lena-r8-1", "what=nothing"),
])
def test_what_cannot_be_done_is_a_sentence(rack, words, slot, sentence):
    answer = rack.ctl(*words, slot=slot)
    assert answer.returncode == 1
    assert sentence in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert answer.stdout == ""


def test_the_program_refuses_with_1(rack):
    refused = rack.ctl_program("power", "state=on")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "needs --slot" in refused.stderr


def test_no_rack_is_a_sentence(rack, tmp_path):
    from cellbench.virtual.control.client import ctl

    assert ctl(tmp_path, "list") == 1
    assert ctl(rack.directory, "list", ["nonsense"]) == 2


def test_usb_report(rack):
    answer = rack.ctl("report", "what=usb", slot="lena-r8-1")
    lines = answer.stdout.splitlines()
    assert lines[:4] == ["vid=1782", "pid=4d10", "serial_ports=8", "port0=at"]
    assert lines[-1] == "net=none"


def test_dtr_of_the_uart_follows_the_client_and_the_verb(rack, eventually):
    url = rack.ready["slots"][0]["uart"]
    with serial.serial_for_url(url, 115200, timeout=1) as port:
        assert levels(rack, "lena-r8-1")["dtr"] == "on"
        assert rack.ctl("line", "name=dtr", "state=off", slot="lena-r8-1").returncode == 0
        assert levels(rack, "lena-r8-1")["dtr"] == "off"
        port.dtr = True
        assert eventually(lambda: levels(rack, "lena-r8-1")["dtr"] == "on")
        assert rack.ctl("line", "name=rts", "state=off", "port=uart", slot="lena-r8-1").returncode == 0
        assert levels(rack, "lena-r8-1")["rts"] == "off"
    assert eventually(lambda: levels(rack, "lena-r8-1")["dtr"] == "off")
    assert rack.ctl("line", "name=dtr", "state=on", "port=at", slot="lena-r8-1").returncode == 0


def test_power_off_and_on_takes_usb_away_and_brings_it_back(rack, ask, eventually):
    slot = rack.ready["slots"][1]
    at0 = slot["at"][0]
    before = os.readlink(at0)
    fd = os.open(at0, os.O_RDWR | os.O_NOCTTY)
    poll = select.poll()
    poll.register(fd, 0)
    assert rack.ctl("power", "state=off", slot=slot["name"]).returncode == 0
    assert poll.poll(3000)
    os.close(fd)
    assert not os.path.lexists(at0)
    assert levels(rack, slot["name"])["v_int"] == "off"
    assert rack.ctl("power", "state=on", slot=slot["name"]).returncode == 0
    assert eventually(lambda: os.path.exists(at0))
    assert os.readlink(at0) != before
    assert eventually(lambda: b"OK" in ask(at0, b"AT", 0.5))
    log = (rack.directory / slot["name"] / "supply.log").read_text().splitlines()
    assert [line.split()[2:] for line in log[-2:]] == [["output", "off", "ctl"], ["output", "on", "ctl"]]


def test_vusb_det_held_off_boots_without_usb(rack, eventually):
    slot = rack.ready["slots"][1]
    rack.ctl("line", "name=vusb_det", "state=off", slot=slot["name"])
    rack.ctl("power", "state=cycle", slot=slot["name"])
    assert eventually(lambda: levels(rack, slot["name"])["v_int"] == "off")
    assert eventually(lambda: levels(rack, slot["name"])["v_int"] == "on")
    assert not os.path.lexists(slot["at"][0])
    rack.ctl("line", "name=vusb_det", "state=on", slot=slot["name"])
    rack.ctl("power", "state=cycle", slot=slot["name"])
    assert eventually(lambda: os.path.exists(slot["at"][0]))


def test_supply_trip_is_in_the_log_and_needs_clearing(rack, eventually):
    slot = rack.ready["slots"][1]["name"]
    log = rack.directory / slot / "supply.log"
    assert eventually(lambda: levels(rack, slot)["v_int"] == "on")
    assert rack.ctl("supply", "state=trip", slot=slot).returncode == 0
    assert log.read_text().splitlines()[-1].endswith("output off forced-trip")
    assert eventually(lambda: levels(rack, slot)["v_int"] == "off")
    assert "cannot trip" in rack.ctl("supply", "state=trip", slot=slot).stderr
    assert rack.ctl("power", "state=on", slot=slot).returncode == 0
    assert eventually(lambda: os.path.exists(rack.ready["slots"][1]["at"][0]))


def test_brown_out_restarts_nothing_by_itself(rack, eventually):
    slot = rack.ready["slots"][1]
    assert eventually(lambda: levels(rack, slot["name"])["v_int"] == "on")
    assert rack.ctl("brown-out", "volts=1.5", "ms=50", slot=slot["name"]).returncode == 0
    facts = levels(rack, slot["name"])
    assert (facts["v_int"], facts["supply"]) == ("off", "on")
    rack.ctl("power", "state=cycle", slot=slot["name"])
    assert eventually(lambda: os.path.exists(slot["at"][0]))


def test_usb_cable(rack, ask, eventually):
    slot = rack.ready["slots"][0]
    rack.ctl("usb", "state=unplug", slot=slot["name"])
    assert not os.path.lexists(slot["at"][0])
    rack.ctl("usb", "state=plug", slot=slot["name"])
    assert eventually(lambda: all(os.path.exists(link) for link in slot["at"]))
    assert b"OK" in ask(slot["at"][0], b"AT")
