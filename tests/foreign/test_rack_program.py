"""``cellbench virtual up`` and ``ctl`` from the command line, as docs/virtual-rack.md has them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import serial

READY_KEYS = {"ready", "rig_file", "control", "slots"}
SLOT_KEYS = {"name", "series", "uart", "aux_uart", "usb", "at"}
SUPPLY_LINE = re.compile(r"(\d{18,20}) (\d+) output (on|off) (\S+)")
R8, R6 = "lena-r8-1", "lara-r6-1"


class Program:
    """One running rack and its control program."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(directory), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL)
        self.ready: dict[str, Any] = {}

    def wait(self) -> Program:
        """Until the ready line is there."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if readable else b""
        assert line.endswith(b"\n"), self.process.communicate(timeout=5)[1].decode()
        self.ready = json.loads(line)
        return self

    def ctl(self, *words: str, slot: str | None = None) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        command = [sys.executable, "-m", "cellbench", "virtual", "ctl", "--dir", str(self.directory)]
        done = subprocess.run([*command, *(["--slot", slot] if slot else []), *words], capture_output=True,
                              text=True, timeout=30, check=False)
        return done.returncode, done.stdout, done.stderr

    def facts(self, what: str, slot: str) -> dict[str, str]:
        """A report as a mapping."""
        status, out, err = self.ctl("report", f"what={what}", slot=slot)
        assert (status, err) == (0, "")
        return dict(line.split("=", 1) for line in out.splitlines())

    def port(self, slot: str) -> serial.Serial:
        """The first AT port on USB, once it is there."""
        link = next(one for one in self.ready["slots"] if one["name"] == slot)["at"][0]
        end = time.monotonic() + 20
        while True:
            try:
                return serial.Serial(link, 115200, timeout=0.05)
            except serial.SerialException:
                assert time.monotonic() < end, f"{link} does not come"
                time.sleep(0.05)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts racks that end with the test."""
    started: list[Program] = []

    def start(*arguments: str, directory: Path | None = None) -> Program:
        started.append(Program(directory or tmp_path / "dir", *arguments))
        return started[-1]

    yield start
    for program in started:
        program.end()


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A powered rack with one slot of each series."""
    program = Program(tmp_path_factory.mktemp("program") / "dir", "--slot", "LENA-R8", "--slot", "LARA-R6",
                      "--powered")
    yield program.wait()
    program.end()


def heard(port: serial.Serial, pattern: str, seconds: float = 10.0) -> str:
    """What came on a port up to a match of ``pattern``; "" when nothing fit in time."""
    text, end = "", time.monotonic() + seconds
    while time.monotonic() < end:
        text += port.read(4096).decode("latin-1")
        if re.search(pattern, text):
            return text
    return ""


def ask(port: serial.Serial, line: str, pattern: str = r"\r\n(OK|ERROR|\+CM[ES] ERROR:.*)\r\n") -> str:
    """The answer to a command line."""
    port.reset_input_buffer()
    port.write(line.encode() + b"\r")
    return heard(port, pattern)


def answers(port: serial.Serial, timeout_s: float = 20.0) -> bool:
    """True once AT is answered: what is written between the enumeration and the end of the boot is lost."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        port.reset_input_buffer()
        port.write(b"AT\r")
        if "OK" in heard(port, r"\r\nOK\r\n", 0.5):
            return True
    return False


# -- ctl: what it refuses, and how ------------------------------------------------------------------

REFUSALS: tuple[tuple[str | None, str, str], ...] = (
    (None, "remote-send socket=0 hex=61", "remote-send needs --slot; there are lena-r8-1, lara-r6-1"),
    (None, "link state=ok", "needs --slot"),
    (None, "network state=lost", "needs --slot"),
    (None, "line name=dtr state=on", "needs --slot"),
    (None, "power state=on", "needs --slot"),
    (None, "report what=usb", "needs --slot"),
    (None, "call number=1", "needs --slot"),
    (None, "sim state=out", "needs --slot"),
    ("nobody", "power state=on", "no slot 'nobody'"),
    (R8, "remote-send socket=0 hex=61", "has no socket 0"),
    (R8, "remote-send socket=x hex=61", "not a whole number"),
    (R8, "remote-send socket=0", "has no socket 0|hex= is missing"),
    (R8, "remote-close socket=3", "has no socket 3"),
    (R8, "remote-reset socket=3", "has no socket 3"),
    (R8, "remote-connect port=99 bytes=3", "nothing listens on port 99"),
    (R8, "remote-connect port=0 bytes=3", "out of range 1 to 65535"),
    (None, "server name=nothing state=down", "no server nothing; there are "),
    (None, "server name=echo state=no-tls", "cannot be no-tls; it can be down, mute, slow, up"),
    (None, "server name=echo state=broken", "state=broken is not possible; it takes up, down"),
    (None, "server name=echo", "state= is missing"),
    (R8, "link state=cut", "it takes ok, blocked"),
    (R8, "network", "one key at a time"),
    (R8, "network state=lost rat=2g", "one key at a time"),
    (R8, "network dst=1", "dst goes with tz"),
    (R8, "network signal=6", "out of range 0 to 5"),
    (R8, "network deact=7", "context 7 is not active"),
    (R8, "network colour=red", "colour= is not known here; it takes state"),
    (R8, "call end=1", "no call that the far side could end"),
    (R8, "call number=Bob", "is no telephone number"),
    (R8, "call end=1 strangers=busy", "one key at a time"),
    (R8, "sms from=+39012", "text= is missing"),
    (R8, "sms text=Hello class=4", "out of range 0 to 3"),
    (R8, "line name=rts state=on port=at", "has no RTS"),
    (R8, "line name=dtr state=on port=at9", "no port at9"),
    (R8, "line name=ri state=on", "it takes dtr, rts, usb_boot, vusb_det"),
    (R6, "line name=usb_boot state=on", "has no USB_BOOT"),
    (R8, "power state=up", "it takes on, off, cycle"),
    (R8, "power state=on baud=fast", "not a whole number"),
    (R8, "report what=usbnet", "cannot report it yet; it has "),
    (R8, "report what=weather", "knows no such report; it has "),
    (R8, "report what=flow service=ftp", "had no data flow of ftp"),
    (R8, "report what=pdp-auth cid=5", "context 5 has not been activated"),
    (None, "list all=1", "all= is not known here"),
    (None, "world all=1", "all= is not known here"),
    (None, "fly state=on", "no verb 'fly'; there are "),
    (R8, "brown-out volts=low ms=1", "not a number"),
    (R8, "uart noise=2", "out of range 0 to 1"),
)


def test_what_cannot_be_done_ends_with_1_and_one_sentence(rack: Program) -> None:
    def told(entry: tuple[str | None, str, str]) -> str | None:
        slot, words, sentence = entry
        status, out, err = rack.ctl(*words.split(), slot=slot)
        good = status == 1 and out == "" and err.count("\n") == 1 and re.search(sentence, err)
        return None if good else f"{slot} {words}: {status} {out!r} {err!r}"

    with ThreadPoolExecutor(3) as pool:
        assert [wrong for wrong in pool.map(told, REFUSALS) if wrong is not None] == []


@pytest.mark.parametrize("words", ["power state", "power =on", "power state=on state=off", ""])
def test_a_wrong_command_line_ends_with_2(rack: Program, words: str) -> None:
    status, out, err = rack.ctl(*words.split(), slot=R8)
    assert (status, out) == (2, "")
    assert err


def test_no_rack_is_said(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "not-there"):
        program = Program.__new__(Program)
        program.directory = directory
        status, out, err = program.ctl("list")
        assert (status, out) == (1, "")
        assert "no virtual rack answers" in err


def test_list_names_the_vocabulary_and_world_is_json(rack: Program) -> None:
    status, out, err = rack.ctl("list")
    assert (status, err) == (0, "")
    vocabulary = ("remote-send remote-close remote-reset remote-connect server link network call sms line "
                  "power report list world uart hang brown-out usb slow supply")
    assert {line.split()[0] for line in out.splitlines()} >= set(vocabulary.split())
    status, out, err = rack.ctl("world")
    assert (status, err) == (0, "")
    world = json.loads(out)
    assert world["names"]["echo.u-blox.com"][0] == "195.34.89.241"
    endpoint = world["servers"]["echo"]["endpoints"][0]
    with socket.create_connection((endpoint["host"], endpoint["port"]), 5) as connection:
        connection.sendall(b"who is there")
        assert connection.recv(64) == b"who is there"


# -- ctl: what it does, seen on the ports -----------------------------------------------------------

NETWORK: tuple[tuple[str, str], ...] = (
    ("network state=lost", r"\+CEREG: 4\r\n"),
    ("network state=found", r'\+CEREG: 1,"[0-9A-Fa-f]{4}","[0-9A-Fa-f]{8}",7'),
    ("network reject=15", r'\+CEREG: 3,.*,0,15\r\n'),
    ("network reject=none", r"\+CEREG: 1,"),
    ("network rat=2g", r'\+CREG: 1,"[0-9A-Fa-f]{4}","[0-9A-Fa-f]{4}",0'),
    ("network rat=lte", r"\+CEREG: 1,.*,7"),
    ("network cell=new", r"\+CEREG: 1,.*,7"),
    ("network tz=+08 dst=1", r"\+CTZE: \"?\+08\"?,1"),
    ("network signal=1", r"\+CIEV: 2,1"),
    ("network signal=4", r"\+CIEV: 2,4"),
    ("network rrc=connected", r"\+CSCON: 1"),
    ("network rrc=idle", r"\+CSCON: 0"),
)


@pytest.mark.parametrize("slot", [R8, R6])
def test_the_network_acts_and_the_module_tells(rack: Program, slot: str) -> None:
    with rack.port(slot) as port:
        for line in ("ATE0", "AT+CREG=3", "AT+CEREG=3", "AT+CGEREP=2,1", "AT+CTZR=2", "AT+CMER=3,0,0,2",
                     "AT+CSCON=1", 'AT+CGDCONT=2,"IP","internet.wind"' if slot == R8 else
                     'AT+CGDCONT=2,"IP","APN2"'):
            assert "OK" in ask(port, line), line
        end = time.monotonic() + 20
        while '"' not in ask(port, "AT+COPS?"):
            assert time.monotonic() < end
        heard(port, r"\+CSCON: 0", 1.0)
        for words, urc in NETWORK:
            assert rack.ctl(*words.split(), slot=slot) == (0, "", "")
            assert heard(port, urc), words
        assert "OK" in ask(port, "AT+CGACT=1,2")
        assert rack.ctl("network", "deact=2", slot=slot) == (0, "", "")
        assert heard(port, r"\+CGEV: NW PDN DEACT 2")
        clock = re.search(r'"([0-9/]+,[0-9:]+)\+08"', ask(port, "AT+CCLK?"))
        assert clock
        assert rack.ctl("network", "tz=+04", "dst=0", slot=slot)[0] == 0


@pytest.mark.parametrize("slot", [R8, R6])
def test_faults_and_lines(rack: Program, slot: str) -> None:
    with rack.port(slot) as port:
        assert "OK" in ask(port, "ATE0")
        assert rack.ctl("slow", "state=on", "ms=400", slot=slot)[0] == 0
        began = time.monotonic()
        assert "OK" in ask(port, "ATI")
        assert time.monotonic() - began > 0.35
        assert rack.ctl("slow", "state=off", slot=slot)[0] == 0
        assert rack.ctl("hang", "state=on", slot=slot)[0] == 0
        port.write(b"AT\r")
        assert heard(port, "OK", 0.3) == ""
        assert rack.ctl("hang", "state=off", slot=slot)[0] == 0
        assert "OK" in ask(port, "AT")
        assert rack.ctl("sim", "state=out", slot=slot)[0] == 0
        assert "ERROR" in ask(port, "AT+CPIN?")
        assert rack.ctl("sim", "state=in", slot=slot)[0] == 0
        end = time.monotonic() + 10
        while "READY" not in ask(port, "AT+CPIN?"):
            assert time.monotonic() < end
    assert rack.ctl("usb", "state=unplug", slot=slot)[0] == 0
    usb = Path(next(one for one in rack.ready["slots"] if one["name"] == slot)["usb"])
    assert list(usb.iterdir()) == []
    assert rack.facts("usb", slot)["serial_ports"] == "0"
    assert rack.ctl("usb", "state=plug", slot=slot)[0] == 0
    with rack.port(slot) as port:
        assert "OK" in ask(port, "AT")
        boots = int(rack.facts("module", slot)["boots"])
        assert rack.ctl("reset", slot=slot)[0] == 0
    with rack.port(slot) as port:
        assert answers(port)
    assert int(rack.facts("module", slot)["boots"]) == boots + 1
    assert rack.facts("lines", slot)["v_int"] == "on"


def test_supply_log_has_a_line_for_each_switching(rack: Program) -> None:
    log = rack.directory / R6 / "supply.log"
    before = len(log.read_text().splitlines())
    for state, output in (("off", "off"), ("on", "on")):
        began_utc, began = time.time_ns(), time.monotonic_ns()
        assert rack.ctl("power", f"state={state}", slot=R6) == (0, "", "")
        line = SUPPLY_LINE.fullmatch(log.read_text().splitlines()[-1])
        assert line is not None
        assert began_utc - 10**6 <= int(line[1]) <= time.time_ns()
        assert began <= int(line[2]) <= time.monotonic_ns()
        assert (line[3], line[4]) == (output, "ctl")
    lines = log.read_text().splitlines()
    assert len(lines) == before + 2
    assert rack.ctl("power", "state=on", slot=R6)[0] == 0  # on already: nothing to log
    assert log.read_text().splitlines() == lines
    stamps = [int(SUPPLY_LINE.fullmatch(line)[2]) for line in lines]  # type: ignore[index]
    assert stamps == sorted(stamps)


# -- up: its life ------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_one_line_and_leaves_nothing(launch: Callable[..., Program], number: int) -> None:
    program = launch("--slot", "LARA-R6", "--slot", "bench=LARA-R6:LARA-R6001", "--powered").wait()
    assert set(program.ready) == READY_KEYS
    assert [set(slot) for slot in program.ready["slots"]] == [SLOT_KEYS, SLOT_KEYS]
    assert [slot["name"] for slot in program.ready["slots"]] == [R6, "bench"]
    rack = psutil.Process(program.process.pid)
    family = [rack, *rack.children(recursive=True)]
    ports = {connection.laddr.port for one in family for connection in one.net_connections()
             if connection.status == psutil.CONN_LISTEN}
    assert len(ports) >= 4  # two UARTs, a supply, a relay board
    terminals = [os.path.realpath(link) for slot in program.ready["slots"] for link in slot["at"]]
    with contextlib.ExitStack() as stack:
        clients = [os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) for link in terminals]
        for client in clients:
            stack.callback(os.close, client)
        os.write(clients[0], b"AT+COPS=?\r")  # it may be in the middle of something
        began = time.monotonic()
        while program.process.poll() is None:  # an impatient hand
            program.process.send_signal(number)
            time.sleep(0.02)
        assert program.process.returncode == 0
        assert time.monotonic() - began < 3.0
    out, err = program.process.communicate()
    assert (out, err) == (b"", b"")
    assert not any(one.is_running() for one in family)
    for pid in {connection.pid for connection in psutil.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports}:
        with contextlib.suppress(psutil.NoSuchProcess):  # another program may have got the number meanwhile
            assert str(program.directory) not in " ".join(psutil.Process(pid).cmdline())
            assert pid not in {one.pid for one in family}
    for slot in program.ready["slots"]:
        assert list(Path(slot["usb"]).iterdir()) == []
        log = program.directory / slot["name"] / "supply.log"
        last = SUPPLY_LINE.fullmatch(log.read_text().splitlines()[-1])
        assert last is not None
        assert (last[3], last[4]) == ("off", "rack-stop")


def test_a_fresh_directory_is_the_factory_state_and_an_old_one_keeps_its_memory(
        launch: Callable[..., Program], tmp_path: Path) -> None:
    slots = ("--slot", "LARA-R6", "--powered")
    first = launch(*slots).wait()
    with first.port(R6) as port:
        assert "mine.example" not in ask(port, "AT+CGDCONT?")
        assert "+CMEE: 0" in ask(port, "AT+CMEE?")
        assert ask(port, "AT").startswith("AT")  # echo on
        assert "OK" in ask(port, 'AT+CGDCONT=2,"IP","mine.example"')
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(10) == 0
    again, fresh = launch(*slots), launch(*slots, directory=tmp_path / "other")
    with again.wait().port(R6) as port:
        assert "mine.example" in ask(port, "AT+CGDCONT?")
    with fresh.wait().port(R6) as port:
        assert "mine.example" not in ask(port, "AT+CGDCONT?")


@pytest.mark.parametrize(("arguments", "sentence"), [
    (("--slot", "SARA-R5"), "no series 'SARA-R5'"),
    (("--slot", "LENA-R8:LENA-R9"), "LENA-R9"),
    (("--slot", "a=LENA-R8", "--slot", "a=LARA-R6"), "twice"),
    (("--slot", "../x=LENA-R8"), "not possible"),
    (("--slot", "LENA-R8", "--set", "no_such_thing=1"), "no_such_thing"),
])
def test_a_mistake_is_one_sentence_and_starts_nothing(launch: Callable[..., Program],
                                                      arguments: tuple[str, ...], sentence: str) -> None:
    program = launch(*arguments)
    out, err = program.process.communicate(timeout=30)
    assert program.process.returncode not in (0, 1)
    assert out == b""
    assert sentence in err.decode()
    assert len(err.decode().splitlines()) == 1
    assert "Traceback" not in err.decode()
    assert not (program.directory / "control").exists()
