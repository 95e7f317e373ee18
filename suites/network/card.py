"""What the procedures of the SIM share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cellbench.api import Dut, FarSide, FileId, Recorder, SimClient, SimState, card_codings

CARD_S = 60.0
WAIT_S = 300.0
LOCATIONS = (FileId.LOCI, FileId.PSLOCI, FileId.EPSLOCI)
_OTHER_DIGIT = str.maketrans("0123456789", "1234567890")


def awake(dut: Dut) -> SimClient:
    """The SIM, once it is no longer busy."""
    sim = dut.sim()
    sim.awake()
    return sim


def other_pin(pin: str) -> str:
    """A PIN that is not this one: its last digit counted one up, so that whoever knows the first knows this
    one too, should the bench be cut off in between."""
    return pin[:-1] + pin[-1].translate(_OTHER_DIGIT)


def wrong_pin(pin: str) -> str:
    """Another one again, for wrong tries: its first digit counted one up."""
    return pin[0].translate(_OTHER_DIGIT) + pin[1:]


@contextmanager
def lock_as_before(sim: SimClient, pin: str) -> Iterator[None]:
    """Afterwards the PIN is asked for at the start or not, as before. PinAtRisk where a try would go."""
    before = sim.locked()
    try:
        yield
    finally:
        if sim.awake() is SimState.PIN:
            sim.enter(pin)
        if sim.locked() is not before:
            sim.lock(before, pin)


@contextmanager
def card(dut: Dut, far_side: FarSide, name: str) -> Iterator[SimClient]:
    """Another card is in during the block; afterwards the slot's own, and the module is registered."""
    far_side.act("sim", card=name)
    sim = dut.sim()
    try:
        assert sim.await_state(SimState.READY, CARD_S), f"the card {name} is not taken"
        yield sim
    finally:
        far_side.act("sim", card="own")
        sim.await_state(SimState.READY, CARD_S)
        dut.register()


def wait_for(dut: Dut, so: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
    """Look until something is so; an assertion names what did not come in time."""
    deadline = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s:g} s"
        dut.at.wait_until(lambda: False, 0.05)


def serving(dut: Dut) -> str:
    """The network that serves the module, in digits, "" for none; the format of +COPS is put back."""
    found = dut.send("AT+COPS?").value("+COPS")
    if len(found) < 3:
        return ""
    dut.send("AT+COPS=3,2")
    try:
        fields = dut.send("AT+COPS?").value("+COPS")
        return str(fields[2]) if len(fields) > 2 else ""
    finally:
        dut.send(f"AT+COPS=3,{found[1]}")


def radio_off(dut: Dut, record: Recorder) -> None:
    """Detach by AT+CFUN=0, where the card still answers then; else the module stays on the network."""
    dut.spend_attach("CFUN cycle")
    dut.send("AT+CFUN=0")
    if dut.sim().awake() is not SimState.READY:
        record.note("the card is off at AT+CFUN=0: the module is on the network meanwhile")
        dut.send("AT+CFUN=1")


def written(sim: SimClient) -> dict[FileId, bytes]:
    """Those of the location files that hold something."""
    held = {file: sim.read(file) for file in LOCATIONS}
    return {file: data for file, data in held.items() if not card_codings.is_empty(data[:-1])}
