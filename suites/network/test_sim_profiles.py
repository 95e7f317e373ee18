"""Profiles and subscriptions: LENA-R8 guide 10.1; both series.

What happens over the air between a card and its operator's server (BIP, remote provisioning) shows on no port
of the module: of it only the outcome can be seen, another identity.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from cellbench.api import (
    AtError,
    Dut,
    FarSide,
    FileId,
    NotPossible,
    Recorder,
    SimClient,
    card_codings,
    procedure,
)

from .card import CARD_S, awake, card, serving, wait_for

BOTH = ("LENA-R8", "LARA-R6")
NETWORK = ("network",)
REFUSES, CHANGES = ("far-side:network",), ("far-side:sim",)
REGISTERED, DENIED = (1, 5), 3
REFUSAL_S = 120.0
_TRIES = 5  # 24.301 5.5.1.2.6
_LISTS = (FileId.PLMN_ACT, FileId.OPLMN_ACT, FileId.HPLMN_ACT)


# 10.1.1
@procedure("R8:10.1.1", title="The files of a SIM profile", series=BOTH)
def test_profile(dut: Dut, record: Recorder) -> None:
    """IMSI, ICCID and the lists that selection goes by are coded as 3GPP TS 31.102 has them."""
    sim = awake(dut)
    imsi = sim.file_imsi()
    assert imsi == sim.imsi()
    assert card_codings.decode_iccid(sim.read(FileId.ICCID, "3F00")) == sim.iccid()
    for file in _LISTS:
        if sim.try_restricted(192, file, 0, 0, 0).ok:
            record.note(f"{file.name}: {card_codings.decode_preferred(sim.read(file))}")
    for file in (FileId.EHPLMN, FileId.FPLMN):
        if sim.try_restricted(192, file, 0, 0, 0).ok:
            record.note(f"{file.name}: {card_codings.decode_plmns(sim.read(file))}")
    if imsi.startswith("901"):
        record.note("a global SIM: its operator is the first entry of the lists")


@procedure("R8:10.1.1", title="A multi-IMSI SIM swaps its identity: the module follows", series=BOTH,
           depends_on=NETWORK, needs=CHANGES)
def test_swap(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """Another IMSI, the same ICCID; the module registers with it."""
    with card(registered, far_side, "multi-imsi") as sim:
        registered.register()
        before = sim.imsi(), sim.iccid()
        registered.spend_attach("another identity")
        far_side.act("sim", imsi="next")
        wait_for(registered, lambda: _identity(sim)[0] not in ("", before[0]), "another IMSI")
        assert sim.iccid() == before[1]
        assert sim.file_imsi() == sim.imsi()
        record.measure("time to register", registered.register(), "s")


@procedure("R8:10.1.1", title="The applet of a multi-IMSI SIM hears that the network refuses", series=BOTH,
           depends_on=NETWORK, needs=(*CHANGES, *REFUSES))
def test_applet(registered: Dut, far_side: FarSide) -> None:
    """The registration's state goes to the card by the toolkit: refused, it takes another identity."""
    with card(registered, far_side, "multi-imsi") as sim:
        registered.register()
        before = sim.imsi()
        registered.spend_attach("reject")
        far_side.act("network", reject="11")
        try:
            wait_for(registered, lambda: _identity(sim)[0] not in ("", before), "another IMSI")
        finally:
            far_side.act("network", reject="none")


# 10.1.2
@procedure("R8:10.1.2", title="An eUICC takes another profile: the module follows", series=BOTH,
           depends_on=NETWORK, needs=CHANGES)
def test_profile_change(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """Another ICCID and IMSI without a reboot by the host; the module registers with them."""
    with card(registered, far_side, "euicc") as sim:
        registered.register()
        before = _identity(sim)
        registered.spend_attach("another profile")
        far_side.act("sim", profile="next")
        wait_for(registered, lambda: _identity(sim)[1] not in ("", before[1]), "another profile")
        after = _identity(sim)
        assert after[0] != before[0]
        record.measure("time to register", registered.register(), "s")


@procedure("R8:10.1.2", title="Remote provisioning over BIP", series=BOTH, depends_on=NETWORK,
           needs=("far-side:provisioning",))
def test_remote_provisioning(registered: Dut, far_side: FarSide) -> None:
    """The operator's server (SGP.02) changes the profile: seen by the identity that changes, no more."""
    sim = awake(registered)
    before = _identity(sim)
    far_side.act("provisioning")
    wait_for(registered, lambda: all(_identity(sim)) and _identity(sim) != before, "another profile")
    registered.register()


def _identity(sim: SimClient) -> tuple[str, str]:
    """IMSI and ICCID; "" while the card starts anew."""
    try:
        return sim.imsi(), sim.iccid()
    except AtError:
        return "", ""


# 10.1.3
@procedure("R8:10.1.3", title="Causes that tell of the subscription", series=BOTH, needs=REFUSES)
@pytest.mark.parametrize("cause", [15, 19], ids=["no suitable cells", "ESM failure"])
def test_subscription(registered: Dut, far_side: FarSide, record: Recorder, cause: int) -> None:
    """15: perhaps no LTE subscription; 19: perhaps a wrong APN. +CEREG=3 and +CEER both tell it."""
    # the state itself may pass by unseen: a module that tries again is searching soon after
    with (registered.at.expect("+CEREG", lambda urc: urc.fields[0] == DENIED) as told,
          _refused(registered, far_side, cause)):
        text = told.wait(REFUSAL_S)
        error = registered.send("AT+CEER").value("+CEER")
        record.note(f"{text.text}; +CEER: {error}")
        assert cause in text.fields
        assert cause in error


@procedure("R8:10.1.3", title="After a refusal for good the module does not try again", series=BOTH,
           needs=REFUSES)
@pytest.mark.parametrize("cause", [3, 8, 11, 15])
def test_refused_for_good(registered: Dut, far_side: FarSide, record: Recorder, cause: int) -> None:
    """3GPP TS 24.301 5.5.1.2.5: one attach request, then none; after 11 the network stands in EF_FPLMN."""
    sim = awake(registered)
    forbidden = sim.read(FileId.FPLMN)
    here = serving(registered)
    began = _requests(far_side)
    try:
        with _refused(registered, far_side, cause):
            assert registered.wait_registration(lambda stat: stat == DENIED, REFUSAL_S), "no refusal is told"
            once = _requests(far_side)
            registered.at.wait_until(lambda: False, _quiet_s(registered))
            tries = _requests(far_side) - began
            record.measure("attach requests", tries)
            assert (_requests(far_side), tries) == (once, 1)
            listed = card_codings.decode_plmns(sim.read(FileId.FPLMN))
            record.note(f"EF_FPLMN: {listed}, here is {here}")
            assert (here in listed) == (cause == 11 or here in card_codings.decode_plmns(forbidden))
            sim.write(FileId.FPLMN, forbidden)
    finally:
        if sim.read(FileId.FPLMN) != forbidden:
            sim.write(FileId.FPLMN, forbidden)


@procedure("R8:10.1.3", title="After a passing refusal the module tries again, and backs off", series=BOTH,
           needs=REFUSES)
@pytest.mark.parametrize("cause", [17, 22], ids=["network failure", "congestion"])
def test_refused_for_now(registered: Dut, far_side: FarSide, record: Recorder, cause: int) -> None:
    """24.301 5.5.1.2.6: by itself after T3411, five requests at most before the long pause of T3402."""
    began = _requests(far_side)
    with _refused(registered, far_side, cause):
        wait_for(registered, lambda: _requests(far_side) > began, "an attach request")
        came = [time.monotonic()]
        wait_for(registered, lambda: _requests(far_side) > began + 1, "another attach request")
        came.append(time.monotonic())
        while len(came) <= _TRIES and time.monotonic() - came[-1] < 8 * _shortest(came):
            registered.at.wait_until(lambda: False, 0.02)
            came += [time.monotonic()] * (_requests(far_side) - began - len(came))
        record.measure("pause between requests", _shortest(came), "s")
        record.measure("attach requests in a row", len(came))
        assert len(came) <= _TRIES


def _shortest(came: list[float]) -> float:
    """The shortest time between two requests, in seconds."""
    return max(0.05, min(after - before for before, after in pairwise(came)))


@contextmanager
def _refused(dut: Dut, far_side: FarSide, cause: int) -> Iterator[None]:
    """The network refuses the module in the block; afterwards it is registered again."""
    dut.spend_attach("reject")
    dut.send("AT+CEREG=3")
    far_side.act("network", reject=str(cause))
    try:
        yield
    finally:
        far_side.act("network", reject="none")
        dut.send("AT+CEREG=0", check=False)
        dut.send("AT+CFUN=0")
        dut.send("AT+CFUN=1")
        if not dut.wait_registration(lambda stat: stat in REGISTERED, CARD_S):
            dut.reboot()  # what makes a card usable again after causes 3, 6, 7 and 8 in any case
        dut.register()


def _requests(far_side: FarSide) -> int:
    """Attach requests that the network got; NotPossible where the far side does not count them."""
    told = far_side.report("network")
    if "requests" not in told:
        raise NotPossible("this far side does not count attach requests")
    return int(told["requests"])


def _quiet_s(dut: Dut) -> float:
    """How long nothing may come: twice what the rig waits before it switches a module off, 1 s at least."""
    return max(1.0, 2 * dut.slot.timing.minimum_on_s)
