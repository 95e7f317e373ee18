"""The golden runs: journals with everything that a report must be able to show.

``write_validation`` makes a run over both series with workers, all outcomes, marginal values, a repeated
procedure, gaps, transcripts and a cut run before it; ``write_production`` a unit's production run;
``write_many`` a validation run of as many results as asked for. All times come from a clock of their own,
so that the same journal is written each time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.errors import Owner
from cellbench.base.trace import Direction, Span, TraceRecord
from cellbench.record.attempt import (
    AttemptEnded,
    AttemptStarted,
    Event,
    Kind,
    MeasurementRecord,
    Note,
    RunEnded,
    StepMark,
)
from cellbench.record.header import (
    CutRunEntry,
    ErratumEntry,
    Header,
    InstrumentEntry,
    ProcedureEntry,
    ProcessEntry,
    SectionEntry,
    SlotEntry,
    UnitEntry,
)
from cellbench.record.journal import JournalWriter, segment_path
from cellbench.record.measurement import Limit
from cellbench.record.transcript import write_transcript
from cellbench.record.verdict import Outcome, Verdict

SECRET = "hunter2-the-password"
START_NS = 1_793_865_600_000_000_000  # 2026-11-05T08:00:00Z
SLOTS = {"lena-r8-1": "LENA-R8", "lara-r6-1": "LARA-R6"}
R8 = "LENA-R8 application development guide, UBX-22038374"
R6 = "LARA-R6 internet applications development guide, UBX-22001854"


class Clock:
    """Time that passes only when told, and a little at each look."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def utc_ns(self) -> int:
        self.now_ns += 1_000_000
        return self.now_ns

    def monotonic(self) -> float:
        return (self.now_ns - START_NS) / 1e9 + 1000

    def pass_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def _sections() -> tuple[SectionEntry, ...]:
    r8 = """1|Introduction|reference
2.1|LTE Cat 1bis|reference
3.1|Initial design decisions|rule
3.2.1|Persistent configurations|procedure
3.2.2|Power on/boot|procedure
3.2.3|Network registration|procedure
3.2.4|IP acquisition|procedure
3.2.6|Power-off|procedure
4.1.1|Echo|procedure
4.1.2|Information text response|rule
4.1.3|Final result code|rule
4.1.4|Unsolicited Result Code|rule
4.1.5|Response time|rule
4.2.2|Multiple AT interfaces|procedure
5.1|Serial interface configuration|procedure
5.2.1|USB Serial ports only|procedure
5.3.1|Set a fixed baud rate|procedure
5.6.2|UART interface|procedure
5.7|Multiplexer (MUX)|procedure
7.1|Network registration|procedure
7.1.1|Band selection|procedure
7.2.1|Initial default bearer|procedure
7.2.1.1|Change anchor APN|procedure
7.2.2|Additional bearers|procedure
9.2.1|Socket connect|procedure
9.2.2|Socket listening|procedure
9.2.3|Socket write (+USOWR)|procedure
9.2.4|Socket read (+USORD)|procedure
9.2.5|Socket close|procedure
9.3.1|HTTP|procedure"""
    r6 = """2.1|PDP contexts|rule
2.2|MTU configuration|procedure
2.3.1|Default PDP and preferred protocol type configuration|procedure
2.4.1|UPING|procedure
2.4.2|DNS resolution|procedure
2.4.2.1|Override DNS configuration|procedure
2.5|IPv4 Translation for T-Mobile US IPv6 data connection|procedure
3.1|Certificates manager +USECMNG|procedure
5.1|Socket connect|procedure
5.2|Socket listening|procedure
5.3.3|Queue FULL|procedure
5.4|Socket operations with "Keep Alive" option|procedure
5.5|Socket read (+USORD)|procedure
5.9|Socket close|procedure
5.10|Testing sockets|procedure
8.1|Good practices on writing CoAP application|rule"""
    return tuple(
        SectionEntry(f"{short}:{number}", guide, number, title, (series,), kind)
        for short, guide, series, rows in (("R8", R8, "LENA-R8", r8), ("R6", R6, "LARA-R6", r6))
        for number, title, kind in (row.split("|") for row in rows.splitlines())
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """A procedure of the golden run and how it goes: its sections and measurements."""

    id: str
    title: str
    sections: tuple[str, ...]
    times: tuple[tuple[str, float, float, str], ...] = ()  # name, typical s, declared maximum s, source
    slots: tuple[str, ...] = tuple(SLOTS)


PLANS = (
    Plan(
        "suites/boot/test_power.py::test_power_on",
        "Power on and boot",
        ("R8:3.2.2",),
        (("boot time", 5.2, 12.0, "boot table, PWR_ON to first OK"),),
    ),
    Plan(
        "suites/boot/test_power.py::test_power_off",
        "Orderly power-off",
        ("R8:3.2.6",),
        (("power-off time", 3.1, 40.0, "+CPWROFF to V_INT low"),),
    ),
    Plan(
        "suites/boot/test_power.py::test_persistent_settings", "Settings survive a power cycle", ("R8:3.2.1",)
    ),
    Plan(
        "suites/parser/test_echo.py::test_echo",
        "Echo on and off",
        ("R8:4.1.1",),
        (("ATE response", 0.012, 10.0, "LENA-R8 guide 4.1.5"),),
    ),
    Plan("suites/parser/test_results.py::test_information_text", "Information text response", ("R8:4.1.2",)),
    Plan("suites/parser/test_results.py::test_final_codes", "Final result codes", ("R8:4.1.3",)),
    Plan(
        "suites/parser/test_results.py::test_urcs", "Unsolicited result codes between answers", ("R8:4.1.4",)
    ),
    Plan(
        "suites/parser/test_timing.py::test_response_time",
        "Declared response times",
        ("R8:4.1.5",),
        (
            ("+COPS=? response", 38.4, 180.0, "LENA-R8 guide 4.1.5"),
            ("+CFUN=0 response", 2.7, 180.0, "+CFUN"),
            ("+CGDCONT? response", 0.021, 10.0, "+CGDCONT"),
        ),
    ),
    Plan("suites/parser/test_ports.py::test_two_ports", "Two AT ports at once", ("R8:4.2.2",)),
    Plan(
        "suites/serial/test_uart.py::test_rates",
        "Fixed rates and autobauding",
        ("R8:5.1", "R8:5.3.1"),
        (("+IPR settle", 0.094, 0.1, "LENA-R8 guide 5.3.1, 100 ms"),),
    ),
    Plan("suites/serial/test_usb.py::test_ports_only", "USB serial ports only", ("R8:5.2.1",)),
    Plan("suites/serial/test_mux.py::test_channels", "Multiplexer with four channels", ("R8:5.7",)),
    Plan(
        "suites/network/test_registration.py::test_registration",
        "Network registration",
        ("R8:7.1", "R8:3.2.3"),
        (("registration time", 11.8, 60.0, "rig limit"),),
    ),
    Plan(
        "suites/network/test_registration.py::test_band", "Band selection", ("R8:7.1.1",), (), ("lena-r8-1",)
    ),
    Plan(
        "suites/network/test_bearer.py::test_default_bearer",
        "Initial default bearer",
        ("R8:7.2.1", "R8:3.2.4", "R6:2.3.1"),
        (("+CGACT response", 1.4, 150.0, "+CGACT"),),
    ),
    Plan(
        "suites/network/test_bearer.py::test_anchor_apn",
        "Change the anchor APN",
        ("R8:7.2.1.1",),
        (),
        ("lena-r8-1",),
    ),
    Plan("suites/network/test_bearer.py::test_additional", "Additional bearers", ("R8:7.2.2", "R6:2.1")),
    Plan(
        "suites/network/test_dns.py::test_resolve",
        "DNS resolution",
        ("R6:2.4.2",),
        (("+UDNSRN response", 0.31, 70.0, "+UDNSRN"),),
        ("lara-r6-1",),
    ),
    Plan(
        "suites/network/test_dns.py::test_override",
        "Override DNS configuration",
        ("R6:2.4.2.1",),
        (),
        ("lara-r6-1",),
    ),
    Plan("suites/network/test_ping.py::test_ping", "Ping a host", ("R6:2.4.1",), (), ("lara-r6-1",)),
    Plan(
        "suites/sockets/test_connect.py::test_connect_tcp",
        "TCP socket connect",
        ("R8:9.2.1", "R6:5.1"),
        (("+USOCO response", 0.42, 130.0, "+USOCO"),),
    ),
    Plan("suites/sockets/test_listen.py::test_listen", "Socket listening", ("R8:9.2.2", "R6:5.2")),
    Plan(
        "suites/sockets/test_write.py::test_write",
        "Socket write",
        ("R8:9.2.3",),
        (("+USOWR response", 0.08, 10.0, "+USOWR"),),
    ),
    Plan(
        "suites/sockets/test_read.py::test_read",
        "Socket read",
        ("R8:9.2.4", "R6:5.5"),
        (("echo round trip", 0.19, 2.0, "rig limit"),),
    ),
    Plan(
        "suites/sockets/test_close.py::test_close",
        "Socket close",
        ("R8:9.2.5", "R6:5.9"),
        (("+USOCL response", 0.9, 120.0, "+USOCL"),),
    ),
    Plan("suites/sockets/test_limits.py::test_queue_full", "Queue full", ("R6:5.3.3",), (), ("lara-r6-1",)),
    Plan(
        "suites/sockets/test_limits.py::test_keep_alive", "Keep-alive option", ("R6:5.4",), (), ("lara-r6-1",)
    ),
)

# What goes wrong in the golden run: (procedure's last word, slot) → verdict.
_TROUBLE = {
    ("test_rates", "lara-r6-1"): Verdict(
        Outcome.FAIL,
        Owner.UNIT,
        "+IPR settle is 0.1312 s, allowed is at most 0.1 s (LENA-R8 guide 5.3.1, 100 ms)",
        ("supply 3.80 V, 18.7 mA, not tripped", "CTS asserted all along"),
    ),
    ("test_urcs", "lena-r8-1"): Verdict(
        Outcome.FAIL, Owner.UNIT, "+CEREG URC was printed inside the answer to AT+CGDCONT?", ()
    ),
    ("test_read", "lena-r8-1"): Verdict(
        Outcome.ERROR,
        Owner.SERVICE,
        "no echo within 10 s; the echo service does not answer the host either",
        (
            "service echo asked directly: connection refused at 127.0.0.1:7",
            "registration: +CEREG: 2,1 home, RSRP -92 dBm",
            "supply 3.80 V, 64.1 mA, not tripped",
            "lara-r6-1 used echo 12 s earlier: passed",
        ),
    ),
    ("test_ping", "lara-r6-1"): Verdict(
        Outcome.ERROR,
        Owner.NETWORK,
        "not registered: +CEREG: 2,3 (registration denied)",
        ("registration asked when the step failed: +CEREG: 2,3",),
    ),
    ("test_two_ports", "lara-r6-1"): Verdict(
        Outcome.ERROR,
        Owner.RIG,
        "port usb of slot lara-r6-1 is not there; ports of this host: /dev/ttyUSB0",
        (),
    ),
    ("test_additional", "lara-r6-1"): Verdict(
        Outcome.ERROR, Owner.FRAMEWORK, "ZeroDivisionError in fixture dut_at: division by zero", ()
    ),
    ("test_mux", "lena-r8-1"): Verdict(Outcome.PASS),
    ("test_channels", "lena-r8-1"): Verdict(
        Outcome.NOT_POSSIBLE, Owner.RIG, "the rig has no line dtr on slot lena-r8-1", ()
    ),
    ("test_channels", "lara-r6-1"): Verdict(
        Outcome.NOT_POSSIBLE, Owner.RIG, "the rig has no line dtr on slot lara-r6-1", ()
    ),
    ("test_ports_only", "lara-r6-1"): Verdict(
        Outcome.NOT_APPLICABLE, None, "LARA-R6 has one composition for all ports", ()
    ),
    ("test_keep_alive", "lara-r6-1"): Verdict(Outcome.ABORTED, Owner.OPERATOR, "interrupted", ()),
}


@dataclass(slots=True)
class Script:
    """Writes attempts of one slot into one journal file."""

    journal: JournalWriter
    clock: Clock
    folder: Path
    prefix: str
    chance: random.Random = field(default_factory=lambda: random.Random(8))
    count: int = 0
    sequence: int = 0

    def attempt(self, plan: Plan, slot: str, verdict: Verdict, number: int = 1, traced: bool = True) -> None:
        self.count += 1
        name = f"{self.prefix}-{self.count}"
        series = "R8" if SLOTS[slot] == "LENA-R8" else "R6"
        sections = tuple(section for section in plan.sections if section.startswith(series))
        self.journal.append(Kind.ATTEMPT_STARTED, AttemptStarted(name, plan.id, slot, number, sections))
        began = self.clock.now_ns
        bad = verdict.outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED)
        span = self._exchange(plan, slot, bad)
        if verdict.outcome not in (Outcome.NOT_APPLICABLE, Outcome.NOT_POSSIBLE):
            self._steps(name, plan, verdict, span if traced else None)
        if traced and self.records:
            for trace in write_transcript(self.folder, name, self.records):
                self.journal.append(Kind.TRACE, trace)
        if verdict.outcome is Outcome.PASS and self.count % 9 == 0:
            self.journal.append(
                Kind.NOTE, Note(name, "greeting came before the first command, as documented")
            )
        self.journal.append(
            Kind.ATTEMPT_ENDED,
            AttemptEnded(name, plan.id, slot, verdict, (self.clock.now_ns - began) / 1e9, sections),
            sync=False,
        )

    records: list[TraceRecord] = field(default_factory=list)

    def _steps(self, name: str, plan: Plan, verdict: Verdict, span: Span | None) -> None:
        self.journal.append(Kind.STEP, StepMark(name, 0, "prepare the module"))
        self.clock.pass_s(0.3)
        self.journal.append(Kind.STEP, StepMark(name, 0, "prepare the module", 0.3))
        depends = ("network", "service:echo") if "sockets" in plan.id else ()
        self.journal.append(Kind.STEP, StepMark(name, 1, plan.title.lower(), None, depends))
        for index, (title, typical, most, source) in enumerate(plan.times):
            value = typical * self.chance.uniform(0.9, 1.05)
            limit = Limit(high=most, marginal=most * 0.1, source=source)
            if verdict.outcome is Outcome.FAIL and index == 0:
                value = most * 1.312
            self.clock.pass_s(value)
            self.journal.append(
                Kind.MEASUREMENT,
                MeasurementRecord(
                    name, title, value, "s", limit, limit.judge(value), self.clock.utc_ns(), span, 1
                ),
            )
        problem = verdict.reason if verdict.outcome is not Outcome.PASS else ""
        self.journal.append(Kind.STEP, StepMark(name, 1, plan.title.lower(), 0.5, depends, problem))

    def _exchange(self, plan: Plan, slot: str, bad: bool) -> Span:
        lines = [
            (">", b"AT+CGMM\r"),
            ("<", f"AT+CGMM\r\r\n{SLOTS[slot]}001\r\n\r\nOK\r\n".encode()),
            (">", b'AT+UAUTHREQ=1,1,"user","' + b"*" * len(SECRET) + b'"\r'),
            ("<", b"\r\nOK\r\n"),
            (">", b"AT+CEREG?\r"),
            ("<", b'\r\n+CEREG: 2,1,"2B67","69F6BC7",7\r\n\r\nOK\r\n'),
        ]
        if "sockets" in plan.id:
            lines += [
                (">", b"AT+USOCR=6\r"),
                ("<", b"\r\n+USOCR: 0\r\n\r\nOK\r\n"),
                (">", b"AT+USOWR=0,5\r"),
                ("<", b"\r\n@"),
                (">", b"\x00\x01<b>\xff"),
                ("<", b"\r\n+USOWR: 0,5\r\n\r\nOK\r\n"),
            ]
        if bad:
            lines += [("!", b"expectation not met"), ("<", b"\r\n+CME ERROR: operation not allowed\r\n")]
        self.records = []
        first = self.sequence + 1
        for direction, data in lines:
            self.sequence += 1
            self.clock.pass_s(0.021)
            self.records.append(
                TraceRecord(
                    self.sequence,
                    self.clock.now_ns - START_NS,
                    self.clock.now_ns,
                    "uart",
                    Direction(direction),
                    data,
                )
            )
        return Span("uart", first + 2, self.sequence)


def header(run: str, purpose: str, procedures: tuple[ProcedureEntry, ...], **more: object) -> Header:
    return Header(
        run=run,
        started_utc_ns=START_NS,
        rig="virtual",
        rig_file="rigs/virtual.yaml",
        rig_sha256="9f2c" * 16,
        evidence="simulated",
        timing="fast",
        purpose=purpose,
        operator="A. Lovelace",
        command=("suites", "--rig", "rigs/virtual.yaml"),
        process=ProcessEntry("bench-7", 4711, 12345, "b0071d"),
        versions={
            "cellbench": "0.1.0",
            "python": "3.11.7",
            "pytest": "9.2.0",
            "pytest-xdist": "3.8.0",
            "pyvisa": "1.16.2",
        },
        settings={
            "minimum on-time": "0.3 s (profile: 30 s)",
            "attach budget": "20, 20 an hour",
            "limits": "limits/lena-r8.yaml, version 3",
        },
        instruments=(
            InstrumentEntry("psu1", "supply.scpi-generic", "CELLBENCH,VPS-4,0001,1.0"),
            InstrumentEntry("relays1", "line.numato-ethernet", "Numato Lab 32 Channel Ethernet Relay Module"),
        ),
        procedures=procedures,
        sections=_sections(),
        errata=(
            ErratumEntry("r8-3.1", "3.1", "power saving features (+UPSVM)", "+UPSV", ("LENA-R8",), "print"),
            ErratumEntry(
                "r8-7.2.2",
                "7.2.2",
                'initial default bearer "CID 1"',
                "CID 0, as in 7.2.1 and the table",
                ("LENA-R8",),
                "print",
            ),
            ErratumEntry(
                "r6-2.3.1", "2.3.1 LTE", "address 10.40.50.500", "any IPv4 address", ("LARA-R6",), "print"
            ),
        ),
        cut_runs=(
            CutRunEntry(
                "20261104T171204Z-77aa01",
                START_NS - 52_000_000_000_000,
                "run 20261104T171204Z-77aa01 was cut at 2026-11-04T17:33:20Z in test_listen[lena-r8-1], "
                "step 'wait for the connection', 31 attempts kept; lena-r8-1 left off by the guardian; "
                "lara-r6-1 left off by the guardian",
            ),
        ),
    )


def _unit(slot: str, serial: str = "") -> UnitEntry:
    if SLOTS[slot] == "LENA-R8":
        return UnitEntry(
            slot,
            serial,
            "351457830026040",
            "8939107800023416395",
            "LENA-R8",
            "LENA-R8001M10",
            "02.01",
            "LENA-R8001M10-00C-00",
            0,
        )
    return UnitEntry(
        slot,
        serial,
        "358887095221714",
        "8939107800087001266",
        "LARA-R6",
        "LARA-R6001D",
        "00.11,A00.01",
        "LARA-R6001D-00B-00",
        0,
    )


def _slots() -> Iterator[SlotEntry]:
    yield SlotEntry("lena-r8-1", "LENA-R8", "LENA-R8001M10", "LENA-R8001M10-00C-00")
    yield SlotEntry("lara-r6-1", "LARA-R6", "LARA-R6001D", "LARA-R6001D-00B-00")


def _entries(plans: tuple[Plan, ...]) -> tuple[ProcedureEntry, ...]:
    extra = ProcedureEntry(
        "suites/sockets/test_state.py::test_state", "Socket state", ("R6:5.10",), ("lara-r6-1",)
    )
    return (
        *(
            ProcedureEntry(
                plan.id,
                plan.title,
                plan.sections,
                plan.slots,
                f"{plan.title}.\n\nAs the guide prints it, then the refusals it names.",
            )
            for plan in plans
        ),
        extra,
    )


def write_validation(folder: Path, *, end: bool = True) -> Path:
    """The golden validation run: two workers, every outcome."""
    clock = Clock()
    journal = JournalWriter.create(
        folder / "journal.jsonl",
        header("20261105T080000Z-0a1b2c", "validation", _entries(PLANS)),
        clock=clock,
    )
    anchor = journal.head
    for slot in _slots():
        journal.append(Kind.SLOT, slot)
    for worker, slot in zip(("gw0", "gw1"), SLOTS, strict=True):
        clock.now_ns = START_NS + 2_000_000_000
        segment = JournalWriter.segment(
            segment_path(folder, worker),
            run="20261105T080000Z-0a1b2c",
            worker=worker,
            slot=slot,
            anchor=anchor,
            clock=clock,
        )
        segment.append(Kind.EVENT, Event("power", slot, "on at 3.80 V, limit 2.5 A", {"state": "on"}))
        segment.append(Kind.UNIT, _unit(slot))
        script = Script(segment, clock, folder, worker)
        for plan in PLANS:
            if slot not in plan.slots:
                continue
            verdict = _TROUBLE.get((plan.id.rpartition("::")[2], slot), Verdict(Outcome.PASS))
            if plan.id.endswith("test_registration") and slot == "lara-r6-1":
                script.attempt(
                    plan, slot, Verdict(Outcome.FAIL, Owner.UNIT, "registration time is 78.72 s"), 1
                )
                script.attempt(plan, slot, verdict, 2)
            else:
                script.attempt(plan, slot, verdict)
        segment.append(Kind.EVENT, Event("power", slot, "off after +CPWROFF", {"state": "off"}))
        segment.close()
    if end:
        journal.merge({worker: segment_path(folder, worker) for worker in ("gw1", "gw0")})
        journal.append(Kind.RUN_ENDED, RunEnded(1, 312.4, "interrupted"), sync=True)
    journal.close()
    return folder


_PRODUCTION: tuple[tuple[str, str, tuple[tuple[str, float | str, str, Limit | None], ...]], ...] = (
    (
        "test_power_up",
        "Power-up and inrush",
        (
            ("inrush peak", 0.412, "A", Limit(0.0, 1.2, marginal=0.1, source="limits 1.1")),
            ("supply voltage", 3.7994, "V", Limit(3.7, 3.9, marginal=0.02, source="limits 1.2")),
        ),
    ),
    (
        "test_boot_time",
        "Boot time",
        (
            ("boot time", 5.237, "s", Limit(1.0, 12.0, marginal=1.0, source="limits 2.1")),
            ("V_INT rise", 0.0312, "s", Limit(high=0.5, source="limits 2.2")),
        ),
    ),
    (
        "test_at_ports",
        "AT on UART and USB",
        (
            ("AT round trip, UART", 0.0123, "s", Limit(high=0.1, source="limits 3.1")),
            ("AT round trip, USB", 0.0048, "s", Limit(high=0.1, source="limits 3.2")),
            ("USB enumeration", 2.914, "s", Limit(high=3.0, marginal=0.2, source="limits 3.3")),
        ),
    ),
    (
        "test_identity",
        "Identity and firmware",
        (
            ("model", "LENA-R8001M10", "", Limit(equals="LENA-R8001M10", source="limits 4.1")),
            ("firmware", "02.01", "", Limit(one_of=("02.00", "02.01"), source="limits 4.2")),
            ("IMEI check digit", "valid", "", Limit(equals="valid", source="limits 4.3")),
        ),
    ),
    ("test_sim", "SIM", (("SIM ready", 1.84, "s", Limit(high=10.0, source="limits 5.1")),)),
    (
        "test_registration",
        "Registration",
        (
            ("registration time", 11.9, "s", Limit(high=60.0, marginal=5.0, source="limits 6.1")),
            ("RSRP", -92.0, "dBm", Limit(-110.0, -60.0, marginal=5.0, source="limits 6.2")),
            ("RSRQ", -9.5, "dB", None),
        ),
    ),
    (
        "test_data_echo",
        "Data echo",
        (
            ("echo round trip", 0.187, "s", Limit(high=2.0, source="limits 7.1")),
            ("echoed bytes", 4096.0, "B", Limit(4096.0, 4096.0, source="limits 7.2")),
        ),
    ),
    (
        "test_currents",
        "Current in states",
        (
            ("current, idle", 0.0187, "A", Limit(0.005, 0.03, marginal=0.002, source="limits 8.1")),
            ("current, connected", 0.168, "A", Limit(0.05, 0.25, marginal=0.02, source="limits 8.2")),
            ("current, off", 0.0000312, "A", Limit(high=0.0001, source="limits 8.3")),
        ),
    ),
    ("test_power_off", "Power-off", (("power-off time", 3.31, "s", Limit(high=40.0, source="limits 9.1")),)),
)


def write_production(
    folder: Path, *, fail: bool = False, serial: str = "SN-2026-000481", extra: int = 0
) -> Path:
    """A production run of one unit; ``extra`` adds that many more measured procedures."""
    clock = Clock()
    rows = list(_PRODUCTION) + [
        (
            f"test_extra_{number}",
            f"Further check {number}",
            ((f"further value {number}", 0.5, "V", Limit(0.0, 1.0, source=f"limits 10.{number}")),),
        )
        for number in range(extra)
    ]
    entries = tuple(
        ProcedureEntry(f"suites/production/test_line.py::{name}", title, (), ("lena-r8-1",))
        for name, title, _ in rows
    )
    journal = JournalWriter.create(
        folder / "journal.jsonl", header("20261105T080000Z-9d8e7f", "production", entries), clock=clock
    )
    journal.append(Kind.SLOT, next(_slots()))
    journal.append(Kind.UNIT, _unit("lena-r8-1", serial))
    for count, (test, title, measurements) in enumerate(rows, 1):
        name, procedure = f"main-{count}", f"suites/production/test_line.py::{test}"
        journal.append(Kind.ATTEMPT_STARTED, AttemptStarted(name, procedure, "lena-r8-1"))
        journal.append(Kind.STEP, StepMark(name, 0, title.lower()))
        verdict = Verdict(Outcome.PASS)
        for label, value, unit, limit in measurements:
            if fail and label == "current, idle":
                value = 0.0412
                verdict = Verdict(
                    Outcome.FAIL,
                    Owner.UNIT,
                    "current, idle is 41.2 mA, allowed is 5 to 30 mA (limits 8.1)",
                    ("supply 3.80 V, not tripped", "registered, no data for 20 s"),
                )
            clock.pass_s(value if unit == "s" and isinstance(value, float) else 0.2)
            judgement = limit.judge(value) if limit else Limit().judge(0.0)
            journal.append(
                Kind.MEASUREMENT,
                MeasurementRecord(name, label, value, unit, limit, judgement, clock.utc_ns(), None, 0),
            )
        journal.append(Kind.STEP, StepMark(name, 0, title.lower(), 1.0))
        journal.append(Kind.ATTEMPT_ENDED, AttemptEnded(name, procedure, "lena-r8-1", verdict, 1.0))
    journal.append(Kind.RUN_ENDED, RunEnded(1 if fail else 0, 38.7))
    journal.close()
    return folder


def write_many(folder: Path, results: int) -> Path:
    """A validation run of ``results`` attempts over both slots, one in fifty not passed."""
    clock = Clock()
    plans = tuple(
        Plan(f"{plan.id}_{copy}", f"{plan.title} ({copy})", plan.sections, plan.times)
        for copy in range(math.ceil(results / len(PLANS) / 2))
        for plan in PLANS
    )
    journal = JournalWriter.create(
        folder / "journal.jsonl", header("20261105T080000Z-many", "validation", _entries(plans)), clock=clock
    )
    for slot in _slots():
        journal.append(Kind.SLOT, slot)
        journal.append(Kind.UNIT, _unit(slot.slot))
    script = Script(journal, clock, folder, "main")
    trouble = tuple(verdict for verdict in _TROUBLE.values() if verdict.outcome is not Outcome.PASS)
    for number in range(results):
        verdict = trouble[number // 50 % len(trouble)] if number % 50 == 49 else Verdict(Outcome.PASS)
        script.attempt(plans[number // 2], tuple(SLOTS)[number % 2], verdict, traced=number % 50 == 49)
    journal.append(Kind.RUN_ENDED, RunEnded(1, 9000.0))
    journal.close()
    return folder
