"""Voice calls: LENA-R8 guide 7.3, 7.3.1 and Table 18; LARA-R6 by its data sheet and 3GPP TS 27.007.

Nobody listens: the bench sees that a call is there, not that anything can be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from cellbench.api import (
    AtError,
    CallState,
    Dut,
    DutState,
    FarSide,
    Network,
    NotApplicable,
    Recorder,
    Service,
    procedure,
)

from ..connectivity.uart import is_on, uart_of
from .telephone import CALL_S, RING_S, called, idle_after, in_a_call, message_gone, presented, speaks

BOTH = ("LENA-R8", "LARA-R6")
CALLED = ("far-side:call",)
NETWORK = ("network",)
IMS_CID = 11
QUIET_S = 0.7
ECHO_S = 15.0
ANSWER_S = 10.0
DutAt = Callable[[DutState], Dut]


@procedure("R8:7.3.1", title="A call comes in, is answered and ended: Table 18", depends_on=NETWORK,
           needs=CALLED)
def test_table_18(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """AT+CLIP=1; RING, +CLIP behind the first one, RING again; ATA: CONNECT; ATH: OK, NO CARRIER."""
    dut = speaks(registered)
    with presented(dut), idle_after(dut):
        with dut.at.expect(("RING", "+CLIP")) as told:
            far_side.act("call")
            order = [told.wait(RING_S).prefix for _ in range(4)]
        record.note(f"in this order: {', '.join(order)}")
        assert order[0] == "RING", "the number of the caller came before the call"
        assert order[1] == "+CLIP"
        assert order.count("RING") >= 2, "RING does not come again"
        assert dut.calls.answer() == "CONNECT"
        with dut.at.expect("NO CARRIER") as over:
            assert dut.send("ATH").final.text == "OK"
            over.wait(CALL_S)
        assert dut.calls.listed() == ()


@procedure("R8:7.3.1", title="+CLIP tells the caller's number", series=BOTH, depends_on=NETWORK, needs=CALLED)
def test_number_of_the_caller(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """Number, type and validity; +CLCC lists the same number."""
    dut = speaks(registered)
    with presented(dut), idle_after(dut):
        with dut.at.expect("+CLIP") as told:
            far_side.act("call")
            fields = told.wait(RING_S).fields
        record.note(f"+CLIP: {fields}")
        number, kind, validity = fields[0], fields[1], fields[5]
        assert isinstance(kind, int)
        assert 128 <= kind <= 255
        assert validity in (0, 1, 2)
        assert (validity == 0) is bool(number), "a number that may not be shown, or none where it may"
        assert [call.party for call in dut.calls.listed()] == [number or ""]


@procedure("R8:7.3.1", title="The caller gives up", series=BOTH, depends_on=NETWORK, needs=CALLED)
@pytest.mark.parametrize("answered", [False, True], ids=["before it is answered", "during the call"])
def test_far_end_hangs_up(registered: Dut, far_side: FarSide, record: Recorder, answered: bool) -> None:
    """A call that is answered ends with NO CARRIER; afterwards none is listed and RING is over."""
    dut = speaks(registered)
    with idle_after(dut):
        (in_a_call if answered else called)(dut, far_side)
        with dut.at.expect("NO CARRIER") as over:
            far_side.act("call", end="1")
            assert dut.calls.await_state(None, CALL_S), "the call is over, and listed"
            if answered:
                over.wait(CALL_S)
            else:
                dut.at.wait_until(lambda: bool(over.heard), QUIET_S)
                record.note(f"NO CARRIER after a call that was not answered: {'yes' if over.heard else 'no'}")
        with dut.calls.rings() as ring:
            dut.at.wait_until(lambda: bool(ring.heard), QUIET_S)
            assert not ring.heard, "RING after the call"


@procedure("R8:13.1", title="+CHUP declines a call that rings, and ends one", series=BOTH, depends_on=NETWORK,
           needs=CALLED)
def test_chup(registered: Dut, far_side: FarSide) -> None:
    """LARA-R6 hangs up by +CHUP, LENA-R8 by ATH or +CHUP (Table 54)."""
    dut = speaks(registered)
    with idle_after(dut):
        called(dut, far_side)
        assert dut.send("AT+CHUP").ok
        assert dut.calls.await_state(None, CALL_S)
        in_a_call(dut, far_side)
        assert dut.send("AT+CHUP").ok
        assert dut.calls.await_state(None, CALL_S)
    assert dut.send("AT+CHUP").ok, "without a call it does nothing"


@procedure("R8:7.3.1", title="What +CPAS and +CLCC say while a call comes, lasts and is over", series=BOTH,
           depends_on=NETWORK, needs=CALLED)
def test_activity(registered: Dut, far_side: FarSide) -> None:
    """0 ready, 3 ringing, 4 in a call (3GPP TS 27.007 8.1)."""
    dut = speaks(registered)
    with idle_after(dut):
        assert dut.calls.activity == 0
        called(dut, far_side)
        assert dut.calls.activity == 3
        (call,) = dut.calls.listed()
        assert (call.outgoing, call.state) == (False, CallState.INCOMING)
        dut.calls.answer()
        assert dut.calls.await_state(CallState.ACTIVE, CALL_S)
        assert dut.calls.activity == 4
    assert dut.calls.activity == 0


@procedure("R8:7.3.1", title="Nothing to answer: ATA is NO CARRIER", series=BOTH, depends_on=NETWORK)
def test_nothing_rings(registered: Dut) -> None:
    """3GPP TS 27.007 6.4, V.250 6.3.5."""
    assert speaks(registered).send("ATA", check=False).final.text == "NO CARRIER"


@procedure("R8:7.3.1", title="The module answers by itself after the rings of S0", series=BOTH,
           depends_on=NETWORK, needs=CALLED)
def test_automatic_answer(registered: Dut, far_side: FarSide) -> None:
    """V.250 6.3.8."""
    dut = speaks(registered)
    before = dut.send("ATS0?").text
    with idle_after(dut):
        dut.send("ATS0=2")
        try:
            with dut.calls.rings() as ring:
                far_side.act("call")
                ring.wait(RING_S)
                ring.wait(RING_S)
            assert dut.calls.await_state(CallState.ACTIVE, CALL_S)
        finally:
            dut.send(f"ATS0={before}")


@procedure(title="A data variant has no voice: ATD with a semicolon is NO CARRIER at once", series=BOTH,
           depends_on=NETWORK)
def test_data_variant(registered: Dut, record: Recorder) -> None:
    """LARA-R6 application note, on the variants with a D. The number is nobody's: no call goes out."""
    if registered.profile.voice:
        raise NotApplicable(f"{registered.profile.variant} has voice calls")
    with pytest.raises(AtError) as refused:
        registered.calls.dial("+390402529400")
    record.note(f"ATD+390402529400; is answered {refused.value.final.text}")
    assert refused.value.final.text == "NO CARRIER"


# between two slots
@procedure("R8:7.3", title="A call from this module to another one", series=BOTH, slots=2, depends_on=NETWORK)
def test_call_between_two(dut_at: DutAt, peer_at: DutAt, own_number: str, peer_number: str,
                          record: Recorder) -> None:
    """It rings there with this module's number, is answered, and ends here when it is ended there; a second
    one is declined there, which this module tells as BUSY or NO CARRIER."""
    caller, other = speaks(dut_at(DutState.REGISTERED)), speaks(peer_at(DutState.REGISTERED))
    with presented(other), idle_after(caller, other):
        with record.step("answered"):
            with other.at.expect("+CLIP") as told:
                record.note(f"the dial command ends with {caller.calls.dial(peer_number)}")
                shown = str(told.wait(CALL_S).fields[0])
            assert shown.lstrip("+")[-9:] == own_number.lstrip("+")[-9:]
            (call,) = caller.calls.listed()
            assert call.outgoing
            other.calls.answer()
            for dut in (caller, other):
                assert dut.calls.await_state(CallState.ACTIVE, CALL_S)
            with caller.at.expect("NO CARRIER") as over:
                other.calls.hang_up()
                over.wait(CALL_S)
            assert caller.calls.await_state(None, CALL_S)
        with record.step("declined"):
            with caller.at.expect(("BUSY", "NO CARRIER", "NO ANSWER")) as over, other.calls.rings() as ring:
                caller.calls.dial(peer_number)
                ring.wait(CALL_S)
                other.calls.hang_up()
                ended = over.wait(CALL_S)
            record.note(f"the caller hears {ended.text}; {caller.send('AT+CEER').info}")
            assert caller.calls.await_state(None, CALL_S)


# the line that wakes a host
@procedure(title="RI goes on for a call and for a message, whatever +URING says", series=BOTH,
           depends_on=NETWORK, needs=("uart", "read-ri", "far-side:call", "far-side:sms"))
@pytest.mark.parametrize("kind", ["call", "sms"])
def test_ri(registered: Dut, far_side: FarSide, kind: str) -> None:
    """On while it rings, in the network's rhythm, or once for a message; off again by itself."""
    uart = uart_of(speaks(registered) if kind == "call" else registered)
    assert is_on(uart, "ri", False)
    if kind == "call":
        with idle_after(registered):
            far_side.act("call")
            for _ in range(2):
                assert is_on(uart, "ri", True)
                assert is_on(uart, "ri", False)
    else:
        with message_gone(registered):
            far_side.act("sms", text="cellbench RI")
            assert is_on(uart, "ri", True)
            assert is_on(uart, "ri", False)
    assert is_on(uart, "ri", False)


@procedure(title="A call wakes a module that sleeps, and its UART hears again", series=BOTH,
           depends_on=NETWORK, needs=("uart", "far-side:call"))
def test_call_wakes(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """With +UPSV=3 and DTR off the module sleeps and hears nothing; while a call lasts it answers AT."""
    uart = uart_of(speaks(registered))
    before = int(uart.send("AT+UPSV?").value("+UPSV")[0] or 0)
    with idle_after(registered.over(uart)):
        uart.ensure("AT+UPSV=3")
        try:
            uart.set_line("dtr", False)
            asleep = uart.wait_until(lambda: False, QUIET_S) or uart.silent()
            record.note("asleep before the call" if asleep else "it answers before the call, too")
            with uart.expect("RING") as ring:
                far_side.act("call")
                ring.wait(RING_S)
            assert not uart.silent(ANSWER_S), "RING, but no answer"
        finally:
            uart.set_line("dtr", True)
            uart.sync(CALL_S)
            uart.ensure(f"AT+UPSV={before}")


# what carries a call
@procedure("R8:7.3", title="In LTE a call goes by IMS, on context 11", series=BOTH, depends_on=NETWORK,
           needs=("far-side:call", "far-side:network"))
def test_ims(registered: Dut, far_side: FarSide) -> None:
    """Context 11 is reserved: it is active with IMS, and not the user's (LARA-R6: application note)."""
    dut = speaks(registered)
    with idle_after(dut):
        far_side.act("network", ims="on")
        try:
            assert dut.wait_registration(lambda stat: stat in (1, 5) and _ims_active(dut), CALL_S)
            in_a_call(dut, far_side)
            assert _ims_active(dut)
            assert not dut.send(f"AT+CGACT=0,{IMS_CID}", check=False).ok
            dut.calls.hang_up()
        finally:
            far_side.act("network", ims="off")


def _ims_active(dut: Dut) -> bool:
    return any(fields[:2] == (IMS_CID, 1) for fields in dut.send("AT+CGACT?").fields("+CGACT"))


@procedure("R8:7.3", title="In 2G user data stand still during a call and go on afterwards", series=BOTH,
           depends_on=("network", "service:echo"), needs=("far-side:call", "far-side:network"))
def test_data_held_up_in_2g(registered: Dut, far_side: FarSide, network: Network,
                            services: Mapping[str, Service], record: Recorder) -> None:
    """A connection is there before the call and lives on; what is sent in between comes afterwards."""
    dut, echo = speaks(registered), services["echo"]
    far_side.act("network", rat="2g")
    try:
        dut.register()
        dut.activate(apn=network.apn)
        with idle_after(dut), dut.sockets.tcp() as socket:
            socket.connect(echo.host, echo.port)
            socket.send(b"before")
            assert socket.recv_exactly(6, ECHO_S) == b"before"
            in_a_call(dut, far_side)
            socket.send(b"meanwhile")
            dut.at.wait_until(lambda: False, QUIET_S)
            held = socket.unread() == 0
            dut.calls.hang_up()
            assert dut.calls.await_state(None, CALL_S)
            came = socket.recv_exactly(9, ECHO_S)
            record.note(f"during the call {'nothing' if held else 'data'} came")
            assert held, "data passed during a call in 2G"
            assert came == b"meanwhile"
    finally:
        far_side.act("network", rat="lte")
        dut.register()
