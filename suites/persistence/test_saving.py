"""What a module keeps, and where: LENA-R8 guide 6.1; LARA-R6 by its manuals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest

from cellbench.api import Dut, DutState, Recorder, Slot, procedure

BOTH = ("LENA-R8", "LARA-R6")

# A setting that is stored by itself, its question, and two values that differ: whichever the module does not
# hold is written. Each leaves the module reachable and registered as before.
STORED: Mapping[str, tuple[str, tuple[str, str]]] = MappingProxyType({
    "+UPSV": ("AT+UPSV?", ("AT+UPSV=0", "AT+UPSV=3")),
    "+URING": ("AT+URING?", ("AT+URING=0", "AT+URING=1")),
    "+CGDCONT": ("AT+CGDCONT?", ('AT+CGDCONT=4,"IP","kept.example"', 'AT+CGDCONT=4,"IP","other.example"')),
    "+CSCON": ("AT+CSCON?", ("AT+CSCON=0", "AT+CSCON=1")),
})

# The form of what one port is told, and URCs: lost at every start (LENA-R8 guide 3.2.2).
VOLATILE: Mapping[str, tuple[str, str]] = MappingProxyType({
    "+CMEE": ("AT+CMEE?", "AT+CMEE=1"),
    "+CEREG": ("AT+CEREG?", "AT+CEREG=1"),
    "+CGEREP": ("AT+CGEREP?", "AT+CGEREP=1,0"),
})


def _held(dut: Dut, name: str) -> tuple[object, ...]:
    """What the module holds of a setting, without what it adds of its own (addresses, states)."""
    lines = dut.send(STORED[name][0]).fields(name)
    if name == "+CGDCONT":
        return tuple(fields[:3] for fields in lines if fields[0] == 4)
    return lines[0][:1]


def _other(dut: Dut, name: str) -> tuple[str, str]:
    """The line that changes a stored setting, and the one that brings it back."""
    question, lines = STORED[name]
    dut.send(question)
    first, second = lines
    return (first, second) if dut.at.wear.changes(dut.at.plan(first), dut.at.name) else (second, first)


@procedure("R8:6.1", title="A setting is stored by the set command itself and kept over a reboot",
           series=BOTH)
@pytest.mark.parametrize("name", STORED)
def test_stored_by_itself(dut: Dut, record: Recorder, name: str) -> None:
    """Read, write what differs, reboot, read; then back."""
    before = _held(dut, name)
    change, back = _other(dut, name)
    assert dut.ensure(change)
    changed = _held(dut, name)
    assert changed != before, "the setting did not change"
    try:
        dut.reboot()
        assert _held(dut, name) == changed, "what was set is lost after a reboot"
    finally:
        dut.ensure(back if before else "AT+CGDCONT=4")
    assert _held(dut, name) == before
    record.note(f"{change} survived the reboot")


@procedure("R8:6.1", title="Stored settings outlive the loss of the supply", series=BOTH,
           needs=("cut-power",))
def test_supply_cut(dut_at: Callable[[DutState], Dut], slot: Slot) -> None:
    """All of them at once, cut without a switch-off: flash is written when OK is said."""
    dut = dut_at(DutState.READY)
    before = {name: _held(dut, name) for name in STORED}
    changes = {name: _other(dut, name) for name in STORED}
    for change, _ in changes.values():
        dut.ensure(change)
    changed = {name: _held(dut, name) for name in STORED}
    slot.power_off(hard=True, cause="procedure: the supply is lost")
    dut = dut_at(DutState.READY)
    try:
        assert {name: _held(dut, name) for name in STORED} == changed
    finally:
        for name, (_, back) in changes.items():
            dut.ensure(back if before[name] else "AT+CGDCONT=4")
    assert {name: _held(dut, name) for name in STORED} == before


@procedure("R8:6.1", title="What is not stored is as at delivery after a reboot", series=BOTH)
@pytest.mark.parametrize("name", VOLATILE)
def test_volatile(dut: Dut, name: str) -> None:
    """Not even for the others' sake: +CMEE, +CEREG and +CGEREP are to be set again."""
    question, change = VOLATILE[name]
    dut.reboot_only()
    fresh = dut.send(question).value(name)[0]
    dut.send(change)
    assert dut.send(question).value(name)[0] != fresh
    dut.reboot_only()
    assert dut.send(question).value(name)[0] == fresh
    dut.settle()


@procedure("R8:6.1", title="The value in force is read, and only what differs is written", series=BOTH)
def test_read_before_write(dut: Dut) -> None:
    """The guide's advice against the wearing of flash, as a call: it writes once and no more."""
    change, back = _other(dut, "+UPSV")
    dut.at.wear.forget()
    marked = dut.slot.trace.mark()
    assert dut.ensure(change), "the module held another value"
    assert not dut.ensure(change), "the module holds it already"
    sent = [line.text for line in dut.slot.trace.lines(marked) if line.direction.value == ">"]
    assert sent.count(change + "<CR>") == 1
    assert sent.count("AT+UPSV?<CR>") == 1
    dut.ensure(back)


@procedure(title="&W, Z and &F: the profile of a port", series=("LARA-R6",))
def test_profile(dut: Dut, record: Recorder) -> None:
    """&W stores what is the port's own, Z brings it back, &F gives the factory's; stored settings are none
    of theirs."""
    def shown(name: str) -> str:
        lines = " ".join(dut.send("AT&V").info)
        return next((word for word in lines.split() if word.startswith(name)), "")

    before = shown("&D")
    record.note(f"the profile holds {before}")
    wanted = "&D2" if before != "&D2" else "&D1"
    power = dut.send("AT+UPSV?").info
    try:
        dut.send(f"AT{wanted}")
        assert dut.send("AT&W").ok
        dut.send("AT&F")
        dut.settle()
        assert shown("&D") == "&D1", "&F gives the factory's value (module facts 3)"
        dut.send("ATZ")
        dut.settle()
        assert shown("&D") == wanted, "Z gives what &W stored"
        assert dut.send("AT+UPSV?").info == power, "+UPSV stores itself and is no part of a profile"
    finally:
        dut.send(f"AT{before}")
        dut.send("AT&W")


@procedure("R8:6.1", title="&W and Z are taken, though settings store themselves", series=BOTH)
def test_profile_commands_are_taken(dut: Dut) -> None:
    """A host made for another series sends them; the answer is OK and no stored setting changes."""
    before = dut.send("AT+UPSV?").info
    for line in ("AT&W", "AT&W0", "ATZ", "ATZ0", "AT&F", "AT&F0"):
        assert dut.send(line).ok, line
        dut.settle()
    assert dut.send("AT+UPSV?").info == before
