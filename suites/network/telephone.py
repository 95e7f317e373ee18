"""What the procedures of calls and messages share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cellbench.api import CallState, Dut, FarSide, NotApplicable

RING_S = 30.0  # RING comes each 3 to 5 s (module facts 10)
CALL_S = 60.0
MESSAGE_S = 120.0


def speaks(dut: Dut) -> Dut:
    """The module, if its variant has voice; NotApplicable for a data variant."""
    if not dut.profile.voice:
        raise NotApplicable(f"{dut.profile.variant} has no voice calls")
    return dut


@contextmanager
def idle_after(*duts: Dut) -> Iterator[None]:
    """Afterwards no module has a call."""
    try:
        yield
    finally:
        for dut in duts:
            dut.calls.hang_up()
            dut.calls.await_state(None, CALL_S)


@contextmanager
def presented(dut: Dut) -> Iterator[None]:
    """The caller's number is told in the block (+CLIP=1)."""
    dut.send("AT+CLIP=1")
    try:
        yield
    finally:
        dut.send("AT+CLIP=0")


def called(dut: Dut, far_side: FarSide) -> None:
    """The far side calls; returns once the module rings."""
    with dut.calls.rings() as ring:
        far_side.act("call")
        ring.wait(RING_S)
    assert dut.calls.await_state(CallState.INCOMING, RING_S), "RING, but +CLCC lists no incoming call"


def in_a_call(dut: Dut, far_side: FarSide) -> None:
    """The far side calls and the module answers."""
    called(dut, far_side)
    dut.calls.answer()
    assert dut.calls.await_state(CallState.ACTIVE, CALL_S), "the call is answered and not active"


@contextmanager
def message_gone(dut: Dut) -> Iterator[None]:
    """What comes in during the block is deleted after it."""
    with dut.sms() as sms:
        before = set(sms.listed())
    try:
        yield
    finally:
        with dut.sms() as sms:
            for index in set(sms.listed()) - before:
                sms.delete(index)
