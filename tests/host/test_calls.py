"""Voice calls as Python calls, on a virtual module of each series and against answers of other kinds."""

from __future__ import annotations

import pytest

from cellbench.base.errors import OperatorError, UnitError
from cellbench.catalogue.model import Series
from cellbench.host.channel import Channel
from cellbench.host.clients.calls import EMERGENCY, CallClient, CallState
from cellbench.host.errors import NoCarrier

from .rack import Module

WAIT_S = 20.0


def test_a_call_that_comes_in(module: Module) -> None:
    calls = CallClient(module.channel)
    with calls.rings() as ring:
        module.ctl("call", "number=+49170123")
        ring.wait(WAIT_S)
    (call,) = calls.listed()
    assert (call.outgoing, call.state, call.party) == (False, CallState.INCOMING, "+49170123")
    assert calls.activity == 3
    assert calls.answer() == ("CONNECT" if module.series is Series.LENA_R8 else "OK")
    assert calls.await_state(CallState.ACTIVE, WAIT_S)
    assert module.channel.send("AT").ok, "the port is in command mode"
    assert not module.channel.call_held
    calls.hang_up()
    assert calls.await_state(None, WAIT_S)
    with pytest.raises(NoCarrier):
        calls.answer()


def test_a_call_that_goes_out(module: Module) -> None:
    calls = CallClient(module.channel)
    assert calls.dial("+49170123") == "OK"
    assert calls.await_state(CallState.ACTIVE, WAIT_S)
    assert calls.activity == 4
    with module.channel.expect("NO CARRIER") as over:
        module.ctl("call", "end=1")
        over.wait(WAIT_S)
    module.ctl("call", "strangers=busy")
    try:
        with module.channel.expect("BUSY") as busy:
            calls.dial("+49170123")
            busy.wait(WAIT_S)
    finally:
        module.ctl("call", "strangers=answers")
    assert calls.listed() == ()


@pytest.mark.parametrize("number", [*sorted(EMERGENCY), "", "Bob", "*100#", "+"])
def test_what_is_never_dialled(channel: Channel, number: str) -> None:
    with pytest.raises(OperatorError, match="is not called"):
        CallClient(channel).dial(number)


def test_data_calls_are_no_voice_calls(channel: Channel, peer: object) -> None:
    peer.on("AT+CLCC", b"\r\n+CLCC: 1,0,0,1,0\r\n\r\n+CLCC: 2,1,4,0,0\r\n\r\nOK\r\n")  # type: ignore[attr-defined]
    (call,) = CallClient(channel).listed()
    assert (call.number, call.state, call.party) == (2, CallState.INCOMING, "")


@pytest.mark.parametrize("answer", ["+CLCC: 1", "+CLCC: a,b,c,d"])
def test_answers_that_are_none(channel: Channel, peer: object, answer: str) -> None:
    peer.on("AT+CLCC", f"\r\n{answer}\r\n\r\nOK\r\n".encode())  # type: ignore[attr-defined]
    with pytest.raises(UnitError, match="are due"):
        CallClient(channel).listed()


def test_codes_of_a_call_that_does_not_come_about(channel: Channel, peer: object) -> None:
    for code in ("BUSY", "NO ANSWER", "NO CARRIER"):
        peer.on("ATD+491701;", f"\r\n{code}\r\n".encode())  # type: ignore[attr-defined]
        with pytest.raises(NoCarrier, match=code):
            CallClient(channel).dial("+491701")
