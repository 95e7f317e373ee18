"""The full-stack watchdog: LENA-R8 guide 8.2 (Table 21); LARA-R6 by its application note."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import pytest

from cellbench.api import (
    CallFlow,
    CellbenchError,
    Deed,
    Dut,
    DutState,
    FarSide,
    Flow,
    Level,
    Limit,
    Network,
    NotPossible,
    PermanentRefusal,
    PppLink,
    Recorder,
    Service,
    SlotHands,
    SocketFlow,
    Symptom,
    Watchdog,
    procedure,
    slot_watchdog,
)

DutAt = Callable[[DutState], Dut]
Services = Mapping[str, Service]
BOTH = ("LENA-R8", "LARA-R6")
ECHO = ("network", "service:echo")
LONGEST = Limit(high=600.0, source="the ladder's own waits")
FLOWS_S = 30.0
CID = 2  # the initial context on neither series

LEVELS = (
    ("socket", Symptom.NO_DATA, Level.SOCKET, (Deed.REOPEN,)),
    ("context", Symptom.NO_ADDRESS, Level.CONTEXT, (Deed.REACTIVATE,)),
    ("bearer", Symptom.NO_BEARER, Level.ATTACH, (Deed.REATTACH,)),
    ("registration", Symptom.NOT_REGISTERED, Level.REGISTRATION, (Deed.REATTACH,)),
    ("radio", Symptom.NO_CELL, Level.RADIO, (Deed.REATTACH,)),
    ("firmware", Symptom.NOT_REGISTERED, Level.FIRMWARE, (Deed.REATTACH, Deed.REBOOT)),
    ("at", Symptom.NO_ANSWER, Level.AT, (Deed.SWITCH_OFF,)),
)


@contextmanager
def on_context(dut: Dut, network: Network) -> Iterator[None]:
    """A context of the user's own is active in the block."""
    dut.ensure(f'AT+CGDCONT={CID},"IP","{network.apn}"')
    dut.activate(CID)
    try:
        yield
    finally:
        dut.send(f"AT+CGACT=0,{CID}", check=False)


@contextmanager
def in_use(dog: Watchdog, far_side: FarSide) -> Iterator[None]:
    """The application's data flows; afterwards nothing is stuck and nothing is open."""
    dog.flow.open()
    try:
        until = time.monotonic() + FLOWS_S
        while not dog.works():  # its notice is short, and a data call's first packets may wait
            assert time.monotonic() < until, "no data flows before the fault"
        yield
    finally:
        dog.flow.drop()
        with suppress(CellbenchError):
            far_side.act("fault", stuck="none")


def echo_flow(dut: Dut, services: Services) -> Flow:
    """A socket to the echo server."""
    echo = services["echo"]
    return SocketFlow(lambda: dut.at, echo.address, int(echo.port or 7), cid=CID)


def reported(record: Recorder) -> Callable[[object], None]:
    """Each step of the ladder goes into the record."""
    return lambda step: record.note(str(step))


@procedure("R8:8.2", title="Each level of the watchdog: symptom, countermeasure, data again", series=BOTH,
           depends_on=ECHO, needs=("far-side:fault",))
@pytest.mark.parametrize(("fault", "symptom", "level", "deeds"), LEVELS, ids=[row[0] for row in LEVELS])
def test_level(registered: Dut, far_side: FarSide, services: Services, network: Network, record: Recorder,
               fault: str, symptom: Symptom, level: Level, deeds: tuple[Deed, ...]) -> None:
    """A fault that this level's countermeasure cures and no milder one: recovered by it, and by no other."""
    with on_context(registered, network):
        dog = slot_watchdog(registered, echo_flow(registered, services), cid=CID, report=reported(record))
        with in_use(dog, far_side):
            far_side.act("fault", stuck=fault)
            recovery = dog.recover().check()
            assert recovery.symptom is symptom
            assert recovery.healed_by is level
            assert tuple(step.deed for step in recovery.steps) == deeds, "a needless countermeasure"
            record.measure("time to recovery of this level", recovery.steps[-1].took_s, "s", LONGEST)
            record.measure("time to recovery", recovery.took_s, "s", LONGEST)
            assert dog.recover().steps == (), "data flows, and the ladder does something"


@procedure("R8:8.2", title="A data call without data is hung up and dialled anew", series=BOTH,
           depends_on=("network", "service:icmp"), needs=("far-side:fault",))
def test_dial_up(registered: Dut, far_side: FarSide, services: Services, network: Network,
                 record: Recorder) -> None:
    """The registration is asked for on another port meanwhile."""
    taken, *others = registered.slot.roles()
    if not others:
        raise NotPossible(f"slot {registered.slot.name} has no AT port beside the data call's",
                          remedy="name another port under ports")
    asking = SlotHands(registered, others[0])
    asking.at.sync(10.0)
    target = services["icmp"].target

    def reaches(link: PppLink, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if any(ping.answered for ping in link.ping(target, timeout_s=1.0)):
                return True
        return False

    with on_context(registered, network):
        flow = CallFlow(lambda: registered.ppp(CID, port=taken), reaches)
        dog = slot_watchdog(registered, flow, hands=asking, cid=CID, report=reported(record))
        with in_use(dog, far_side):
            far_side.act("fault", stuck="call")
            recovery = dog.recover().check()
            assert [step.level for step in recovery.steps] == [Level.DIAL_UP]
            record.measure("time to recovery of this level", recovery.steps[-1].took_s, "s", LONGEST)


@procedure("R8:8.2", "R8:10.1.3", title="A cause that no reset cures ends the ladder before any reset",
           series=BOTH, needs=("far-side:network",))
@pytest.mark.parametrize("cause", [8, 15])
def test_permanent_cause(registered: Dut, far_side: FarSide, services: Services, network: Network,
                         cause: int) -> None:
    """It is advisable to check the reject cause to avoid triggering too many resets."""
    with on_context(registered, network):
        dog = slot_watchdog(registered, echo_flow(registered, services), cid=CID)
        registered.spend_attach("reject")
        far_side.act("network", reject=str(cause))
        try:
            assert registered.wait_registration(lambda stat: stat == 3, 60.0), "it does not tell the refusal"
            recovery = dog.recover()
            assert isinstance(recovery.error, PermanentRefusal)
            assert recovery.error.cause == cause
            assert recovery.resets == 0
        finally:
            far_side.act("network", reject="none")
            registered.spend_attach("CFUN cycle")
            registered.send("AT+CFUN=0")
            registered.send("AT+CFUN=1")
            registered.register()
