"""Mobility: LENA-R8 guide 7.4; both series.

What the network does (another cell, RAT or network, no coverage) is the far side's to do; afterwards it is as
before.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from cellbench.api import (
    Dut,
    FarSide,
    FileId,
    Network,
    NotPossible,
    Recorder,
    Service,
    SimClient,
    Socket,
    card_codings,
    procedure,
)

from .card import awake, serving, wait_for

BOTH = ("LENA-R8", "LARA-R6")
ECHO = ("network", "service:echo")
MOVES = ("far-side:network",)
HOME, ROAMING = 1, 5
REGISTERED = (HOME, ROAMING)
LTE = 7
TOLD_S = 60.0
ELSEWHERE = "20801"  # a network of another country, for far sides that can choose


@procedure("R8:7.4", title="Another cell: contexts and sockets are kept", series=BOTH, depends_on=ECHO,
           needs=MOVES)
@pytest.mark.parametrize("rrc", ["idle", "connected"], ids=["reselection", "handover"])
def test_cell(online: Dut, far_side: FarSide, services: Mapping[str, Service], record: Recorder,
              rrc: str) -> None:
    """+CEREG=2 tells of area and cell; address and connection are those of before."""
    with _told(online), _echoing(online, services["echo"]) as socket:
        address, before = online.address(online.cid), _place(online)
        far_side.act("network", rrc=rrc)
        with online.at.expect("+CEREG", lambda urc: urc.fields[0] in REGISTERED) as told:
            far_side.act("network", cell="new")
            record.note(told.wait(TOLD_S).text)
        assert _place(online) != before
        assert online.address(online.cid) == address
        _echo(socket)


@procedure("R8:7.4", title="Another RAT: contexts and sockets are kept", series=BOTH, depends_on=ECHO,
           needs=MOVES)
def test_rat(online: Dut, far_side: FarSide, services: Mapping[str, Service], record: Recorder) -> None:
    """From LTE to the RAT that the series falls back to, and back again."""
    with _echoing(online, services["echo"]) as socket:
        address = online.address(online.cid)
        try:
            far_side.act("network", rat=_fallback(online))
            wait_for(online, lambda: _act(online) not in (None, LTE), "another RAT")
            record.note(f"<AcT> {_act(online)}")
            assert online.registration() in REGISTERED
            assert online.address(online.cid) == address
            _echo(socket)
        finally:
            far_side.act("network", rat="lte")
        wait_for(online, lambda: _act(online) == LTE, "LTE again")
        assert online.address(online.cid) == address
        _echo(socket)


@procedure("R8:7.4", title="No coverage: the module comes back by itself, the host makes its links anew",
           series=BOTH, depends_on=ECHO, needs=MOVES)
def test_no_coverage(online: Dut, far_side: FarSide, services: Mapping[str, Service], network: Network,
                     record: Recorder) -> None:
    """Nothing is said to the module between loss and return; then context and socket of the host's again."""
    with _told(online):
        with _echoing(online, services["echo"], kept=False):
            try:
                with online.at.expect("+CEREG", lambda urc: urc.fields[0] not in REGISTERED) as lost:
                    far_side.act("network", state="lost")
                    record.note(f"lost: {lost.wait(TOLD_S).text}")
                assert _act(online) is None, "+COPS? names a network while there is none"
            finally:
                far_side.act("network", state="found")
            record.measure("time to register", online.register(), "s")
        online.activate(apn=network.apn)
        with _echoing(online, services["echo"]):
            pass


@procedure("R8:7.4", title="Another network: the module attaches anew", series=BOTH, depends_on=ECHO,
           needs=MOVES)
def test_network(online: Dut, far_side: FarSide, services: Mapping[str, Service], network: Network,
                 record: Recorder) -> None:
    """Contexts and sockets end with the network; in the new one the host makes them anew."""
    with _told(online):
        try:
            with _echoing(online, services["echo"], kept=False):
                online.spend_attach("another network")
                with online.at.expect("+CEREG", lambda urc: urc.fields[0] not in REGISTERED) as left:
                    far_side.act("network", plmn=ELSEWHERE)
                    record.note(f"left: {left.wait(TOLD_S).text}")
                record.measure("time to register", online.register(), "s")
            assert serving(online) == ELSEWHERE
            online.activate(apn=network.apn)
            with _echoing(online, services["echo"]):
                pass
        finally:
            far_side.act("network", plmn="home")
            online.spend_attach("home again")
            online.register()


@procedure("R8:7.4", title="Another network on a legacy RAT: the context is established again by the host",
           series=BOTH, depends_on=ECHO, needs=MOVES)
def test_network_on_legacy(online: Dut, far_side: FarSide, services: Mapping[str, Service],
                           network: Network) -> None:
    """Registered there without a context of the user's; AT+CGACT restores the services."""
    try:
        far_side.act("network", rat=_fallback(online))
        wait_for(online, lambda: _act(online) not in (None, LTE), "another RAT")
        online.spend_attach("another network")
        far_side.act("network", plmn=ELSEWHERE)
        wait_for(online, lambda: serving(online) == ELSEWHERE, "the other network")
        online.register()
        assert not online.address(online.cid), "a context without anybody having asked for it"
        online.activate(apn=network.apn)
        with _echoing(online, services["echo"]):
            pass
    finally:
        far_side.act("network", plmn="home")
        far_side.act("network", rat="lte")
        online.spend_attach("home again")
        online.register()


@procedure("R8:7.4", title="Abroad, in idle, the module looks for a network of higher priority", series=BOTH,
           depends_on=("network",), needs=MOVES)
def test_way_home(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """Roaming while the SIM's own network can be received too: the module changes by itself in time."""
    sim = awake(registered)
    own, abroad = _own_network(sim), ELSEWHERE
    period = sim.read(FileId.HPPLMN)[0]
    record.note(f"EF_HPPLMN: each {6 * period} min")
    if not period:
        raise NotPossible("this SIM asks for no search (EF_HPPLMN is 0)")
    try:
        registered.spend_attach("abroad")
        far_side.act("network", plmn=abroad)
        wait_for(registered, lambda: serving(registered) == abroad, "the network abroad")
        assert registered.registration() == ROAMING
        far_side.act("network", beside=own)
        far_side.act("network", rrc="idle")
        began = time.monotonic()
        longest_s = 480.0 + 360.0 * period  # the first search 2 to 8 min after registration, then the period
        wait_for(registered, lambda: serving(registered) == own, "the SIM's own network", longest_s)
        record.measure("time to the SIM's own network", time.monotonic() - began, "s")
        registered.register()
        assert registered.registration() == HOME
    finally:
        far_side.act("network", beside="none")
        far_side.act("network", plmn="home")
        registered.register()


@procedure("R8:7.4", title="A network on the SIM's list of forbidden ones is left alone", series=BOTH,
           depends_on=("network",), needs=MOVES)
def test_forbidden_network(registered: Dut, far_side: FarSide) -> None:
    """EF_FPLMN: not tried in automatic selection, even after AT+CFUN; once it is off the list, it is."""
    sim = awake(registered)
    before, here = sim.read(FileId.FPLMN), serving(registered)
    listed = card_codings.decode_plmns(before)
    try:
        registered.spend_attach("CFUN cycle")
        registered.send("AT+CFUN=0")
        sim.write(FileId.FPLMN, card_codings.encode_plmns((*listed[:3], here), len(before) // 3))
        requests = int(far_side.report("network").get("requests", "-1"))
        registered.send("AT+CFUN=1")
        registered.at.wait_until(lambda: False, max(1.0, 2 * registered.slot.timing.minimum_on_s))
        assert registered.registration() not in REGISTERED
        assert int(far_side.report("network").get("requests", "-1")) == requests
    finally:
        registered.send("AT+CFUN=0")
        sim.write(FileId.FPLMN, before)
        registered.send("AT+CFUN=1")
        registered.register()


@contextmanager
def _told(dut: Dut) -> Iterator[None]:
    """+CEREG tells of area and cell in the block."""
    dut.send("AT+CEREG=2")
    try:
        yield
    finally:
        dut.send("AT+CEREG=0")


@contextmanager
def _echoing(dut: Dut, echo: Service, *, kept: bool = True) -> Iterator[Socket]:
    """A connection that echoes; with ``kept`` it must do so to the end of the block, else it may be gone."""
    with dut.sockets.tcp() as socket:
        socket.connect(echo.host or "", echo.port or 0)
        _echo(socket)
        yield socket
        if kept:
            _echo(socket)


def _echo(socket: Socket) -> None:
    sent = secrets.token_hex(8).encode()
    socket.send(sent)
    assert socket.recv(len(sent)) == sent


def _fallback(dut: Dut) -> str:
    """The far side's word for the RAT beside LTE that the variant has; NotPossible for one with LTE alone."""
    rats = [rat for rat in ("utran", "gsm") if rat in dut.profile.rats]
    if not rats:
        raise NotPossible(f"{dut.profile.variant} has LTE alone")
    return {"utran": "3g", "gsm": "2g"}[rats[0]]


def _own_network(sim: SimClient) -> str:
    """The network that the SIM belongs to: EF_AD tells the digits of its code (31.102 4.2.18)."""
    told = sim.read(FileId.AD)
    digits = told[3] & 0x0F if len(told) > 3 else 2
    return sim.imsi()[:3 + (digits if digits in (2, 3) else 2)]


def _place(dut: Dut) -> tuple[object, ...]:
    return tuple(dut.send("AT+CEREG?").value("+CEREG")[2:5])


def _act(dut: Dut) -> int | None:
    """<AcT> of +COPS?; None while not registered."""
    fields = dut.send("AT+COPS?").value("+COPS")
    return int(str(fields[-1])) if len(fields) > 3 else None
