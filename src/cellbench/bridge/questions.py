"""The graded set: which commands a capture asks, what they cost, what is left out and why.

Grade 0 reads, grade 1 changes settings and puts them back, grade 2 uses the network, grade 3 writes to
memory. Each grade includes the ones below it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from cellbench.catalogue.commands import ALL
from cellbench.catalogue.model import Command, Form
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.catalogue.overlay import command_of

_SECONDS = 0.1  # a command that only reads, on a UART of 115200 bit/s
GRADES: Mapping[int, str] = MappingProxyType({
    0: "reads only: read and test forms of every command of the series, and wrong commands",
    1: "changes settings that are not stored, and puts them back",
    2: "uses the network: scan, detach and attach, resolver, ping, a TCP connection",
    3: "writes to memory: a file, a context, a message, settings; and puts them back",
})

_READS: tuple[str, ...] = (
    "ATI", *(f"ATI{number}" for number in range(10)), "AT+CGMI", "AT+GMI", "AT+CGMM", "AT+GMM", "AT+CGMR",
    "AT+GMR", "AT+CGSN", *(f"AT+CGSN={number}" for number in range(4)), "AT+GSN", "AT+GCAP", "AT+CCID",
    "AT+CIMI", "AT+CNUM", "AT+CPAS", "AT+CEER", "AT+CSQ", "AT+CESQ", "AT+CEDRXRDP", "AT+CGPADDR",
    "AT+CGCONTRDP", "AT+CLCC", "AT+USOER", "AT+UFTPER", "AT+UMQTTER", "AT+UMQTTSNER", "AT+UCOAPER",
    "AT+UPINCNT", "AT+CPINR", "AT&V", "ATS2?", "ATS3?", "ATS4?", "ATS5?", "ATS12?", 'AT+CLCK="SC",2',
    'AT+ULSTFILE=1', "AT+UDCONF=1",
    # elementary files by their identifiers: ICCID, IMSI, AD, SPN, MSISDN, one that is not there
    "AT+CRSM=176,12258,0,0,10", "AT+CRSM=176,28423,0,0,9", "AT+CRSM=176,28589,0,0,4",
    "AT+CRSM=176,28486,0,0,17", "AT+CRSM=242", "AT+CRSM=176,28671,0,0,1",
)
_WRONG: tuple[str, ...] = ("AT+CELLBENCH", "AT+CSQ?", "AT+CMEE=9", "AT+CMEE=", 'AT+CMEE="1"', "AT+CSQ=1,2")
_NO_READ = frozenset({"+UTEST", "+UFACTORY", "+CMUX", "S"})
_NO_TEST = frozenset({"+COPS", "+CPWROFF", "+UFACTORY", "+UFWUPD", "+UFWINSTALL", "+CMUX", "+UTEST",
                      "+CGDATA", "+CNMA", "+USODL", "+USECROTUID", "+UBKUPDATA"})
_TOGGLED: tuple[str, ...] = (
    "+CMGF", "+CSDH", "+CTZR", "+CREG", "+CGREG", "+CEREG", "+CGEREP", "+CRC", "+CLIP", "+CVHU", "+CMMS",
    "+CIREG", "+UCALLSTAT", "+CPLS", "+CMEE",
)
_STORED: tuple[str, ...] = ("+CSCON", "+URING", "+ULWM2MSTAT")
_MOST_VALUES = 6
_FILE = "cellbench.cap"
_CID = 5
_NUMBER_PDU = "0001000B912120550501F1000009E3329B2D2EBBC768"  # "cellbench" to +12025550101


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command costs: seconds, attaches to the network, writes to memory, bytes over the air."""

    seconds: float = _SECONDS
    attaches: int = 0
    writes: int = 0
    octets: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.attaches + other.attaches, self.writes + other.writes,
                    self.octets + other.octets)


@dataclass(frozen=True, slots=True)
class Question:
    """One command; ``{name}`` in it is a value of the bench, or of an earlier answer by ``binds`` (name →
    prefix of the line, place of the field). ``after`` says what must hold before the next one."""

    send: str
    grade: int
    cost: Cost = Cost()
    payload: str | None = None
    awaits: tuple[str, ...] = ()
    await_s: float = 0.0
    binds: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    registers: bool = False  # the module registers anew: wait for it
    undo: str = ""  # sent when what comes between fails
    toggles: tuple[int, ...] = ()  # the values that a setting is given; the question reads it first
    spares: tuple[str, str] | None = None  # left out when the answer to a command has such a line


@dataclass(frozen=True, slots=True)
class Plan:
    """What a capture would ask, and what it would cost; ``lacks``: what is left out and why."""

    questions: tuple[Question, ...]
    lacks: tuple[str, ...]

    def cost(self) -> Cost:
        """The cost of all."""
        total = Cost(0.0)
        for one in self.questions:
            times = 1 + 3 * len(one.toggles)
            total += Cost(one.cost.seconds * times, one.cost.attaches,
                          one.cost.writes * (len(one.toggles) + 1 if one.toggles else 1), one.cost.octets)
        return total


def plan_for(profile: ModuleProfile, grade: int, values: Mapping[str, str],
             patterns: Sequence[str] = ()) -> Plan:
    """The questions of a series up to a grade; ``values`` of the bench (``echo_host``) that there are,
    ``patterns`` of commands (``+C*``) when not all are wanted."""
    questions: list[Question] = list(_grade_0(profile))
    lacks: list[str] = []
    if grade >= 1:
        questions += _toggles(profile, _TOGGLED, 1)
    if grade >= 2:
        _choose(_network(profile), values, questions, lacks)
    if grade >= 3:
        questions += _memory(profile)
    chosen = [one for one in questions if _wanted(one.send, patterns)]
    return Plan(tuple(chosen), tuple(lacks))


def _wanted(send: str, patterns: Sequence[str]) -> bool:
    name = send[2:].partition("=")[0].rstrip("?")
    return not patterns or any(fnmatch.fnmatchcase(name, one.upper()) for one in patterns)


def _has(profile: ModuleProfile, name: str) -> bool:
    command = ALL.get(name)
    return (command is not None and profile.series in command.series and name not in profile.unsupported)


def _applies(profile: ModuleProfile, send: str) -> bool:
    known = command_of(send)
    return known is not None and _has(profile, known[0])


def _grade_0(profile: ModuleProfile) -> Iterator[Question]:
    asked: set[str] = set()
    commands = [one for one in ALL.values() if _has(profile, one.name)]
    for send in (*(send for send in _READS if _applies(profile, send)), *_forms(commands)):
        if send not in asked:
            asked.add(send)
            yield Question(send, 0)
    for send in _WRONG:
        yield Question(send, 0)


def _forms(commands: Iterable[Command]) -> Iterator[str]:
    for command in commands:
        if Form.READ in command.forms and command.name not in _NO_READ:
            yield f"AT{command.name}?"
        if Form.TEST in command.forms and command.name not in _NO_TEST:
            yield f"AT{command.name}=?"


def _toggles(profile: ModuleProfile, names: Iterable[str], grade: int) -> Iterator[Question]:
    for name in names:
        if not _has(profile, name):
            continue
        ranges = ALL[name].params_for(profile.series)[0].ranges_for(profile.series)
        values = tuple(value for low, high in ranges for value in range(low, high + 1))[:_MOST_VALUES]
        writes = 1 if grade == 3 else 0
        yield Question(f"AT{name}?", grade, Cost(writes=writes), toggles=(*values, max(values) + 90))


def _choose(groups: Iterable[tuple[str, tuple[str, ...], tuple[Question, ...]]], values: Mapping[str, str],
            questions: list[Question], lacks: list[str]) -> None:
    for what, needed, group in groups:
        missing = [name for name in needed if name not in values]
        if missing:
            lacks.append(f"{what}: the rig file has no {', '.join(missing)}")
        else:
            questions += group


def _network(profile: ModuleProfile) -> Iterator[tuple[str, tuple[str, ...], tuple[Question, ...]]]:
    yield "scan", (), (Question("AT+COPS=?", 2, Cost(60.0)),)
    yield "resolver", ("dns_name",), (
        Question('AT+UDNSRN=0,"{dns_name}"', 2, Cost(1.0, writes=1, octets=200)),
        Question('AT+UDNSRN=0,"cellbench.invalid"', 2, Cost(5.0, octets=200)))
    yield "ping", ("icmp_name",), (
        Question('AT+UPING="{icmp_name}",1', 2, Cost(3.0, octets=200), awaits=("+UUPING", "+UUPINGER"),
                 await_s=30.0),)
    yield "TCP connection", ("echo_host", "echo_port"), (
        Question("AT+USOCR=6", 2, binds={"socket": ("+USOCR", 0)}, undo="AT+USOCL={socket}"),
        Question("AT+USOCTL={socket},0", 2),
        Question('AT+USOCO={socket},"{echo_host}",{echo_port}', 2, Cost(2.0, octets=200)),
        Question("AT+USOCTL={socket},10", 2),
        Question("AT+USOWR={socket},9", 2, Cost(1.0, octets=200), payload="cellbench", awaits=("+UUSORD",),
                 await_s=15.0),
        Question("AT+USORD={socket},9", 2), Question("AT+USORD={socket},9", 2),
        Question("AT+USOCL={socket}", 2, Cost(1.0, octets=200)),
        Question("AT+USORD={socket},9", 2))
    yield "detach and attach", (), (
        Question("AT+CFUN=4", 2, Cost(5.0), undo="AT+CFUN=1"), Question("AT+CFUN?", 2), Question("AT+CSQ", 2),
        Question("AT+CFUN=1", 2, Cost(15.0, attaches=1), registers=True), Question("AT+CFUN?", 2))


def _memory(profile: ModuleProfile) -> Iterator[Question]:
    write = Cost(0.5, writes=1)
    yield Question(f'AT+UDWNFILE="{_FILE}",9', 3, write, payload="cellbench", undo=f'AT+UDELFILE="{_FILE}"')
    yield Question(f'AT+ULSTFILE=2,"{_FILE}"', 3)
    yield Question(f'AT+URDFILE="{_FILE}"', 3)
    yield Question(f'AT+URDBLOCK="{_FILE}",4,3', 3)
    yield Question(f'AT+UDELFILE="{_FILE}"', 3, write)
    yield Question(f'AT+UDELFILE="{_FILE}"', 3)
    mine = ("AT+CGDCONT?", f"+CGDCONT: {_CID},")
    yield Question(f'AT+CGDCONT={_CID},"IP","cellbench.invalid"', 3, write, undo=f"AT+CGDCONT={_CID}",
                   spares=mine)
    yield Question("AT+CGDCONT?", 3)
    yield Question(f"AT+CGDCONT={_CID}", 3, write, spares=mine)
    if _has(profile, "+CMGW"):
        yield Question("AT+CMGF=0", 3)
        yield Question(f"AT+CMGW={len(_NUMBER_PDU) // 2 - 1}", 3, write, payload=_NUMBER_PDU + "\x1a",
                       binds={"index": ("+CMGW", 0)}, undo="AT+CMGD={index}")
        yield Question("AT+CMGR={index}", 3)
        yield Question("AT+CMGD={index}", 3, write)
        yield Question("AT+CMGR={index}", 3)
    yield from _toggles(profile, _STORED, 3)
