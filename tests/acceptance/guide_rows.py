"""Bar: the virtual module answers every row of the guides' command tables as printed.

A judge from outside: racks run as programs, the tables of tests/vectors/guides are played over the real UART
(RFC 2217) and over the first AT port on USB by pyserial, and the far side acts by the program
``cellbench virtual ctl``. Nothing of the host side is used. Every table has a module of its own, fresh from
the factory.
"""

from __future__ import annotations

import binascii
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import serial
import yaml

SUBJECT = "main-path"
BAR = ("The virtual module answers every row of the guides' tables as printed, over the UART and over USB, "
       "up to values that depend on the run.")

GUIDES = Path(__file__).resolve().parents[1] / "vectors" / "guides"
WAIT_S = 12.0
"""Longest wait for an answer, a URC or a registration (``--timing fast``)."""
QUIET_S = 0.3
"""How long nothing may come where nothing is printed."""
GAP_S = 0.02
"""Pause between an answer and the next command (LENA-R8 guide 4.2)."""
PROMPT_S = 0.06
"""Pause between a prompt and the data (LENA-R8 guide 9.2.3)."""
PIECE = 32_768
READY_S = 60.0
AT_ONCE = 3
A_RACK = 48
"""Tables played on one rack, each on a slot of its own; a rack holds 64 slots."""

FINAL = re.compile(r"OK|ERROR|NO CARRIER|\+CM[ES] ERROR:.*")
PLACEHOLDER = re.compile(r"\{[a-z_0-9]+:([^{}]+)\}")
BESIDE = re.compile(r'("[^"]*")|([,:]) +')
REGISTERED = re.compile(r'^\+COPS: \d,\d,"', re.MULTILINE)

Row = Mapping[str, Any]


def tight(text: str) -> str:
    """Without blanks behind commas and colons outside quotes: they do not count (LENA-R8 guide 4.2.1)."""
    return BESIDE.sub(lambda found: found[1] or found[2], text)


def same(printed: str, came: str) -> bool:
    """Whether a line is the printed one; placeholders ``{name:regex}`` stand for what depends on the run."""
    parts = PLACEHOLDER.split(tight(printed))
    pattern = "".join(f"(?:{part})" if place % 2 else re.escape(part) for place, part in enumerate(parts))
    return re.fullmatch(pattern, tight(came), re.DOTALL) is not None


class Differs(Exception):
    """A row was not answered as printed."""


@dataclass
class Table:
    """One table of a guide."""

    series: str
    name: str
    begin: Sequence[str]
    given: Sequence[Mapping[str, Any]]
    rows: Sequence[Row]
    alone: bool = False

    @property
    def stops_a_server(self) -> bool:
        """True when it acts on the far side that all slots of a rack share, or would hear another table."""
        return self.alone or "server name" in str(self.rows)


@dataclass
class Tally:
    """How many rows were answered as printed, and what came instead."""

    rows: int = 0
    good: int = 0
    wrong: list[str] = field(default_factory=list)


def tables(usb: bool) -> list[Table]:
    """All tables; those that need the UART are left out for USB."""
    found = []
    for path in sorted(GUIDES.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for number, entry in enumerate(document["tables"]):
            if usb and "uart" in entry["begin"]:
                continue
            found.append(Table(document["series"], f"{entry['section']}/{number}", entry["begin"],
                               entry.get("given", ()), entry["rows"], bool(entry.get("alone"))))
    return found


class Rack:
    """A virtual rack, a program of its own."""

    def __init__(self, slots: Sequence[str]) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="cellbench-rows-"))
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(self.directory)]
        for slot in slots:
            command += ["--slot", slot]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the rack did not come up: status {self.process.wait()}")
        self.slots = {slot["name"]: slot for slot in json.loads(line)["slots"]}

    def ctl(self, slot: str, words: str) -> None:
        """The far side or the bench acts."""
        command = [sys.executable, "-m", "cellbench", "virtual", "ctl", "--dir", str(self.directory)]
        done = subprocess.run([*command, "--slot", slot, *words.split()], capture_output=True, text=True,
                              timeout=30, check=False)
        if done.returncode != 0:
            raise Differs(f"ctl {words}: {done.stderr.strip()}")

    def end(self) -> int:
        """Stop it; its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            shutil.rmtree(self.directory, ignore_errors=True)


class Line:
    """A serial port read in lines, by pyserial alone."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._port: serial.SerialBase | None = None
        self._text = ""
        self.open()

    def open(self) -> None:
        """Open it, on USB as soon as the module shows it."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                self._port = serial.serial_for_url(self._url, 115200, timeout=0.02)
                return
            except (serial.SerialException, OSError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def close(self) -> None:
        """Let the port go."""
        if self._port is not None:
            self._port.close()
        self._port, self._text = None, ""

    def rate(self, bit_s: int) -> None:
        """The host's own rate."""
        assert self._port is not None
        self._port.baudrate = bit_s

    def write(self, text: str) -> None:
        """Send; what goes to a port that has just vanished is lost, as it is on real USB."""
        assert self._port is not None
        try:
            self._port.write(text.encode("latin-1"))
        except (serial.SerialException, OSError):
            self._again()

    def pump(self) -> None:
        """Take what came within some 20 ms; a port that vanished opens again."""
        assert self._port is not None
        try:
            self._text += self._port.read(4096).decode("latin-1")
        except (serial.SerialException, OSError):
            self._again()

    def _again(self) -> None:
        self.close()
        self.open()

    @property
    def ends_with_prompt(self) -> bool:
        """True when a prompt for data is the last thing that came."""
        return self._text in ("@", ">", "> ")

    def took(self, marks: str) -> str | None:
        """The last character that came when it is one of these, all of it taken; None when it is not."""
        if not self._text or self._text[-1] not in marks:
            return None
        mark, self._text = self._text[-1], ""
        return mark

    def drop(self) -> None:
        """Forget what came."""
        self._text = ""

    def lines(self) -> list[str]:
        """Whole lines that came since the last call."""
        whole, _, self._text = self._text.rpartition("\r\n")
        return [line for line in re.split("\r\n", whole) if line.strip("\r\n")]


class Player:
    """Plays one table on one slot."""

    def __init__(self, rack: Rack, table: Table, slot: str, usb: bool) -> None:
        self._rack, self._table, self._slot = rack, table, slot
        entry = rack.slots[slot]
        self._url = entry["at"][0] if usb else entry["uart"]
        self._waiting: list[str] = []  # lines that no row has asked for yet
        self._port: Line | None = None
        self._package = self._packaged()

    @property
    def port(self) -> Line:
        assert self._port is not None
        return self._port

    def play(self, tally: Tally) -> None:
        """All rows; what differs goes to the tally, and the table goes on."""
        tally.rows += len(self._table.rows)
        try:
            self._begin()
            for step in self._table.given:
                self._step(step)
        except (Differs, serial.SerialException, OSError) as error:
            tally.wrong.append(f"{self._table.name}, before the rows: {error}")
            return
        finally:
            if self._port is None:
                self._rack.ctl(self._slot, "power state=off")
        for row in self._table.rows:
            try:
                self._row(row)
                tally.good += 1
            except (Differs, serial.SerialException, OSError) as error:
                tally.wrong.append(f"{self._table.name} row {row['row']} {row.get('send', '')}: {error}")
        self.port.close()
        self._rack.ctl(self._slot, "power state=off")

    # -- states and steps --------------------------------------------------------------------------

    def _begin(self) -> None:
        if "booting" in self._table.begin:
            self._port = Line(self._url)
            return
        self._rack.ctl(self._slot, "power state=on")
        self._port = Line(self._url)
        self._registered()

    def _answers(self, line: str) -> str | None:
        """The answer of a command outside the rows, or None when none came in a second."""
        self.port.write(line + "\r")
        end, came = time.monotonic() + 1.0, []
        while time.monotonic() < end:
            self.port.pump()
            came += self.port.lines()
            if any(FINAL.fullmatch(one) for one in came):
                return "\n".join(came)
        self._waiting += came
        return None

    def _registered(self) -> None:
        """Until the module answers and has an operator."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            answer = self._answers("AT+COPS?")
            time.sleep(0.12 if answer is None else GAP_S)
            if answer is not None and REGISTERED.search(answer):
                return
        raise Differs(f"not registered after {WAIT_S} s")

    def _step(self, step: Mapping[str, Any]) -> None:
        kind, value = next(iter(step.items()))
        steps: dict[str, Callable[[Any], None]] = {
            "at": lambda line: self._expect_ok(line), "try": lambda line: self._command(line) and None,
            "ctl": lambda words: self._rack.ctl(self._slot, words), "fill": self._fill, "host": self._host,
            "file": self._file, "wait": lambda _: self._again()}
        steps[kind](value)

    def _command(self, line: str) -> str:
        self.port.write(line + "\r")
        return self._until(lambda: next((one for one in self._waiting if FINAL.fullmatch(one)), None), line)

    def _expect_ok(self, line: str) -> None:
        final = self._command(line)
        if final != "OK":
            raise Differs(f"{line} ends with {final}")
        del self._waiting[:self._waiting.index(final) + 1]
        time.sleep(GAP_S)

    def _fill(self, count: int) -> None:
        for _ in range(int(count) // 512):
            self._expect_ok(f'AT+USOWR=0,512,"{"x" * 512}"')

    def _file(self, text: str) -> None:
        """A file of so many bytes in the module, by +UDWNFILE."""
        name, _, size = text.partition("=")
        for begin in range(0, int(size), PIECE):
            piece = "0123456789abcdef" * ((min(PIECE, int(size) - begin) + 15) // 16)
            piece = piece[:min(PIECE, int(size) - begin)]
            line = f'AT+UDWNFILE="{name}",{len(piece)}'
            self.port.write(line + "\r")
            self._answer([">"], line, 0)
            time.sleep(PROMPT_S)
            self.port.write(piece)
            self._until(lambda: next((one for one in self._waiting if FINAL.fullmatch(one)), None), line)
            if self._waiting.pop() != "OK":
                raise Differs(f"{line} is refused")
            time.sleep(GAP_S)

    def _host(self, text: str) -> None:
        what, _, value = text.partition("=")
        if what == "wait":
            time.sleep(float(value))
        elif what == "send":
            self.port.write("x" * int(value))
        elif what == "xmodem":
            self._xmodem()
        else:
            self.port.rate(int(value))

    def _packaged(self) -> bytes:
        """A package that fits the module, for the tables that send one."""
        if "xmodem=delta" not in str(self._table.rows):
            return b""
        with tempfile.NamedTemporaryFile() as file:
            subprocess.run([sys.executable, "-m", "cellbench", "virtual", "package", "--series",
                            self._table.series, "--kind", "delta", file.name], check=True,
                           capture_output=True, timeout=30)
            return Path(file.name).read_bytes()

    def _xmodem(self) -> None:
        """The package by Xmodem-1k: with CRC as long as C is coming, else with the checksum."""
        mark = self._mark("C\x15")
        for number, begin in enumerate(range(0, len(self._package), 1024), start=1):
            block = self._package[begin:begin + 1024].ljust(1024, b"\x1a")
            head = bytes((2, number % 256, 255 - number % 256))
            while True:
                crc, sum_8 = binascii.crc_hqx(block, 0).to_bytes(2, "big"), bytes((sum(block) % 256,))
                self.port.write((head + block + (crc if mark == "C" else sum_8)).decode("latin-1"))
                answer = self._mark("\x06\x15" if number > 1 else "\x06\x15C")
                if answer == "\x06":
                    break
                mark = answer if number == 1 else mark
        self.port.write("\x04")  # ACK stands before the first line of the next row

    def _mark(self, marks: str) -> str:
        """Wait until one of some characters is the last that came; all of it is taken."""
        found: str = self._until(lambda: self.port.took(marks), marks)
        return found

    def _again(self) -> None:
        """Registered again, after a restart or a change of the radio: the old life must be over first."""
        time.sleep(0.5)
        self._registered()
        self._waiting.clear()

    # -- rows --------------------------------------------------------------------------------------

    def _until(self, found: Callable[[], Any], what: object) -> Any:
        """Pump until ``found()`` gives something; Differs when it never does."""
        end = time.monotonic() + WAIT_S
        while True:
            result = found()
            if result is not None:
                return result
            if time.monotonic() > end:
                raise Differs(f"nothing fit {what!r}; waiting: {self._waiting!r}")
            self.port.pump()
            self._waiting += self.port.lines()

    def _row(self, row: Row) -> None:
        for step in row.get("given", ()):
            self._step(step)
        if "send" in row or "payload" in row:
            time.sleep(GAP_S)
            self.port.pump()
            self._waiting += self.port.lines()
        earlier, sent = len(self._waiting), row.get("send")
        if sent is not None:
            self.port.write(sent + "\r")
        elif "payload" in row:
            self.port.write(row["payload"])
        if "expect" in row:
            self._answer(row["expect"], sent, earlier)
        for line in row.get("urc", ()):
            self._urc(line)
        if "absent" in row:
            self._quiet(tuple(row["absent"]))
        for step in row.get("after", ()):
            self._step(step)

    def _quiet(self, prefixes: Sequence[str] = ("",)) -> None:
        before, end = len(self._waiting), time.monotonic() + QUIET_S
        while time.monotonic() < end:
            self.port.pump()
            self._waiting += self.port.lines()
        came = [line for line in self._waiting[before:] if line.startswith(tuple(prefixes))]
        if came:
            raise Differs(f"{came} came, nothing is printed")

    def _answer(self, expect: Sequence[Any], sent: str | None, earlier: int) -> None:
        if not expect:
            self._quiet()
            return
        if expect[-1] in ("@", ">"):
            self._until(lambda: True if self.port.ends_with_prompt else None, expect[-1])
            self.port.drop()
            if sent is not None:  # the echo
                self._waiting = [line for line in self._waiting if line.rstrip("\r") != sent]
            return

        def complete() -> int | None:
            for place in range(earlier, len(self._waiting)):
                line = self._waiting[place]
                if FINAL.fullmatch(line) or (isinstance(expect[-1], str) and same(expect[-1], line)):
                    return place
            return None

        last = self._until(complete, expect)
        came = self._waiting[earlier:last + 1]
        del self._waiting[earlier:last + 1]
        if sent is not None and came and came[0].rstrip("\r") == sent and expect[0] != sent:
            came.pop(0)  # the echo
        self._compare(expect, [line.rstrip("\r") for line in came])

    def _compare(self, expect: Sequence[Any], came: list[str]) -> None:
        """The printed lines in order; a URC between them is laid aside."""
        shown = list(came)
        for one in expect:
            optional = isinstance(one, dict)
            text = one["optional"] if optional else one
            while came and not (optional or same(text, came[0]) or FINAL.fullmatch(came[0])):
                self._waiting.append(came.pop(0))
            if came and same(text, came[0]):
                came.pop(0)
            elif not optional:
                raise Differs(f"printed {text!r}, came {shown!r}")
        stray = [line for line in self._waiting if line in shown and not line.startswith("+")]
        if came or stray:
            raise Differs(f"{came or stray} is more than the printed {expect!r}")

    def _urc(self, line: str | dict[str, str]) -> None:
        if isinstance(line, dict):
            wanted = line["until"]
            prefix = wanted.partition(":")[0]
            place = self._until(lambda: next((place for place, one in enumerate(self._waiting)
                                              if same(wanted, one)), None), wanted)
            self._waiting = [one for number, one in enumerate(self._waiting)
                             if number > place or not one.startswith(prefix + ":")]
            return
        prefix = line.partition(":")[0]
        place = self._until(lambda: next((place for place, one in enumerate(self._waiting)
                                          if one.partition(":")[0] == prefix), None), line)
        one = self._waiting.pop(place)
        if not same(line, one):
            raise Differs(f"printed {line!r}, came {one!r}")


def play(chosen: Sequence[Table], *, usb: bool) -> Tally:
    """Play tables, on one rack after another where they are more than one holds."""
    tally = Tally()
    for first in range(0, len(chosen), A_RACK):
        part = play_on_one_rack(chosen[first:first + A_RACK], usb=usb)
        tally.rows += part.rows
        tally.good += part.good
        tally.wrong += part.wrong
    return tally


def play_on_one_rack(chosen: Sequence[Table], *, usb: bool) -> Tally:
    """Play tables, some at once; those that stop a server of the shared far side come last, one by one."""
    tally = Tally()
    names = {id(table): f"t{number}" for number, table in enumerate(chosen)}
    rack = Rack([f"{names[id(table)]}={table.series}" for table in chosen])

    def one(table: Table) -> Tally:
        mine = Tally()
        Player(rack, table, names[id(table)], usb).play(mine)
        return mine

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            parts = list(pool.map(one, [table for table in chosen if not table.stops_a_server]))
        parts += [one(table) for table in chosen if table.stops_a_server]
    finally:
        status = rack.end()
    for part in parts:
        tally.rows += part.rows
        tally.good += part.good
        tally.wrong += part.wrong
    if status != 0:
        tally.wrong.append(f"the rack ended with {status}")
    return tally


def report(what: str, tally: Tally, wrong: Iterable[str]) -> dict[str, object]:
    """A row of the bar's table; what differs goes to standard error."""
    for text in wrong:
        print(f"{what}: {text}", file=sys.stderr)
    return {"what": what, "goal": f"all {tally.rows}", "figure": f"{tally.good} of {tally.rows}",
            "met": tally.good == tally.rows and not tally.wrong}


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    rows = []
    for usb, where in ((False, "UART (RFC 2217)"), (True, "USB (at0)")):
        tally = play(tables(usb), usb=usb)
        rows.append(report(f"guide rows answered as printed, {where}", tally, tally.wrong))
    return rows


if __name__ == "__main__":
    for line in main():
        verdict = "met" if line["met"] else "MISSED"
        print(f"{line['what']:<55} {line['goal']:<8} {line['figure']:<12} {verdict}")
