"""Bar: a server that dies, stalls or sends rubbish at any moment of each protocol.

Between the modules and the servers of the virtual internet stand proxies that let the server reset, close,
fall silent or send rubbish after any byte (or datagram) of what it says: at the ends of its pieces and inside
them, with --soak after every byte. The module must report its documented class and code, must come to an end
within its time-out, and the next procedure must pass. HTTP, HTTPS, FTP (control and data), FTPS, MQTT, MQTTS,
MQTT-SN, and on LARA-R6 the same over DTLS and CoAP over UDP, TCP, DTLS and TLS.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
import re
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

SUBJECT = "internet"
BAR = ("A server that dies, stalls or sends rubbish at any moment of each protocol: documented class and "
       "code, no hang, no crash, and the next procedure passes.")
HERE = Path(__file__).resolve().parent
HASTY = {"ftp_answer_s": 30.0, "mqtt_answer_s": 30.0, "mqttsn_retry_s": 9.0, "mqttsn_retries": 2,
         "coap_answer_s": 30.0, "mqttsn_open_s": 30.0, "coap_retransmissions": 2, "connect_timeout_s": 75.0,
         "mqtt_linger_s": 1.0, "payload_timeout_s": 5.0, "mqtt_input_timeout_s": 5.0}
"""What never answers is given up after about 0.6 s (the modules' own seconds pass at 0.02)."""
HTTP_S = 30
SLOWEST_S = 15.0
"""A procedure that has not ended by then hangs: several such steps, on a loaded machine."""


def beside(name: str, place: Path | None = None) -> ModuleType:
    """Another file as a module."""
    path = place or HERE / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"cellbench_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


proxies: Any = beside("dying_proxies")
modules: Any = beside("sockets_conftest", HERE.parent / "virtual" / "internet" / "conftest.py")
Fault, Plan = proxies.Fault, proxies.Plan
SAYS = (Fault.RESET, Fault.CLOSE, Fault.STALL, Fault.RUBBISH)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a procedure ended: "" or the step that failed, with class and code."""

    step: str = ""
    kind: int = 0
    code: int = 0


class Failed(Exception):
    """A step failed; the client's class and code."""

    def __init__(self, step: str, kind: int, code: int) -> None:
        super().__init__(step)
        self.outcome = Outcome(step, kind, code)


async def _error(at: Any, command: str) -> tuple[int, int]:
    text = (await at.ok(command)).rpartition(":")[2]
    kind, code = (int(one) for one in text.split(",")[-2:])
    return kind, code


async def _step(at: Any, line: str, urc: str, error: str, good: str = "1") -> str:
    """A command whose URC tells its result; what else the URC says."""
    answer = await at.send(line)
    if answer[-1] != "OK":
        raise Failed(line, *await _error(at, error))
    fields = await _result(at, line, urc)
    if fields[1] != good:
        raise Failed(line, *await _error(at, error))
    return ",".join(fields[2:])


async def _result(at: Any, line: str, urc: str) -> list[str]:
    """The URC of a command; others of its kind (messages that came) are passed over."""
    number = line.partition("=")[2].split(",")[0]
    while (fields := (await at.next_urc(urc)).split(","))[0] != number:
        continue
    return fields


async def _left(at: Any, line: str, urc: str) -> None:
    """Log out, whatever comes of it."""
    if (await at.send(line))[-1] == "OK":
        await _result(at, line, urc)


# -- procedures -----------------------------------------------------------------------------------------


async def http(at: Any, port: int, secure: bool) -> None:
    for line in ("", ',0,"127.0.0.1"', *((",6,1,0",) if secure else ()), f",5,{port}", f",7,{HTTP_S}"):
        await at.ok(f"AT+UHTTP=0{line}")
    await at.send('AT+UDELFILE="page"')
    answer = await at.send('AT+UHTTPC=0,1,"/","page"')
    assert answer == ["OK"], answer
    fields = (await at.next_urc("+UUHTTPCR")).split(",")
    if fields != ["0", "1", "1"]:
        raise Failed("GET", *await _error(at, "AT+UHTTPER=0"))


async def ftp(at: Any, port: int, secure: bool) -> None:
    user = '2,"myname"', '3,"mypwd"' if secure else '3,"password"'
    for line in ('0,"127.0.0.1"', user[0] if secure else '2,"anonymous"', user[1], "6,1", f"7,{port}",
                 *(("8,1,0", "12,1") if secure else ("8,0", "12,0"))):
        await at.ok(f"AT+UFTP={line}")
    try:
        name = f"up{secrets.token_hex(3)}"
        await _step(at, "AT+UFTPC=1", "+UUFTPCR", "AT+UFTPER")
        await _step(at, f'AT+UFTPC=5,"sent","{name}"', "+UUFTPCR", "AT+UFTPER")
        await _step(at, f'AT+UFTPC=4,"{name}","got"', "+UUFTPCR", "AT+UFTPER")
        await _step(at, "AT+UFTPC=14", "+UUFTPCR", "AT+UFTPER")
        await _step(at, f'AT+UFTPC=2,"{name}"', "+UUFTPCR", "AT+UFTPER")
        await _step(at, "AT+UFTPC=0", "+UUFTPCR", "AT+UFTPER")
    except Failed:
        await _left(at, "AT+UFTPC=0", "+UUFTPCR")
        raise


async def mqtt(at: Any, port: int, secure: bool) -> None:
    await at.ok("AT+UMQTTNV=0")
    for line in (f'0,"dying {at.name}"', f'3,"127.0.0.1",{port}', *(("11,1,0",) if secure else ())):
        await at.ok(f"AT+UMQTT={line}")
    topic = f"dying/{secrets.token_hex(4)}"
    try:
        await _step(at, "AT+UMQTTC=1", "+UUMQTTC", "AT+UMQTTER")
        await _step(at, f'AT+UMQTTC=4,2,"{topic}"', "+UUMQTTC", "AT+UMQTTER")
        await _step(at, f'AT+UMQTTC=2,2,0,0,"{topic}","{topic}"', "+UUMQTTC", "AT+UMQTTER")
        await _step(at, f'AT+UMQTTC=2,1,0,0,"{topic}/not","{topic}"', "+UUMQTTC", "AT+UMQTTER")
        await _step(at, f'AT+UMQTTC=5,"{topic}"', "+UUMQTTC", "AT+UMQTTER")
        await _step(at, "AT+UMQTTC=0", "+UUMQTTC", "AT+UMQTTER")
    except Failed:
        await _left(at, "AT+UMQTTC=0", "+UUMQTTC")
        raise
    finally:
        await at.send("AT+UMQTTC=6")


async def mqttsn(at: Any, port: int, secure: bool) -> None:
    await at.ok("AT+UMQTTSNNV=0")
    for line in (f'0,"dying{at.name}"', f'2,"127.0.0.1",{port}', '6,"dying/will"', '7,"gone"',
                 *(("9,1,0",) if secure else ())):
        await at.ok(f"AT+UMQTTSN={line}")
    topic = f"dying/{secrets.token_hex(4)}"
    try:
        await _step(at, "AT+UMQTTSNC=1", "+UUMQTTSNC", "AT+UMQTTSNER")
        number = await _step(at, f'AT+UMQTTSNC=2,"{topic}"', "+UUMQTTSNC", "AT+UMQTTSNER")
        await _step(at, f'AT+UMQTTSNC=5,1,0,"{topic}"', "+UUMQTTSNC", "AT+UMQTTSNER")
        await _step(at, f'AT+UMQTTSNC=4,2,0,0,0,"{number}","hello"', "+UUMQTTSNC", "AT+UMQTTSNER")
        await _step(at, 'AT+UMQTTSNC=8,"later"', "+UUMQTTSNC", "AT+UMQTTSNER")
        await _step(at, f'AT+UMQTTSNC=6,0,"{topic}"', "+UUMQTTSNC", "AT+UMQTTSNER")
        await _step(at, "AT+UMQTTSNC=0", "+UUMQTTSNC", "AT+UMQTTSNER")
    except Failed:
        await _left(at, "AT+UMQTTSNC=0", "+UUMQTTSNC")
        raise
    finally:
        await at.send("AT+UMQTTSNC=9")


def coap(scheme: str) -> Callable[[Any, int, bool], Awaitable[None]]:
    """A GET of several blocks, a POST."""
    path = "" if "tcp" in scheme or "coaps" in scheme else "large-update"

    async def run(at: Any, port: int, secure: bool) -> None:
        for line in ("2,2,1", "2,5,0", "4,1", "8,0", "20,1", f'1,"{scheme}://127.0.0.1:{port}/{path}"'):
            await at.ok(f"AT+UCOAP={line}")
        for line in ("1", "1"):
            await _step(at, f"AT+UCOAPC={line}", "+UCOAPCR", "AT+UCOAPER")

    return run


# -- what may come of a fault ---------------------------------------------------------------------------

SOCKET = {(6, code) for code in (104, 107, 111)}
GIVEN_UP = {"http": {(3, 26), (3, 28), (3, 29), (3, 73)}, "ftp": {(1, 3), (8, 63)}, "mqtt": {(13, 33)},
            "mqttsn": {(14, 21), (14, 8)}, "coap": {(15, 10), (15, 8)}}
"""When the server falls silent: the documented time-outs."""
LOST = {"http": {(3, 11), (3, 44), (3, 73)}, "ftp": SOCKET | {(8, 63), (0, 426), (1, 3)}, "mqtt": {(13, 8)},
        "mqttsn": {(14, 8), (14, 21)}, "coap": {(15, 8), (15, 10)}}
"""When the connection ends."""
NONSENSE = {"http": {(3, 44), (3, 12), (3, 73), (3, 28), (3, 26)},
            "ftp": {(1, 4), (1, 3), (8, 63), (0, 426), (0, 500)} | SOCKET,
            "mqtt": {(13, 8), (13, 33), *((13, code) for code in range(1, 6))},
            "mqttsn": {(14, code) for code in (1, 2, 3, 8, 21)}, "coap": {(15, 8), (15, 10)}}
"""When it sends rubbish."""
MAY_BE = {Fault.RESET: LOST, Fault.CLOSE: LOST, Fault.STALL: GIVEN_UP, Fault.RUBBISH: NONSENSE}


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol, its server in the world, and the procedure that is disturbed."""

    name: str
    family: str
    server: str
    procedure: Callable[[Any, int, bool], Awaitable[None]]
    secure: bool = False
    datagrams: bool = False
    data: bool = False
    """The moments are those of FTP's data connections."""
    r6_only: bool = False


PROTOCOLS = (
    Protocol("HTTP", "http", "http", http),
    Protocol("HTTPS", "http", "https", http, secure=True),
    Protocol("FTP", "ftp", "ftp", ftp),
    Protocol("FTP data", "ftp", "ftp", ftp, data=True),
    Protocol("FTPS", "ftp", "ftps", ftp, secure=True),
    Protocol("FTPS data", "ftp", "ftps", ftp, secure=True, data=True),
    Protocol("MQTT", "mqtt", "mqtt", mqtt),
    Protocol("MQTTS", "mqtt", "mqtts", mqtt, secure=True),
    Protocol("MQTT-SN", "mqttsn", "mqttsn", mqttsn, datagrams=True),
    Protocol("MQTT-SN over DTLS", "mqttsn", "mqttsn-dtls", mqttsn, secure=True, datagrams=True, r6_only=True),
    Protocol("CoAP", "coap", "coap", coap("coap"), datagrams=True, r6_only=True),
    Protocol("CoAP over TCP", "coap", "coap-tcp", coap("coap+tcp"), r6_only=True),
    Protocol("CoAP over DTLS", "coap", "coap-dtls", coap("coaps"), secure=True, datagrams=True, r6_only=True),
    Protocol("CoAP over TLS", "coap", "coap-tls", coap("coaps+tcp"), secure=True, r6_only=True),
)


@dataclass(slots=True)
class Judged:
    """What came of one protocol on one series."""

    moments: int = 0
    faults: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)


def _some(plans: list[tuple[Any, int]], seed: str) -> list[tuple[Any, int]]:
    """Each fault at one moment; the same ones every time."""
    dice = random.Random(seed)
    return [dice.choice([plan for plan in plans if plan[0] is fault]) for fault in SAYS]


class Trial:
    """One protocol on one module through a proxy."""

    def __init__(self, at: Any, protocol: Protocol, judged: Judged, *, few: bool = False) -> None:
        self._at = at
        self._few = few
        self._needed = 0
        self._protocol = protocol
        self._judged = judged
        endpoint = at.rack.internet.park.endpoints()[protocol.server][0]
        self._proxy = (proxies.UdpProxy(endpoint.host, endpoint.port) if protocol.datagrams
                       else proxies.TcpProxy(endpoint.host, endpoint.port))

    def _route(self, peer: Any, transport: str, *rest: Any) -> Any:
        """The way of a data connection leads through a proxy of its own."""
        route = self._straight(peer, transport, *rest)
        if transport == "tcp" and peer.host == "127.0.0.1" and peer.port != self._proxy.port:
            place = self._proxy.before(peer.host, peer.port)
            return replace(route, endpoint=replace(route.endpoint, port=place))
        return route

    async def go(self, dense: int) -> None:
        """All faults at all moments; with ``dense`` so many more moments in between, at random."""
        await self._proxy.open()
        node = self._at.rack.internet.node(self._at.module.name)
        self._straight = node.route
        if self._protocol.family == "ftp":
            node.route = self._route
        try:
            if await self._run(Plan()) != Outcome():
                self._judged.faults.append(f"{self._protocol.name}: fails by itself")
                return
            heard = self._proxy.data_heard if self._protocol.data else self._proxy.heard
            self._needed = 0 if self._protocol.datagrams else heard.whole
            if self._protocol.secure and heard.pieces:
                self._needed -= heard.pieces[-1]  # close_notify: nobody needs it
            plans = list(self._plans(heard, dense))
            for fault, moment in _some(plans, self._protocol.name) if self._few else plans:
                await self._one(fault, moment)
        finally:
            node.route = self._straight
            await self._proxy.close()

    def _plans(self, heard: Any, dense: int) -> Iterator[tuple[Any, int]]:
        if self._protocol.datagrams:
            yield from ((fault, moment) for fault in SAYS for moment in range(len(heard.pieces)))
            return
        moments = heard.moments()
        more = random.Random(heard.whole).sample(range(heard.whole), min(dense, heard.whole))
        for fault in SAYS:
            yield from ((fault, moment) for moment in moments)
            if fault is not Fault.STALL:
                yield from ((fault, moment) for moment in more if moment not in moments)

    async def _one(self, fault: Any, moment: int) -> None:
        protocol, judged = self._protocol, self._judged
        where = f"{protocol.name}, {fault.value} after {moment}"
        plan = Plan(fault, moment, 7)
        outcome = await self._run(Plan() if protocol.data else plan, plan if protocol.data else None)
        judged.moments += 1
        if outcome is None:
            judged.faults.append(f"{where}: no end within {SLOWEST_S:g} s")
        elif outcome.step:
            judged.codes[f"{outcome.kind},{outcome.code}"] += 1
            if (outcome.kind, outcome.code) not in MAY_BE[fault][protocol.family]:
                judged.faults.append(f"{where}: {outcome.step} fails with {outcome.kind},{outcome.code}")
        elif fault is not Fault.RUBBISH and moment < self._needed and not (
                protocol.data and fault is Fault.CLOSE):  # that is how a file ends (RFC 959 3.3)
            judged.faults.append(f"{where}: nothing was noticed")
        else:
            judged.codes["passed"] += 1
        again = await self._run(Plan())
        if again != Outcome():
            judged.faults.append(f"{where}: the next procedure fails: {again}")

    async def _run(self, plan: Any, data: Any = None) -> Outcome | None:
        """None when it does not end."""
        await self._proxy.prepare(plan, data)
        self._at.lines.clear()
        try:
            async with asyncio.timeout(SLOWEST_S):
                await self._protocol.procedure(self._at, self._proxy.port, self._protocol.secure)
        except Failed as failed:
            return failed.outcome
        except AssertionError as refused:
            return Outcome(str(refused))
        except TimeoutError:
            return None
        return Outcome()


class Bench:
    """Modules of both series, and what goes wrong inside. HTTP waits as +UHTTP=0,7 says."""

    def __init__(self, patience: float = 1.0) -> None:
        """``patience``: how many times as long everything waits, on a machine with other things to do."""
        self._directory = tempfile.TemporaryDirectory(prefix="cellbench-dying-")
        waits = {name: value * patience if name.endswith("_s") else value for name, value in HASTY.items()}
        modules.QUICK = {**modules.QUICK, **waits}
        modules.WAIT_S = SLOWEST_S
        self.bench = modules.Bench(Path(self._directory.name))
        self.bugs: list[str] = []

    def __enter__(self) -> Bench:
        self.bench.start()
        self.bench.runner.get_loop().set_exception_handler(
            lambda loop, context: self.bugs.append(f"{context.get('message')}: {context.get('exception')!r}"))
        return self

    def __exit__(self, *why: object) -> None:
        self.bench.stop()
        self._directory.cleanup()

    def judge(self, protocol: Protocol, *, dense: int = 0, few: bool = False) -> list[Judged]:
        """One protocol on the modules of all series that have it, at once."""
        found = [Judged() for series in modules.Series if applies(protocol, series)]
        trials = [(self.bench.modules[series], judged) for series, judged in zip(
            reversed(modules.Series), found, strict=False)]

        async def together() -> None:
            await self.bench.modules[next(iter(modules.Series))].rack.internet.park.set_state(
                protocol.server, "reset")
            await asyncio.gather(*(self._judge(at, protocol, judged, dense, few) for at, judged in trials))

        self.bench.runner.run(together())
        return found

    async def _judge(self, at: Any, protocol: Protocol, judged: Judged, dense: int, few: bool) -> None:
        await at.tidy()
        for line in ("AT+USECPRF=0", "AT+USECPRF=0,0,0"):
            await at.ok(line)
        if (await at.send('AT+URDBLOCK="sent",0,1'))[-1] != "OK":
            await at.ok('AT+UDWNFILE="sent",3000', payload=bytes(range(48, 98)) * 60)
        await Trial(at, protocol, judged, few=few).go(dense)


def applies(protocol: Protocol, series: Any) -> bool:
    """Whether a series has the protocol."""
    return not protocol.r6_only or bool(re.search("R6", series.name))


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    dense = 10**6 if os.environ.get("CELLBENCH_SOAK") else 5
    rows: list[dict[str, object]] = []
    with Bench() as bench:
        for protocol in PROTOCOLS:
            found = bench.judge(protocol, dense=dense)
            faults = [fault for one in found for fault in one.faults]
            codes: Counter[str] = sum((one.codes for one in found), Counter())
            for fault in faults:
                print(fault, file=sys.stderr)
            told = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
            deaths = sum(one.moments for one in found)
            rows.append({"what": f"{protocol.name}: {deaths} deaths, faults", "goal": 0,
                         "figure": f"{len(faults)} ({told})", "met": not faults})
    for bug in bench.bugs:
        print(bug, file=sys.stderr)
    rows.append({"what": "failures inside the modules", "goal": 0, "figure": len(bench.bugs),
                 "met": not bench.bugs})
    return rows


if __name__ == "__main__":
    for row in main():
        verdict = "met" if row["met"] else "MISSED"
        print(f"{row['what']:<60} {row['goal']!s:<8} {row['figure']!s:<12} {verdict}")
