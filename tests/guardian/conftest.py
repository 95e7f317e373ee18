"""A bench for guardians: a supply and a relay board on TCP, and programs that lease slots of it.

The two instruments play the documented protocols (SCPI-1999; the relay board's telnet dialogue) just as
far as the drivers go, one client at a time, and keep a log of what was switched when.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cellbench.guardian.plan import (
    DrivenLinePlan,
    EquipmentPlan,
    InstrumentPlan,
    OutputPlan,
    ReadLinePlan,
    SlotPlan,
)
from cellbench.guardian.start import connect, stop

HOLDER = Path(__file__).with_name("holder.py")
PASSWORD = "nobody-may-store-this"


@dataclass
class TcpInstrument:
    """Serves one client at a time; ``frozen`` makes it take commands without acting or answering."""

    port: int = 0
    frozen: threading.Event = field(default_factory=threading.Event)
    thawed: threading.Event = field(default_factory=threading.Event)
    dialogues: int = 0
    _server: socket.socket | None = None
    _client: socket.socket | None = None
    _ended: bool = False

    def start(self) -> None:
        self._ended = False
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._run, args=(self._server,), daemon=True).start()

    def stop(self) -> None:
        """As if it lost its network: nobody listens, the client is cut off."""
        self._ended = True
        self.thawed.set()
        assert self._server is not None
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if self._client is not None:
            try:
                self._client.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._client = None

    def greet(self, client: socket.socket, lines: Iterator[str]) -> None:
        """What happens before the first command."""

    def answer(self, line: str) -> str | None:
        raise NotImplementedError

    def _run(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self._client = client
            self.dialogues += 1
            with client:
                try:
                    self._serve(client)
                except (OSError, StopIteration):
                    continue

    def _serve(self, client: socket.socket) -> None:
        lines = self._lines(client)
        self.greet(client, lines)
        for line in lines:
            while self.frozen.is_set() and not self._ended:
                self.thawed.wait(0.05)
            if self._ended:
                return
            said = self.answer(line)
            if said is not None:
                client.sendall(said.encode())

    @staticmethod
    def _lines(client: socket.socket) -> Iterator[str]:
        rest = b""
        while data := client.recv(4096):
            data = re.sub(rb"\xff[\xfb-\xfe].", b"", data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield line.decode().strip()


@dataclass
class Output:
    volts: float = 0.0
    amperes: float = 1.0
    on: bool = False
    tripped: bool = False
    load_a: float = 0.05
    shorted: bool = False
    sags_to_v: float | None = None


@dataclass
class TestSupply(TcpInstrument):
    """Four outputs; ``log`` has (monotonic seconds, channel, on)."""

    __test__ = False
    serial: str = "1"
    outputs: dict[int, Output] = field(default_factory=lambda: {number: Output() for number in range(1, 5)})
    selected: int = 1
    log: list[tuple[float, int, bool]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    stale: bool = False
    """Each query gets the answer of the query before it."""
    _before: str = "0\n"

    def answer(self, line: str) -> str | None:
        made = self._answer(line)
        if made is None:
            return None
        given, self._before = (self._before if self.stale else made), made
        return given

    def _answer(self, line: str) -> str | None:
        self.heard.append(line)
        word, _, value = line.partition(" ")
        output = self.outputs[self.selected]
        asked: dict[str, Callable[[], object]] = {
            "*IDN?": lambda: f"TEST,SUPPLY,{self.serial},1",
            "SYST:ERR?": lambda: '0,"No error"',
            "INST:NSEL?": lambda: self.selected,
            "VOLT?": lambda: output.volts,
            "CURR?": lambda: output.amperes,
            "OUTP?": lambda: int(output.on),
            "MEAS:VOLT?": lambda: self._volts(output),
            "MEAS:CURR?": lambda: output.load_a if output.on else 0.0,
            "CURR:PROT:TRIP?": lambda: int(output.tripped),
        }
        if word in asked:
            return f"{asked[word]()}\n"
        if word == "INST:NSEL":
            self.selected = int(value)
        elif word == "VOLT":
            output.volts = float(value)
        elif word == "CURR":
            output.amperes = float(value)
        elif word == "OUTP":
            self._switch(output, value == "ON")
        elif word == "OUTP:PROT:CLE":
            output.tripped = False
        return None

    def off_since(self, channel: int, after: float, timeout_s: float) -> float:
        """Seconds from ``after`` until the output went off."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            for at, number, on in self.log:
                if number == channel and not on and at >= after:
                    return at - after
            time.sleep(0.005)
        raise AssertionError(f"output {channel} is on after {timeout_s} s")

    def _switch(self, output: Output, on: bool) -> None:
        if on and output.shorted:
            output.tripped = True
            on = False
        output.on = on
        self.log.append((time.monotonic(), self.selected, on))

    @staticmethod
    def _volts(output: Output) -> float:
        if not output.on:
            return 0.0
        return output.volts if output.sags_to_v is None else output.sags_to_v


@dataclass
class TestBoard(TcpInstrument):
    """32 relays and inputs behind a login; ``log`` has (monotonic seconds, pin, closed)."""

    __test__ = False
    closed: set[int] = field(default_factory=set)
    high: set[int] = field(default_factory=set)
    log: list[tuple[float, int, bool]] = field(default_factory=list)

    def greet(self, client: socket.socket, lines: Iterator[str]) -> None:
        client.sendall(b"\r\nUser Name: ")
        next(lines)
        client.sendall(b"\r\nPassword: " + b"\xff\xfd\x03")  # a telnet option (DO SGA), as the board sends
        if next(lines) != PASSWORD:
            client.sendall(b"\r\nAccess denied\r\n")
            raise OSError("wrong password")
        client.sendall(b"\r\nLogged in\r\n>")

    def answer(self, line: str) -> str | None:
        match line.split():
            case ["relay", "on" | "off" as state, pin]:
                number = int(pin, 32)
                (self.closed.add if state == "on" else self.closed.discard)(number)
                self.log.append((time.monotonic(), number, state == "on"))
                return "\r\n>"
            case ["relay", "read", pin]:
                return f"{'on' if int(pin, 32) in self.closed else 'off'}\r\n>"
            case ["gpio", "read", pin]:
                return f"{int(int(pin, 32) in self.high)}\r\n>"
            case ["ver"]:
                return "A1\r\n>"
        return "\r\n>"


@dataclass
class Bench:
    """The instruments, the guardian's directories, and programs that hold slots."""

    supply: TestSupply
    board: TestBoard
    place: Path
    locks: Path
    programs: list[subprocess.Popen[str]] = field(default_factory=list)
    log_begins: int = 0
    began_utc_ns: int = field(default_factory=time.time_ns)

    def equipment(self) -> EquipmentPlan:
        return EquipmentPlan("test", {
            "psu1": InstrumentPlan("supply.scpi-generic", {
                "resource": f"TCPIP::127.0.0.1::{self.supply.port}::SOCKET", "timeout_s": 2.0}),
            "relays1": InstrumentPlan("line.numato-ethernet", {
                "host": "127.0.0.1", "port": self.board.port, "user": "admin", "password": PASSWORD},
                {"password": {"env": "TEST_RELAY_PASSWORD"}}),
        })

    def slot(self, number: int = 1, **changes: object) -> SlotPlan:
        """Slot ``number`` uses output and relays of its own; reset_n is a normally closed contact."""
        first = 4 * (number - 1)
        output: dict[str, object] = {
            "supply": "psu1", "channel": number, "voltage_v": 3.8, "current_limit_a": 2.5,
            "max_voltage_v": 4.5, "max_current_a": 3.0, "settle_s": 0.3, **changes}
        return SlotPlan(
            name=f"slot-{number}", output=OutputPlan(**output),  # type: ignore[arg-type]
            driven={"pwr_on": DrivenLinePlan("relays1", first),
                    "vusb_det": DrivenLinePlan("relays1", first + 1),
                    "reset_n": DrivenLinePlan("relays1", first + 2, closed_when_asserted=False)},
            read={"v_int": ReadLinePlan("relays1", number - 1)})

    def hold(self, *slots: SlotPlan, run: str = "run-1", workers: bool = False, pulse: bool = False,
             on: bool = True) -> subprocess.Popen[str]:
        """A program that leases slots, switches them on and waits; returns once it has.

        ``workers``: one worker process per slot under a controller, each printed as `pid`.
        """
        task = {"place": str(self.place), "run": run, "equipment": self.equipment().to_json(),
                "slots": [slot.to_json() for slot in slots], "workers": workers, "pulse": pulse, "on": on}
        program = subprocess.Popen([sys.executable, str(HOLDER), json.dumps(task)], stdout=subprocess.PIPE,
                                   text=True, env=os.environ)
        self.programs.append(program)
        return program

    def pids(self, program: subprocess.Popen[str], count: int = 1) -> list[int]:
        """What holders printed: the process ids of those that have their slot."""
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(count)]
        assert all(line.startswith("holds ") for line in lines), lines
        return [int(line.split()[1]) for line in lines]

    def log_text(self) -> str:
        """What the guardian has written since this test began."""
        return (self.place / "guardian.log").read_text()[self.log_begins:]

    def settle(self) -> None:
        """Kill the programs and wait until their slots are safe."""
        for program in self.programs:
            program.kill()
            program.communicate()
        connection = connect(self.place, "test") if self.place.exists() else None
        while connection is not None and connection.request("state", {}, 5.0)["leases"]:
            time.sleep(0.01)
        if connection is not None:
            connection.close()

    def wait_log(self, text: str, timeout_s: float = 5.0) -> str:
        """The log's first line with ``text``."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            for line in self.log_text().splitlines():
                if text in line:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"no {text!r} in\n{self.log_text()}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A guardian's directory; modules whose tests leave their guardian alive may share one."""
    yield tmp_path / "run"
    if (tmp_path / "run").exists():
        stop(tmp_path / "run")


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One guardian for the tests of a module."""
    place = tmp_path_factory.mktemp("guardian") / "run"
    yield place
    stop(place)


@pytest.fixture
def bench(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    supply, board = TestSupply(), TestBoard()
    supply.start()
    board.start()
    bench = Bench(supply, board, place, place.with_name("locks"))
    log = place / "guardian.log"
    bench.log_begins = log.stat().st_size if log.exists() else 0
    monkeypatch.setenv("CELLBENCH_RUNTIME_DIR", str(bench.place))
    monkeypatch.setenv("CELLBENCH_LOCK_DIR", str(bench.locks))
    monkeypatch.setenv("CELLBENCH_GUARDIAN_IDLE_S", "3")
    monkeypatch.setenv("TEST_RELAY_PASSWORD", PASSWORD)
    yield bench
    bench.settle()
    supply.stop()
    board.stop()
