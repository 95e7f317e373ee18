"""Bar: mutated lines of the internet and security commands never silence, hang or crash the virtual module.

Lines of the clients (HTTP, FTP, MQTT, MQTT-SN, CoAP), of certificates, security profiles and files, valid
ones in any order and mutated ones, are sent by pyserial to slots of a rack that runs as a program, one of
each series on its UART, one on USB, each line as soon as the answer to the last one has come. Each must end
within 2 s with a final result code, or with a prompt that ends as documented, or stay without an answer where
that is documented. Afterwards, without a reboot, every client does what it does on a good day. 5,000 lines in
CI, 100,000 with --soak.
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

SUBJECT = "internet"
BAR = ("Mutated AT lines of the internet and security commands: always a final code, a prompt that is left "
       "as documented or documented silence within 2 s; no crash; every client works afterwards.")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SETTINGS = ("fs_input_timeout_s=0.3", "usecmng_input_timeout_s=0.3", "mqtt_input_timeout_s=0.3",
            "ftp_direct_link_ends=true", "coap_answer_s=40", "mqttsn_retry_s=5", "mqtt_answer_s=100")
"""The prompts give up soon; a direct link ends with its file; answers that never come are given up soon."""
DEEPER_EVERY = 25
STOCK_EVERY = 500
DWELL, DWELL_S = 0.3, 0.01
"""So often, and so long, a line waits for what the line before has begun."""
CERTIFICATES = ("ca_cert.crt", "client_cert.crt", "client_key.key", "server_broker.crt")
DIRECT = re.compile(rb"uftpc\W*[67]", re.IGNORECASE)
CONNECT = re.compile(rb"[\r\n]CONNECT[^\r\n]*\r\n")
GUARD_S = 2.2
IDLE_S = 30.0
"""What a line has begun ends by then."""


def beside(name: str) -> ModuleType:
    """Another file of this folder as a module."""
    known = sys.modules.get(f"cellbench_{name}")
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(f"cellbench_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


fuzz: Any = beside("at_fuzz")
grammar: Any = beside("internet_grammar")


def rack() -> Any:
    """A rack whose modules do not wait long for what never comes."""
    made = fuzz.Rack.__new__(fuzz.Rack)
    made.directory = Path(tempfile.mkdtemp(prefix="cellbench-fuzz-"))
    command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", str(made.directory)]
    for name, series in fuzz.SLOTS:
        command += ["--slot", f"{name}={series}"]
    for setting in SETTINGS:
        command += ["--set", setting]
    made.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    made.slots = {slot["name"]: slot for slot in fuzz.json.loads(made.process.stdout.readline())["slots"]}
    return made


class Clients:
    """What every client does on a good day; a step that fails names itself."""

    def __init__(self, wire: Any, series: str) -> None:
        self.wire = wire
        self.apn = fuzz.KNOWN_GOOD_APN[series]
        self.coap = series == "LARA-R6"

    def ok(self, line: str) -> str:
        """The answer of a line that must be taken."""
        answer: str = self.wire.ask(line)
        if "OK\r\n" not in answer:
            raise AssertionError(f"{line}: {answer!r}")
        return answer

    def ends(self, line: str, urc: str) -> None:
        """A command and its URC."""
        heard = self.ok(line).encode("latin-1")
        if not self.wire.hears(heard, re.escape(urc).encode()):
            raise AssertionError(f"{line}: {urc} does not come")

    def idle(self) -> None:
        """Leave sessions, wait for the end of what runs."""
        probes = ['AT+UMQTT=6,0', 'AT+UMQTTSN=4,0', "AT+UFTP=6,1", *(f"AT+UHTTP={n}" for n in range(4)),
                  *(['AT+UCOAP=4,1'] if self.coap else [])]
        end = time.monotonic() + IDLE_S
        for probe in probes:
            while "OK\r\n" not in self.wire.ask(probe):
                if time.monotonic() > end:
                    raise AssertionError(f"{probe}: still refused {IDLE_S:g} s after the last line")
                for line in ("AT+UMQTTC=0", "AT+UMQTTSNC=0"):
                    self.wire.ask(line)
                time.sleep(0.2)
        self.wire.ask("AT+UFTPC=0")
        time.sleep(0.3)

    def all(self) -> str:
        """ "passed", or where it stopped."""
        try:
            self.wire.ask("ATE0Q0V1")
            self.idle()
            self._begin()
            for one in (self._files, self._http, self._ftp, self._mqtt, self._mqttsn, self._certificates,
                        *((self._coap,) if self.coap else ())):
                one()
        except AssertionError as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            return f"{error or 'not as it must be'} ({place.name}, line {place.lineno}: {place.line})"
        return "passed"

    def _begin(self) -> None:
        for line in ("AT+CMEE=2", f'AT+CGDCONT=1,"IP","{self.apn}"', "AT+CGACT=1,1"):
            self.wire.ask(line)
        for profile in range(5):
            self.ok(f"AT+USECPRF={profile}")
            self.ok(f"AT+USECPRF={profile},0,0")
        for file in set(re.findall(r'"([^"]+)"', self.ok("AT+ULSTFILE=0"))):
            if len(file) < 60:
                self.wire.ask(f'AT+UDELFILE="{file}"')

    def stock(self) -> None:
        """Files and certificates for the lines to meet."""
        kept = (("a", b"hello"), ("b", b"b" * 3000), *((name, _world(name)) for name in CERTIFICATES))
        for name, data in kept:
            self.wire.ask(f'AT+UDELFILE="{name}"')
            if fuzz.PROMPT.search(self.wire.ask(f'AT+UDWNFILE="{name}",{len(data)}').encode("latin-1")):
                self.wire.type(data)

    def _files(self) -> None:
        self.wire.ask('AT+UDWNFILE="good",5')
        self.wire.type(b"hello")
        answer = self.ok('AT+URDFILE="good"')
        assert 'good,5,"hello"' in answer or '"good",5,"hello"' in answer, answer

    def _http(self) -> None:
        secure = "www.ssl_tls_test_server.com"
        for number, host, more in ((0, "httpbin.org", ()), (1, secure, ("6,1,0", "5,443"))):
            for line in ("", f',1,"{host}"', *(f",{one}" for one in more)):
                self.ok(f"AT+UHTTP={number}{line}")
            self.ends(f'AT+UHTTPC={number},1,"/","page{number}"', f"+UUHTTPCR: {number},1,1")
            assert "200" in self.ok(f'AT+URDBLOCK="page{number}",0,20')

    def _ftp(self) -> None:
        for op in (*range(9), 20):
            self.ok(f"AT+UFTP={op}")
        for line in ("12", '1,"ftp.u-blox.com"', '2,"anonymous"', '3,"password"', "6,1"):
            self.ok(f"AT+UFTP={line}")
        self.ends("AT+UFTPC=1", "+UUFTPCR: 1,1")
        self.ends('AT+UFTPC=5,"good","good"', "+UUFTPCR: 5,1")
        self.ends('AT+UFTPC=4,"good","back"', "+UUFTPCR: 4,1")
        self.ends("AT+UFTPC=0", "+UUFTPCR: 0,1")
        assert ',5,"hello"' in self.ok('AT+URDFILE="back"')

    def _mqtt(self) -> None:
        self.ok("AT+UMQTTNV=0")
        self.ok('AT+UMQTT=2,"192.168.105.30",1883')
        self.ends("AT+UMQTTC=1", "+UUMQTTC: 1,1")
        topic = f"good/{id(self)}"
        self.ends(f'AT+UMQTTC=4,1,"{topic}"', "+UUMQTTC: 4,1")
        self.ends(f'AT+UMQTTC=2,1,0,0,"{topic}","hello"', "+UUMQTTC: 6,1")
        assert '5,"hello"' in self.ok("AT+UMQTTC=6,1")
        self.ends("AT+UMQTTC=0", "+UUMQTTC: 0,1")

    def _mqttsn(self) -> None:
        self.ok("AT+UMQTTSNNV=0")
        self.ok('AT+UMQTTSN=2,"192.168.105.30",10000')
        self.ends("AT+UMQTTSNC=1", "+UUMQTTSNC: 1,1")
        self.ends(f'AT+UMQTTSNC=2,"good/{id(self)}"', "+UUMQTTSNC: 2,1")
        self.ends("AT+UMQTTSNC=0", "+UUMQTTSNC: 0,1")

    def _certificates(self) -> None:
        for entry in re.findall(r'(CA|CC|PK|SC|VC|PU),"([^"\r]*)"', self.ok("AT+USECMNG=3")):
            self.wire.ask(f'AT+USECMNG=2,{("CA", "CC", "PK", "SC", "VC", "PU").index(entry[0])},"{entry[1]}"')
        certificate = _world("ca_cert.crt")
        self.wire.ask(f'AT+USECMNG=0,0,"good",{len(certificate)}')
        self.wire.type(certificate)
        assert '"good"' in self.ok('AT+USECMNG=4,0,"good"')

    def _coap(self) -> None:
        host = "192.168.105.31"
        for uri in ("coap://coap.me:5683/hello", f"coap+tcp://{host}:5683/", f"coaps://{host}:5684/"):
            for line in (f'1,"{uri}"', "2,2,1", "2,5,0", "4,1", "8,0", "20,1"):
                self.ok(f"AT+UCOAP={line}")
            self.ends("AT+UCOAPC=1", "+UCOAPCR: 1,1")


class Wire(fuzz.Wire):  # type: ignore[misc]
    """A port that hears URCs and types payloads, too."""

    def hears(self, heard: bytes, wanted: bytes, limit_s: float = 20.0) -> bool:
        """True when ``wanted`` comes after ``heard``."""
        port, end = self._open(), time.monotonic() + limit_s
        while not re.search(wanted, heard):
            if time.monotonic() > end:
                return False
            heard += port.read(port.in_waiting or 1)
        time.sleep(0.01)
        port.read(port.in_waiting)
        return True

    def leave_data_mode(self, heard: bytes) -> bool:
        """A file that is got ends by itself; else +++ with its guard time does."""
        after = CONNECT.split(heard)[-1]
        if self.hears(after, fuzz.FINAL.pattern, limit_s=0.3):
            return True
        time.sleep(GUARD_S)
        self._open().write(b"+++")
        return self.hears(b"", fuzz.FINAL.pattern)

    def type(self, data: bytes) -> None:
        """A payload, up to its final result code."""
        time.sleep(0.06)
        self._open().write(data)
        if not self.hears(b"", fuzz.FINAL.pattern):
            raise AssertionError("a payload was not taken")


def judge(rack: Any, slot: str, series: str, count: int, seed: int) -> Any:
    """Send ``count`` lines to a slot, then what is known to be good."""
    judged, dice = fuzz.Judged(), random.Random(f"{seed} {slot}")
    rack.ctl(slot, "power", "state=on")
    wire = Wire(rack, slot)
    wire.back_in_step()
    clients = Clients(wire, series)
    _registered(wire)
    clients._begin()
    while judged.lines < count:
        if judged.lines % STOCK_EVERY == 0:
            clients.stock()
        if judged.lines % DEEPER_EVERY == 0:
            ready = dice.choice(grammar.DEEPER)
            for good in ("ATE0Q0V1", "AT+CMEE=1", "AT+CGACT=1,1", *ready):
                wire.ask(good)
            time.sleep(dice.choice((0.0, 0.02, 0.05)))
        if dice.random() < DWELL:
            time.sleep(DWELL_S)
        judged.lines += 1
        _one(wire, _line(dice, grammar.FAMILY.match(ready[-1] + "=")[0][:-1].rstrip("C")), dice, judged)
    judged.known_good = clients.all()
    return judged


def _one(wire: Wire, line: bytes, dice: random.Random, judged: Any) -> None:
    """Send a line and see how it ends."""
    silent = not fuzz.HEARD.search(line)
    hushed = any(one.search(line) for one in (fuzz.QUIET, fuzz.REPEATS)) or fuzz.EDITED in line
    limit = 0.02 if silent else 0.5 if hushed else fuzz.GIVE_UP_S
    heard, seconds = wire.exchange(line, limit, parts=dice.choice((1, 1, 1, 2, 7)))
    if fuzz.PROMPT.search(heard):
        end, good = "prompt left", wire.fill_prompt()
    elif CONNECT.search(heard):
        end, good = "data mode left", wire.leave_data_mode(heard)
    elif heard:
        end, good = "OK" if b"OK\r\n" in heard else "refused", True
        if seconds > fuzz.LIMIT_S:
            judged.late.append((round(seconds, 2), line))
    else:
        end, good = "documented silence", silent or hushed
    judged.ends[end if good else "no answer"] += 1
    if not good:
        judged.unanswered.append(line)
    if not good or hushed:
        wire.back_in_step()


def _registered(wire: Any) -> None:
    end = time.monotonic() + fuzz.BOOT_S
    while not re.search(r'\+COPS: 0,\d,".+",7', wire.ask("AT+COPS?")):
        if time.monotonic() > end:
            raise RuntimeError("not registered")
        time.sleep(0.05)


def _line(dice: random.Random, family: str) -> bytes:
    """A line that the judge can follow; of direct links a few, since leaving one takes the guard time."""
    while True:
        line: bytes = grammar.mutated(dice, family)
        if not (fuzz.NEVER.search(line.replace(b" ", b"")) or fuzz.LEAVES.search(line) or (
                DIRECT.search(line) and dice.random() > 0.2)):
            return line


def _world(name: str) -> bytes:
    return (ROOT / "src/cellbench/virtual/world/certs" / name).read_bytes()


def run(count: int, seed: int) -> tuple[dict[str, Any], list[str], int]:
    """All slots at once; what each did, what the rack complained of, its exit status."""
    made = rack()
    try:
        with ThreadPoolExecutor(len(fuzz.SLOTS)) as pool:
            jobs = {slot: pool.submit(judge, made, slot, series, count // len(fuzz.SLOTS), seed)
                    for slot, series in fuzz.SLOTS}
            found = {slot: job.result() for slot, job in jobs.items()}
        complaints = made.complaints()
    finally:
        if "CELLBENCH_FUZZ_LOG" in os.environ:
            shutil.copy(made.directory / "log", os.environ["CELLBENCH_FUZZ_LOG"])
        status = made.end()
    return found, complaints, status


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    count = 100_000 if os.environ.get("CELLBENCH_SOAK") else 5_000
    found, complaints, status = run(count, int(os.environ.get("CELLBENCH_SEED", time.time())))
    lines = sum(one.lines for one in found.values())
    ends: Counter[str] = sum((one.ends for one in found.values()), Counter())
    unanswered = [line for one in found.values() for line in one.unanswered]
    late = [entry for one in found.values() for entry in one.late]
    good = [slot for slot, one in found.items() if one.known_good == "passed"]
    for text in (*unanswered, *late, *complaints, *(one.known_good for one in found.values())):
        print(text, file=sys.stderr)
    return [
        {"what": f"{lines} lines of the internet and security commands: unanswered", "goal": 0,
         "figure": f"{len(unanswered)} ({', '.join(f'{ends[end]} {end}' for end in sorted(ends))})",
         "met": not unanswered},
        {"what": f"{lines} lines: answered after {fuzz.LIMIT_S:g} s", "goal": 0, "figure": len(late),
         "met": not late},
        {"what": "failures inside the rack", "goal": 0, "figure": len(complaints),
         "met": not complaints and status == 0},
        {"what": "every client's good procedure after them, without a reboot",
         "goal": f"{len(found)} of {len(found)}", "figure": f"{len(good)} of {len(found)}",
         "met": len(good) == len(found)},
    ]


if __name__ == "__main__":
    for row in main():
        verdict = "met" if row["met"] else "MISSED"
        print(f"{row['what']:<70} {row['goal']!s:<8} {row['figure']!s:<12} {verdict}")
