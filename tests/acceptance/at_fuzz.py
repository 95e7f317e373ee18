"""Bar: mutated AT lines never silence, hang or crash the virtual module.

Lines of the guides' tables and of foreign programs' sequences are mutated and sent by pyserial to slots of a
rack that runs as a program: one slot of each series on its UART, one on USB. Each line must end with a final
result code or a documented prompt, or stay without an answer where that is documented (no ``AT`` in it,
``Q1``), and afterwards each module must register, resolve a name and echo over TCP. 2,000 lines in CI, 20,000
with --soak.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import termios
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import serial
import yaml

SUBJECT = "main-path"
BAR = ("Mutated AT lines always end with a final result code, a documented prompt or documented silence; no "
       "crash; a known-good procedure passes afterwards.")

TESTS = Path(__file__).resolve().parents[1]
LIMIT_S = 2.0
"""An answer later than this is told."""
GIVE_UP_S = 20.0
"""No answer at all by then."""
BOOT_S = 30.0
SLOTS = (("r8-usb", "LENA-R8"), ("r8-uart", "LENA-R8"), ("r6-usb", "LARA-R6"), ("r6-uart", "LARA-R6"))
GONE = (serial.SerialException, OSError, termios.error)
FACTORY = ("ATE1", "AT+UFACTORY=2,1", "AT+CFUN=16")
KNOWN_GOOD_APN = {"LENA-R8": "internet.wind.biz", "LARA-R6": "apn_name"}

FINAL = re.compile(
    rb"(?:^|[\r\n])(?:OK|ERROR|NO CARRIER|BUSY|NO ANSWER|NO DIALTONE|ABORTED|CONNECT[^\r\n]*"
    rb"|\+CM[ES] ERROR:[^\r\n]*)\r\n|(?:^|[\r\n])\d{1,4}\r(?!\n)")
PROMPT = re.compile(rb"\r\n[@>] ?$")
HEARD = re.compile(rb"at|a/", re.IGNORECASE)
EDITED = b"\x08"
"""Backspace edits the line (S5): it may take the prefix away."""
QUIET = re.compile(rb"(?:^|;)[^;+^*#%$]*q *0*[1-9]", re.IGNORECASE)
"""Q1 among the basic commands: result codes are suppressed (V.250 6.2.5)."""
REPEATS = re.compile(rb"a/.", re.IGNORECASE | re.DOTALL)
"""A/ needs no terminator: what follows it aborts the command that it repeats, on LENA-R8 without a word."""
LEAVES = re.compile(rb"cfun|cpwroff|ufactory|usio|sysnv|uusbconf", re.IGNORECASE)
"""What may end a port, or the module's being on: a restart takes the time of a hundred lines."""
LEAVES_KEPT = 0.2
NEVER = re.compile(
    rb"(?:^|[^a-z]|at)s\d*(?:=|;|$)|ipr=|icf=|upsv=|&k|ifc=|cpwd|clck=\"?\w*\"?,[^2]|cpin="
    rb"|usodl|cgdata|d\*99|csim|cmux|utest|ufwupd|udwnfile=[^,]*,\"?\+?\d{5}", re.IGNORECASE)
"""Not sent, blanks left out: another terminator, rate, mode, or a file of over 9999 bytes has another judge;
wrong PINs lock the card, as they lock a real one."""
DEEPER = ("ATE0Q0V1", "AT+CFUN=1", "AT+COPS=0", 'AT+CGDCONT=1,"IP","internet.wind.biz"', "AT+CGACT=1,1",
          "AT+USOCL=0", "AT+USOCL=1", "AT+USOCL=2", "AT+USOCR=6", "AT+USOCR=17", "AT+USOCR=6",
          'AT+USOCO=0,"195.34.89.241",7', "AT+USOLI=2,1099",
          'AT+USOST=1,"195.34.89.241",7,3,"abc"')
"""Sent now and then, whatever comes, so that the mutated lines meet a module with contexts and sockets."""
DEEPER_EVERY = 60

NUMBERS = ("-1", "0", "1", "2", "7", "11", "99", "255", "65535", "65536", "4294967296", "1e3", "0x10", "+5")
TEXTS = ('""', '"', '"a"', '"1.2.3.4"', '"999.1.1.1"', '"::1"', "x" * 300, '"' + "y" * 2000 + '"', ",", ";",
         "?", "=?")


SOCKETS = ("AT+USOWR=0,5", 'AT+USOWR=0,5,"hello"', "AT+USORD=0,5", "AT+USORD=0,0", "AT+USORF=1,100",
           'AT+USOST=1,"195.34.89.241",7,3', 'AT+USOST=1,"195.34.89.241",7,3,"abc"', "AT+USOCTL=0,10",
           "AT+USOSO=0,6,2,30000", "AT+USOGO=0,6,2", "AT+USOCL=0", "AT+USOCL=0,1", "AT+UDCONF=1,1",
           "AT+UDCONF=1,0")


def corpus() -> list[str]:
    """Good lines: the guides' rows, the steps before them, the foreign sequences."""
    lines: set[str] = set()
    for path in sorted((TESTS / "vectors" / "guides").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        for table in yaml.safe_load(text)["tables"]:
            lines.update(row["send"] for row in table["rows"] if "send" in row)
        lines.update(re.findall(r"(?:at|try): '(AT[^']*)'", text))
    for path in sorted((TESTS / "foreign" / "sequences").glob("*.txt")):
        lines.update(line.partition(" ~ ")[0] for line in path.read_text(encoding="utf-8").splitlines()
                     if line[:1].upper() == "A")
    return sorted(lines) + 3 * list(SOCKETS)


def mutated(dice: random.Random, lines: list[str]) -> bytes:
    """One line, changed in one to three places."""
    text = dice.choice(lines)
    for _ in range(dice.choice((1, 1, 2, 3))):
        text = dice.choice(_MUTATIONS)(dice, text, lines)
    return text.encode("latin-1", "replace").replace(b"\r", b"")


def _flip(dice: random.Random, text: str, _: list[str]) -> str:
    place = dice.randrange(len(text) or 1)
    return text[:place] + chr(dice.randrange(256)) + text[place + 1:]


def _drop(dice: random.Random, text: str, _: list[str]) -> str:
    place = dice.randrange(len(text) or 1)
    return text[:place] + text[place + dice.choice((1, 1, 2, 5)):]


def _repeat(dice: random.Random, text: str, _: list[str]) -> str:
    place = dice.randrange(len(text) or 1)
    return text[:place] + text[place:place + 3] * dice.choice((2, 3, 40)) + text[place:]


def _number(dice: random.Random, text: str, _: list[str]) -> str:
    found = list(re.finditer(r"\d+", text[2:]))
    if not found:
        return text + dice.choice(NUMBERS)
    one = dice.choice(found)
    return text[:one.start() + 2] + dice.choice(NUMBERS) + text[one.end() + 2:]


def _field(dice: random.Random, text: str, _: list[str]) -> str:
    head, *parts = text.split(",")
    if not parts:
        return head + dice.choice(TEXTS)
    parts[dice.randrange(len(parts))] = dice.choice(TEXTS)
    return ",".join((head, *parts))


def _extra(dice: random.Random, text: str, _: list[str]) -> str:
    return text + dice.choice((",", ",1", ',"x"', "=", "?", "=?", " ", "\x1b", "\x1a", "\x00", "\n", "\x08",
                               "\xff"))


def _join(dice: random.Random, text: str, lines: list[str]) -> str:
    return text + dice.choice((";", "", " ", ";;")) + dice.choice(lines)[2:]


def _case(dice: random.Random, text: str, _: list[str]) -> str:
    return "".join(dice.choice((one.lower(), one.upper())) for one in text)


def _quotes(dice: random.Random, text: str, _: list[str]) -> str:
    return text.replace('"', dice.choice(("", "'", '""')))


_MUTATIONS = (_flip, _drop, _repeat, _number, _number, _field, _extra, _join, _case, _quotes)


@dataclass
class Judged:
    """What one slot did with its lines."""

    lines: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    unanswered: list[bytes] = field(default_factory=list)
    late: list[tuple[float, bytes]] = field(default_factory=list)
    known_good: str = "not tried"


class Rack:
    """A virtual rack as a program."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="cellbench-fuzz-"))
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(self.directory)]
        for name, series in SLOTS:
            command += ["--slot", f"{name}={series}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.slots = {slot["name"]: slot for slot in json.loads(self.process.stdout.readline())["slots"]}

    def ctl(self, slot: str, *words: str) -> None:
        """The bench acts."""
        command = [sys.executable, "-m", "cellbench", "virtual", "ctl", "--dir", str(self.directory)]
        subprocess.run([*command, "--slot", slot, *words], capture_output=True, timeout=30, check=True)

    def complaints(self) -> list[str]:
        """What the rack itself says went wrong inside."""
        log = (self.directory / "log").read_text(encoding="utf-8", errors="replace")
        return [line for line in log.splitlines() if " ERROR " in line or line.startswith("Traceback")]

    def end(self) -> int:
        """Its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            shutil.rmtree(self.directory, ignore_errors=True)


class Wire:
    """One port of one slot, judged from outside."""

    def __init__(self, rack: Rack, slot: str) -> None:
        self._rack, self._slot = rack, slot
        entry = rack.slots[slot]
        self._url = entry["at"][0] if slot.endswith("usb") else entry["uart"]
        self._port: serial.SerialBase | None = None

    def _open(self) -> serial.SerialBase:
        if self._port is None:
            self._port = serial.serial_for_url(self._url, 115200, timeout=0.01)
        return self._port

    def _lost(self) -> None:
        if self._port is not None:
            self._port.close()
        self._port = None

    def exchange(self, line: bytes, limit_s: float, *, parts: int = 1) -> tuple[bytes, float]:
        """Send a line; what came up to a final result code or a prompt, and when. Nothing more: b''."""
        port = self._open()
        port.read(port.in_waiting)  # what came meanwhile (a purge over RFC 2217 would wait for its answer)
        size = len(line) // parts + 1
        for place in range(0, len(line) + 1, size):
            port.write(line[place:place + size])
        port.write(b"\r")
        began, heard = time.monotonic(), b""
        while time.monotonic() - began < limit_s:
            heard += port.read(port.in_waiting or 1)
            if FINAL.search(heard) or PROMPT.search(heard):
                return heard, time.monotonic() - began
        return b"", limit_s

    def ask(self, line: str, limit_s: float = GIVE_UP_S) -> str:
        """The answer of a good line, as text."""
        return self.exchange(line.encode(), limit_s)[0].decode("latin-1")

    def fill_prompt(self) -> bool:
        """End a prompt: ESC, then as many bytes as any payload may have; the command must end then."""
        time.sleep(0.06)
        port, heard = self._open(), b""
        port.write(b"\x1b" + b"x" * 2048)
        end = time.monotonic() + GIVE_UP_S
        while not FINAL.search(heard):
            if time.monotonic() > end:
                return False
            heard += port.read(port.in_waiting or 1)
        return True

    def back_in_step(self) -> None:
        """Until AT is answered; a module that is off is switched on."""
        cycle = time.monotonic() + 4.0
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end:
            try:
                if self.exchange(b"ATQ0V1", 0.3)[0].endswith(b"OK\r\n"):
                    return
            except GONE:
                self._lost()
                time.sleep(0.05)
            if time.monotonic() > cycle:
                self._rack.ctl(self._slot, "power", "state=cycle")
                cycle = time.monotonic() + 8.0
        raise RuntimeError(f"{self._slot} does not come back")

    def known_good(self, series: str) -> str:
        """Factory settings, registration, context, name, TCP echo; "passed", or where it stopped."""
        for line in FACTORY:
            self.ask(line)
        time.sleep(0.3)
        self.back_in_step()
        end = time.monotonic() + BOOT_S
        while not re.search(r'\+COPS: 0,\d,".+",7', self.ask("AT+COPS?")):
            if time.monotonic() > end:
                return f"not registered: {self.ask('AT+COPS?')!r}"
            time.sleep(0.1)
        steps = (
            ("ATE0", "OK"), (f'AT+CGDCONT=1,"IP","{KNOWN_GOOD_APN[series]}"', "OK"), ("AT+CGACT=1,1", "OK"),
            ('AT+UDNSRN=0,"echo.u-blox.com"', '"195.34.89.241"'), ("AT+USOCR=6", "+USOCR: 0"),
            ('AT+USOCO=0,"195.34.89.241",7', "OK"), ('AT+USOWR=0,5,"hello"', "+USOWR: 0,5"),
        )
        for line, wanted in steps:
            answer = self.ask(line)
            if wanted not in answer:
                return f"{line}: {answer!r}"
        time.sleep(0.3)
        answer = self.ask("AT+USORD=0,5")
        return "passed" if '+USORD: 0,5,"hello"' in answer else f"AT+USORD=0,5: {answer!r}"


def judge(rack: Rack, slot: str, series: str, count: int, seed: int) -> Judged:
    """Send ``count`` mutated lines to a slot, then the known-good procedure."""
    judged, dice, lines = Judged(), random.Random(f"{seed} {slot}"), corpus()
    rack.ctl(slot, "power", "state=on")
    wire = Wire(rack, slot)
    wire.back_in_step()
    for line in _sent(dice, lines, count):
        try:
            if judged.lines % DEEPER_EVERY == 0:
                for good in DEEPER:
                    wire.ask(good)
            judged.lines += 1
            _one(wire, line, dice, judged)
        except GONE:
            judged.ends["port gone" if LEAVES.search(line) else "port gone unasked"] += 1
            if not LEAVES.search(line):
                judged.unanswered.append(line)
            wire.back_in_step()
    judged.known_good = wire.known_good(series)
    return judged


def _sent(dice: random.Random, lines: list[str], count: int) -> Iterator[bytes]:
    """Mutated lines without those that the judge cannot follow."""
    while count:
        line = mutated(dice, lines)
        if NEVER.search(line.replace(b" ", b"")) or (LEAVES.search(line) and dice.random() > LEAVES_KEPT):
            continue
        count -= 1
        yield line


def _one(wire: Wire, line: bytes, dice: random.Random, judged: Judged) -> None:
    silent = not HEARD.search(line)
    hushed = QUIET.search(line) is not None or EDITED in line or REPEATS.search(line) is not None
    limit = 0.02 if silent else 0.5 if hushed else GIVE_UP_S
    heard, seconds = wire.exchange(line, limit, parts=dice.choice((1, 1, 1, 2, 7)))
    if PROMPT.search(heard):
        judged.ends["prompt"] += 1
        if not wire.fill_prompt():
            judged.unanswered.append(line)
            wire.back_in_step()
    elif heard:
        judged.ends["final result code"] += 1
        if seconds > LIMIT_S:
            judged.late.append((round(seconds, 2), line))
    elif silent or hushed:
        judged.ends["documented silence"] += 1
    else:
        judged.ends["no answer"] += 1
        judged.unanswered.append(line)
    if LEAVES.search(line):
        time.sleep(0.2)  # it may still answer while it goes
    if LEAVES.search(line) or (not heard and not silent) or hushed:
        wire.back_in_step()


def run(count: int, seed: int) -> tuple[dict[str, Judged], list[str], int]:
    """All slots at once; what each did, what the rack complained of, its exit status."""
    rack = Rack()
    try:
        with ThreadPoolExecutor(len(SLOTS)) as pool:
            jobs = {slot: pool.submit(judge, rack, slot, series, count // len(SLOTS), seed)
                    for slot, series in SLOTS}
            found = {slot: job.result() for slot, job in jobs.items()}
        complaints = rack.complaints()
    finally:
        status = rack.end()
    return found, complaints, status


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    count = 20_000 if os.environ.get("CELLBENCH_SOAK") else 2_000
    found, complaints, status = run(count, int(os.environ.get("CELLBENCH_SEED", time.time())))
    lines = sum(one.lines for one in found.values())
    ends: Counter[str] = sum((one.ends for one in found.values()), Counter())
    unanswered = [line for one in found.values() for line in one.unanswered]
    late = [entry for one in found.values() for entry in one.late]
    good = [slot for slot, one in found.items() if one.known_good == "passed"]
    for text in (*unanswered, *late, *complaints, *(one.known_good for one in found.values())):
        print(text, file=sys.stderr)
    return [
        {"what": f"{lines} mutated AT lines: unanswered", "goal": 0,
         "figure": f"{len(unanswered)} ({', '.join(f'{ends[end]} {end}' for end in sorted(ends))})",
         "met": not unanswered},
        {"what": f"{lines} mutated AT lines: answered after {LIMIT_S:g} s", "goal": 0, "figure": len(late),
         "met": not late},
        {"what": "mutated AT lines: failures inside the rack", "goal": 0, "figure": len(complaints),
         "met": not complaints and status == 0},
        {"what": "known-good procedure after them", "goal": f"{len(found)} of {len(found)}",
         "figure": f"{len(good)} of {len(found)}", "met": len(good) == len(found)},
    ]


if __name__ == "__main__":
    for row in main():
        verdict = "met" if row["met"] else "MISSED"
        print(f"{row['what']:<55} {row['goal']!s:<8} {row['figure']!s:<12} {verdict}")
