"""PIN1 and the card's presence: 3GPP TS 27.007 7.4, 7.5, 8.3; both series.

Every procedure reads the counter first and leaves two tries at least; afterwards the PIN is what it was and
is asked for, or not, as before. The other PIN that one of them sets for a moment is the rig's with its last
digit counted one up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import AtError, Dut, FarSide, PinAtRisk, Recorder, SimState, procedure

from .card import CARD_S, awake, lock_as_before, other_pin, wrong_pin

BOTH = ("LENA-R8", "LARA-R6")
REGISTERED = (1, 5)
WRONG_PIN = 16


@procedure(title="PIN1 is asked for at the start, given, and taken off again", series=BOTH,
           depends_on=("network",))
def test_lock(registered: Dut, sim_pin: str, record: Recorder) -> None:
    """+CLCK switches it; after a reboot +CPIN? asks, and the module registers only after it was given."""
    sim = awake(registered)
    record.note(f"tries left: {sim.tries()}")
    with lock_as_before(sim, sim_pin):
        sim.lock(True, sim_pin)
        assert sim.locked()
        registered.reboot()
        assert sim.await_state(SimState.PIN, CARD_S), "the PIN is not asked for after the reboot"
        with pytest.raises(AtError) as refused:
            sim.file_imsi()
        record.note(f"+CRSM while the PIN is asked for: {refused.value}")
        assert registered.registration() not in REGISTERED
        sim.enter(sim_pin)
        assert sim.await_state(SimState.READY, CARD_S)
        registered.register()
        sim.lock(False, sim_pin)
        assert not sim.locked()


@procedure(title="A wrong PIN costs one try, the right one gives it back", series=BOTH)
def test_wrong_pin(dut: Dut, sim_pin: str, record: Recorder) -> None:
    """+CME ERROR: 16; from three tries to two, never further; then three again."""
    sim = awake(dut)
    with lock_as_before(sim, sim_pin):
        sim.lock(True, sim_pin)
        full = sim.tries().pin
        with pytest.raises(AtError) as refused:
            sim.spoil(wrong_pin(sim_pin))
        record.note(f"wrong PIN: {refused.value}")
        assert getattr(refused.value, "number", None) == WRONG_PIN
        assert full is not None
        assert sim.tries().pin == full - 1
        with pytest.raises(PinAtRisk):
            sim.spoil(wrong_pin(sim_pin))
        sim.lock(True, sim_pin)
        assert sim.tries().pin == full


@procedure(title="PIN1 is changed and changed back", series=BOTH)
def test_change(dut: Dut, sim_pin: str, record: Recorder) -> None:
    """+CPWD; the new one is taken, and the old one again afterwards, whatever comes between."""
    sim = awake(dut)
    other = other_pin(sim_pin)
    with lock_as_before(sim, sim_pin):
        sim.lock(True, sim_pin)
        sim.change(sim_pin, other)
        try:
            sim.lock(True, other)
            assert sim.locked()
        finally:
            sim.change(other, sim_pin)
        record.note(f"tries left: {sim.tries()}")
        sim.lock(True, sim_pin)


@procedure(title="Facilities and passwords that do not exist are refused", series=BOTH)
def test_refusals(dut: Dut, sim_pin: str) -> None:
    """Nothing is used up by them."""
    sim = awake(dut)
    before = sim.tries()
    for line in ('AT+CLCK="XX",2', 'AT+CLCK="SC",3', 'AT+CPIN="12"', 'AT+CPWD="SC","12","34"'):
        assert not dut.send(line, check=False).ok, f"{line} was taken"
    assert sim.tries() == before
    assert sim.state() is SimState.READY


@procedure(title="The card is taken out and put in while the module works", series=BOTH,
           depends_on=("network",), needs=("far-side:sim",))
def test_hot_removal(registered: Dut, far_side: FarSide, record: Recorder) -> None:
    """Without a card +CPIN? says so and the module leaves the network; put in again, it registers. Whether it
    takes a card while it works is a matter of the wiring of its detection pin: else after a reboot."""
    sim = awake(registered)
    before = sim.imsi()
    with _reported(registered):
        mark = registered.at.urcs.mark()
        try:
            far_side.act("sim", state="out")
            assert sim.await_state(SimState.ABSENT, CARD_S), "+CPIN? does not say that there is no card"
            with pytest.raises(AtError):
                sim.imsi()
            assert registered.wait_registration(lambda stat: stat not in REGISTERED, CARD_S)
        finally:
            far_side.act("sim", state="in")
        if not sim.await_state(SimState.READY, CARD_S):
            record.note("the card is taken after a reboot only")
            registered.reboot()
        assert sim.await_state(SimState.READY, CARD_S)
        told = [urc.text for urc in registered.at.urcs.since(mark) if urc.prefix in ("+UUSIMSTAT", "+CIEV")]
        record.note(f"told by {told}")
        if registered.send("AT+UCUSATA?", check=False).ok:
            assert any(text.startswith("+UUSIMSTAT") for text in told), "+UUSIMSTAT tells nothing"
    assert sim.imsi() == before
    registered.register()


@contextmanager
def _reported(dut: Dut) -> Iterator[None]:
    """In the block is told what the series has to tell of the card: +UCUSATA=4, the indicators of +CMER."""
    before = dut.send("AT+UCUSATA?", check=False)
    dut.send("AT+CMER=3,0,0,2")
    if before.ok:
        dut.send("AT+UCUSATA=4")
    try:
        yield
    finally:
        dut.send("AT+CMER=0,0,0,0", check=False)
        if before.ok:
            dut.send(f"AT+UCUSATA={before.value('+UCUSATA')[0]}")
