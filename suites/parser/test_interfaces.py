"""Several AT interfaces at once: LENA-R8 guide 4.2.2; what 13.1 says of both series."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from cellbench.api import Channel, Dut, FarSide, Limit, NotPossible, Recorder, Service, procedure

BOTH = ("LENA-R8", "LARA-R6")
ECHO = ("network", "service:echo")
Services = Mapping[str, Service]
ANSWER_S = 10.0
SCAN_S = 300.0
READ_APART_S = 0.2  # two threads read the two ports: the order of what came together is not seen
TURNS = 10
PAIRS = ("uart and usb", "usb and usb")
NOWHERE = "203.0.113.1"  # of TEST-NET-3 (RFC 5737): nobody answers


def pair(dut: Dut, kind: str) -> tuple[Channel, Channel]:
    """Two AT interfaces in step; NotPossible where the slot has not both."""
    usb = [role for role in dut.slot.roles() if role.startswith("at")]
    roles = ["uart", *usb[:1]] if kind == PAIRS[0] else usb[:2]
    if len(roles) < 2 or roles[0] not in dut.slot.roles():
        raise NotPossible(f"slot {dut.slot.name} has {', '.join(dut.slot.roles())} only",
                          remedy="connect UART and USB")
    first, second = (dut.port(role) for role in roles)
    for channel in (first, second):
        channel.sync(ANSWER_S)
        channel.send("AT+CMEE=2")
    return first, second


@contextmanager
def slow(far_side: FarSide, ms: int) -> Iterator[None]:
    """Every command takes its time."""
    far_side.act("slow", state="on", ms=str(ms))
    try:
        yield
    finally:
        far_side.act("slow", state="off")


class Asking:
    """A command on a channel in a thread of its own; how it ended and when."""

    def __init__(self, channel: Channel, line: str, timeout_s: float) -> None:
        self.final = ""
        self.ended = 0.0
        self._thread = threading.Thread(target=self._ask, args=(channel, line, timeout_s))
        self._thread.start()

    def _ask(self, channel: Channel, line: str, timeout_s: float) -> None:
        self.final = channel.send(line, check=False, timeout_s=timeout_s).final.text
        self.ended = time.monotonic()

    @property
    def over(self) -> bool:
        """True when it has its final result code."""
        return not self._thread.is_alive()

    def result(self) -> str:
        """Its final result code, waited for."""
        self._thread.join()
        return self.final


def under_way(channel: Channel, dut: Dut, line: str) -> Asking:
    """A long command that the module has begun: its echo came."""
    mark, raw = dut.slot.trace.mark(), dut.raw(channel)
    asking = Asking(channel, line, SCAN_S)
    until = time.monotonic() + ANSWER_S
    while line.encode() not in raw.heard_since(mark) and not asking.over and time.monotonic() < until:
        time.sleep(0.005)
    return asking


@pytest.mark.demo
@procedure("R8:4.2.2", title="Two AT interfaces answer each its own commands", series=BOTH)
@pytest.mark.parametrize("kind", PAIRS)
def test_two_interfaces(dut: Dut, kind: str) -> None:
    """UART and USB, two ports of USB: as many commands as they can, at the same time."""
    first, second = pair(dut, kind)
    numbers: list[str] = []

    def ask() -> None:
        numbers.extend(second.send("AT+CGSN").text for _ in range(TURNS))

    asking = threading.Thread(target=ask)
    asking.start()
    models = [first.send("AT+CGMM").text for _ in range(TURNS)]
    asking.join(30.0)
    assert len(numbers) == TURNS
    assert len(set(models)) == len(set(numbers)) == 1
    assert models[0].startswith(dut.profile.model_prefix)
    assert numbers[0].isdigit()


@procedure("R8:4.2.2", "R8:13.1", needs=("far-side:slow",), series=BOTH,
           title="While one interface waits for its answer, the other one's command is not lost")
@pytest.mark.parametrize("kind", PAIRS)
def test_commands_at_the_same_time(dut: Dut, far_side: FarSide, record: Recorder, kind: str) -> None:
    """Both are answered where they were asked; executed in turn, then in order of arrival."""
    first, second = pair(dut, kind)
    with slow(far_side, 400):
        began = time.monotonic()
        one = under_way(first, dut, "AT+CGMM")
        two = Asking(second, "AT+CGSN", ANSWER_S)
        assert (one.result(), two.result()) == ("OK", "OK")
    record.measure("answer on the first interface", one.ended - began, "s")
    record.measure("answer on the second interface", two.ended - began, "s")
    together = two.ended - began < 1.5 * (one.ended - began)
    record.note(f"the interfaces are served {'at the same time (13.1)' if together else 'in turn (4.2.2)'}")


@procedure(title="A command on one interface holds up the others until it has ended", series=("LARA-R6",),
           depends_on=("network",))
def test_one_at_a_time(registered: Dut) -> None:
    """LENA-R8 guide 13.1 of LARA-R6: processing is blocked while a command goes on elsewhere."""
    first, second = pair(registered, PAIRS[0])
    registered.spend_attach("network scan")
    scan = under_way(first, registered, "AT+COPS=?")
    waiting = Asking(second, "AT+CGMM", SCAN_S)
    assert (waiting.result(), scan.result()) == ("OK", "OK")
    assert waiting.ended >= scan.ended - READ_APART_S, "it was answered during the scan"


@procedure("R8:13.1", title="A command that goes on does not block the other interfaces",
           depends_on=("network",))
def test_not_blocked(registered: Dut, record: Recorder) -> None:
    """13.1; 4.2.2 says the opposite and is the older word, so that both are taken."""
    first, second = pair(registered, PAIRS[0])
    registered.spend_attach("network scan")
    scan = under_way(first, registered, "AT+COPS=?")
    began = time.monotonic()
    assert second.send("AT+CGMM", timeout_s=SCAN_S).ok
    record.measure("answer beside a network scan", time.monotonic() - began, "s")
    record.note("in turn (4.2.2)" if scan.over else "at the same time (13.1)")
    assert scan.result() == "OK"


@procedure("R8:4.2.2", title="An attempt to connect on one interface, commands on the other", series=BOTH,
           depends_on=("network",))
def test_connecting_beside(online: Dut, record: Recorder) -> None:
    """A host that does not answer: +USOCO ends in its declared time, what was asked beside it is answered."""
    first, second = pair(online, PAIRS[0])
    number = first.send("AT+USOCR=6").value("+USOCR")[0]
    try:
        connecting = under_way(first, online, f'AT+USOCO={number},"{NOWHERE}",9')
        for _ in range(3):
            assert second.send("AT+CSQ", timeout_s=150.0).ok
        record.note(f"+USOCO was {'over' if connecting.over else 'going on'}")
        assert connecting.result() != "OK"
        assert first.send("AT").ok
    finally:
        first.send(f"AT+USOCL={number}", check=False)


@procedure("R8:4.2.2", title="A network scan here, a deregistration there: both end and the module recovers",
           series=BOTH, depends_on=("network",))
def test_collision(registered: Dut, record: Recorder) -> None:
    """To be avoided by the application; a module that it happens to stays in step, and registers again."""
    first, second = pair(registered, PAIRS[0])
    registered.spend_attach("collision")
    scan = under_way(first, registered, "AT+COPS=?")
    gone = second.send("AT+COPS=2", check=False, timeout_s=SCAN_S).final.text
    record.note(f"+COPS=?: {scan.result()}; +COPS=2: {gone}")
    assert first.send("AT").ok
    assert second.send("AT").ok
    first.send("AT+COPS=0", check=False)
    registered.register()


@procedure("R8:4.2.2", title="Data on one interface, AT commands on the others", series=BOTH, depends_on=ECHO)
def test_data_beside_commands(online: Dut, services: Services, record: Recorder) -> None:
    """A port in data mode blocks nobody, and nobody disturbs it: byte for byte through the echo server."""
    first, second = pair(online, PAIRS[1])
    echo, block = services["echo"], bytes(range(256)) * 8
    others = [second, *(online.port(role) for role in online.slot.roles() if role == "uart")]
    with Dut(online.slot, first).sockets.tcp() as connection:
        connection.connect(echo.address, int(echo.port or 7))
        answers = 0
        with first.open_data(f"AT+USODL={connection.number}") as data:
            for _ in range(4):
                data.write(block)
                answers += sum(one.send("AT+CGMM").ok for one in others)
                assert data.read_exactly(len(block), 60.0) == block
    record.measure("commands answered beside the data", answers, "",
                   Limit(low=4 * len(others), source="LENA-R8 guide 4.2.2"))


@procedure("R8:4.2.2", title="A URC comes on every AT interface, and is one event", series=BOTH,
           depends_on=("network",), needs=("far-side:network",))
@pytest.mark.parametrize("kind", PAIRS)
def test_urcs(registered: Dut, far_side: FarSide, kind: str) -> None:
    """The same text on each port; who watches all of them hears of it once."""
    first, second = pair(registered, kind)
    with zone_told(registered, far_side, first, second), registered.everywhere(first, second) as view:
        for zone in ("+12", "+08"):
            with view.expect("+CTZV") as change:
                far_side.act("network", tz=zone, dst="0")
                event = change.wait(ANSWER_S)
                assert view.wait_until(lambda event=event: len(view.copies(event)) == 2, ANSWER_S)
                assert change.heard == ()


@procedure("R8:4.2.2", title="A busy interface gets its URCs behind the final result code", series=BOTH,
           depends_on=("network",), needs=("far-side:network", "far-side:slow"))
def test_urcs_of_a_busy_interface(registered: Dut, far_side: FarSide) -> None:
    """Deferred on the port whose command goes on, at once on the other; one event all the same."""
    first, second = pair(registered, PAIRS[0])
    with (zone_told(registered, far_side, first, second), registered.everywhere(first, second) as view,
          slow(far_side, 1000), view.expect("+CTZV") as change, first.expect("+CTZV") as late):
        busy = under_way(first, registered, "AT+CGMM")
        far_side.act("network", tz="+12", dst="0")
        event = change.wait(ANSWER_S)
        assert event.port == second.name, "a URC came before the final result code"
        assert busy.result() == "OK"
        assert late.wait(ANSWER_S).monotonic_s >= event.monotonic_s
        assert view.wait_until(lambda: len(view.copies(event)) == 2, ANSWER_S)
        assert change.heard == ()


@procedure(title="+UURCCONF chooses the interfaces that URCs come on", series=("LARA-R6",),
           depends_on=("network",), needs=("far-side:network",))
def test_uurcconf(registered: Dut, far_side: FarSide) -> None:
    """0: all; 1: only this one; 2: not this one (LENA-R8 guide 13.1 names it; values: application note)."""
    first, second = pair(registered, PAIRS[0])
    zones = iter(("+12", "+08", "+16", "+20"))
    with zone_told(registered, far_side, first, second):
        for setting, wanted in (("1", {first.name}), ("0", {first.name, second.name}), ("2", {second.name}),
                                ("0", {first.name, second.name})):
            first.send(f"AT+UURCCONF={setting}")
            with first.expect("+CTZV") as here, second.expect("+CTZV") as there:
                far_side.act("network", tz=next(zones), dst="0")
                for name, expected in ((first.name, here), (second.name, there)):
                    if name in wanted:
                        expected.wait(ANSWER_S)
                for channel in (first, second):
                    assert channel.send("AT").ok  # what was to come has come
                assert (here.heard, there.heard) == ((), ())


@procedure("R8:13.1", title="+UURCCONF is LARA-R6's alone")
def test_no_uurcconf(dut: Dut) -> None:
    """Refused."""
    assert not dut.send("AT+UURCCONF=0", check=False).ok


@procedure("R8:4.2.2", title="A setting of one interface does not change the echo of another", series=BOTH)
def test_interfaces_keep_their_own_echo(dut: Dut) -> None:
    """ATE is a setting of the interface."""
    first, second = pair(dut, PAIRS[0])
    first.send("ATE0")
    try:
        assert dut.raw(second).echo_of("AT") == "AT"
        assert dut.raw(first).echo_of("AT") == ""
    finally:
        first.send("ATE1")


@contextmanager
def zone_told(dut: Dut, far_side: FarSide, *channels: Channel) -> Iterator[None]:
    """Changes of the time zone are told by +CTZV; the first zone is none of the procedures'."""
    far_side.act("network", tz="+04", dst="0")
    for channel in channels:
        channel.send("AT+CTZR=1")
    try:
        yield
    finally:
        for channel in channels:
            channel.send("AT+CTZR=0")
