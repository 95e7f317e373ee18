"""The program ``cellbench virtual up``: its ready line, its files, its end."""

import asyncio
import io
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import serial

from cellbench.base.errors import OperatorError
from cellbench.rig.load import load_rig
from cellbench.virtual.main import follow, up


def test_ready_line_is_exact(rack):
    directory = rack.directory
    slots = rack.ready.pop("slots")
    assert rack.ready == {"ready": True, "rig_file": str(directory / "rig.yaml"),
                          "control": str(directory / "control")}
    rack.ready["slots"] = slots
    assert [(slot["name"], slot["series"]) for slot in slots] == [("lena-r8-1", "LENA-R8"),
                                                                 ("lara-r6-1", "LARA-R6")]
    for slot in slots:
        assert set(slot) == {"name", "series", "uart", "aux_uart", "usb", "at"}
        assert slot["uart"].startswith("rfc2217://127.0.0.1:")
        assert (slot["aux_uart"] or "").startswith("rfc2217://") is (slot["series"] == "LARA-R6")
        assert slot["usb"] == str(directory / slot["name"] / "usb")
        assert slot["at"][0] == slot["usb"] + "/at0"
        assert all(os.path.realpath(link).startswith("/dev/pts/") for link in slot["at"])


def test_powered_modules_answer_on_every_at_port(rack, ask):
    for slot in rack.ready["slots"]:
        for link in slot["at"]:
            assert b"\r\nOK\r\n" in ask(link, b"ATI")


def test_powered_modules_answer_on_the_uart(rack):
    for slot in rack.ready["slots"]:
        with serial.serial_for_url(slot["uart"], 115200, timeout=0.3) as port:
            heard = b""
            for _ in range(10):  # the first AT only measures the rate where the module autobauds
                port.write(b"AT\r")
                heard += port.read(64)
                if b"OK\r\n" in heard:
                    break
        assert b"\r\nOK\r\n" in heard


def test_rig_file_loads_without_findings(rack):
    rig = load_rig(Path(rack.ready["rig_file"]))
    assert list(rig.model.slots) == ["lena-r8-1", "lara-r6-1"]
    assert rig.model.evidence.value == "simulated"
    assert rig.model.usb.sysfs == str(rack.directory / "sysfs")
    assert rig.model.services["echo"].host == "195.34.89.241"
    assert rig.model.services["echo"].name == "echo.u-blox.com"


def test_supply_log_holds_the_switching(rack):
    for slot in rack.ready["slots"]:
        fields = (rack.directory / slot["name"] / "supply.log").read_text().splitlines()[0].split()
        assert fields[2:] == ["output", "on", "powered"]


@pytest.mark.parametrize(("number", "powered"), [(signal.SIGINT, ()), (signal.SIGTERM, ("--powered",))])
def test_ends_with_0_and_leaves_nothing(launch, number, powered):
    rack = launch("--slot", "LARA-R6", *powered).wait_ready()
    children = psutil.Process(rack.process.pid).children(recursive=True)
    status, seconds = rack.stop(number)
    assert status == 0
    assert seconds < 3.0
    assert not any(child.is_running() for child in children)
    assert rack.process.stdout.read() == b""
    assert not (rack.directory / "control").exists()
    assert list((rack.directory / "lara-r6-1/usb").iterdir()) == []
    assert list((rack.directory / "dev").iterdir()) == []
    log = (rack.directory / "lara-r6-1/supply.log").read_text().splitlines()
    assert [line.split()[2:] for line in log] == (
        [["output", "on", "powered"], ["output", "off", "rack-stop"]] if powered else [])
    port = int(rack.ready["slots"][0]["uart"].rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_it_follows_the_process_it_is_told_to():
    async def scene():
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        leader = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        descriptor = follow(loop, leader.pid, stop, 0.05)
        await asyncio.sleep(0.1)
        assert not stop.is_set()
        leader.kill()
        await asyncio.wait_for(stop.wait(), 5)
        os.close(descriptor)
        leader.communicate()
        again = asyncio.Event()
        assert follow(loop, leader.pid, again, 0.05) is None
        await asyncio.wait_for(again.wait(), 5)

    asyncio.run(scene())


def test_a_signal_while_coming_up_ends_it_too(launch, eventually):
    rack = launch("--slot", "LENA-R8", "--powered")
    assert eventually(lambda: (rack.directory / "lena-r8-1/supply.log").exists())
    status, seconds = rack.stop()
    assert (status, rack.process.stdout.read()) == (0, b"")
    assert seconds < 3.0


def test_a_second_rack_in_the_same_directory_is_refused(launch):
    first = launch("--slot", "LENA-R8").wait_ready()
    second = launch("--slot", "LENA-R8")
    assert second.process.wait(10) != 0
    assert f"process {first.process.pid}" in second.process.stderr.read().decode()
    assert first.process.poll() is None


def test_memory_of_the_module_survives_in_the_directory_and_a_kill(launch, ask):
    rack = launch("--slot", "LARA-R6", "--powered").wait_ready()
    at0 = rack.ready["slots"][0]["at"][0]
    assert b"OK" in ask(at0, b'AT+CGDCONT=1,"IP","kept.example"')
    rack.process.kill()
    rack.process.wait()
    again = launch("--slot", "LARA-R6", "--powered").wait_ready()
    assert b"kept.example" in ask(again.ready["slots"][0]["at"][0], b"AT+CGDCONT?")


def test_a_mistake_is_one_sentence(launch):
    rack = launch("--slot", "SARA-R5")
    assert rack.process.wait(10) not in (0, 1)
    told = rack.process.stderr.read().decode()
    assert "no series 'SARA-R5'" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(("slots", "settings", "words"), [
    (["LENA-R8:NONE"], [], "NONE"), (["a=LENA-R8", "a=LENA-R8"], [], "given twice"),
    (["LENA-R8"], ["bot_s=3"], "boot_s"), (["LENA-R8"], ["boot_s=soon"], "number"),
    (["LENA-R8"], ["b:boot_s=3"], "no slot 'b'"), (["LENA-R8"], ["boot_s"], "NAME=VALUE")])
def test_mistakes_have_an_owner(tmp_path, slots, settings, words):
    with pytest.raises(OperatorError, match=words):
        up(slots, tmp_path / "dir", settings=settings, out=io.StringIO(), err=io.StringIO())


def test_settings_reach_the_module(launch, ask):
    rack = launch("--slot", "LARA-R6", "--powered", "--set", "cmee_factory=2").wait_ready()
    assert b"+CMEE: 2" in ask(rack.ready["slots"][0]["at"][0], b"AT+CMEE?")


def test_a_deep_directory_works(launch, tmp_path):
    deep = tmp_path.joinpath(*["d" * 40] * 4)
    rack = launch("--slot", "LENA-R8", directory=deep).wait_ready()
    assert len(str(deep)) > 108
    assert "power" in rack.ctl("list").stdout


def test_a_uart_as_a_device_node(launch):
    """tests/foreign/test_n_gsm.py speaks to modules over such nodes."""
    rack = launch("--slot", "dut=LARA-R6", "--uart", "pty").wait_ready()
    node = rack.ready["slots"][0]["uart"]
    assert node == str(rack.directory / "dut" / "uart")
    assert load_rig(Path(rack.ready["rig_file"])).model.slots["dut"].ports.uart.url == node
    assert stat.S_ISCHR(os.stat(node).st_mode)
    assert rack.ready["slots"][0]["aux_uart"] == str(rack.directory / "dut" / "aux_uart")
    assert stat.S_ISCHR(os.stat(rack.ready["slots"][0]["aux_uart"]).st_mode)
    with serial.Serial(node, 115200) as port:
        assert port.write(b"AT\r") == 3  # to a module that is off
    assert rack.stop()[0] == 0
    assert not Path(node).is_symlink()
