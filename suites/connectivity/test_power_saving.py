"""Power saving by +UPSV: LENA-R8 guide 5.6; LARA-R6 by its manuals."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cellbench.api import (
    Dut,
    Limit,
    NotPossible,
    OperatorError,
    ProductLimits,
    Recorder,
    Run,
    limits_for,
    procedure,
)

from .saving import FRAME_S, Saving, saving_on

BOTH = ("LENA-R8", "LARA-R6")
AWAKE = "awake, +UPSV: 0"
FRAMES = 260  # 1.2 s
WATCHED = ("measure-current", "uart")
GPIO3 = 24
_RATE_HZ = 40.0  # below it a wake-up of some ten milliseconds passes unseen


@pytest.fixture
def saving(registered: Dut, record: Recorder, run: Run, slot_name: str) -> Iterator[Saving]:
    """The module registered, awake, with USB free to rest; put back afterwards. Without limits for the
    product its currents are recorded and not judged."""
    try:
        limits = limits_for(run, slot_name)
    except OperatorError:
        limits = ProductLimits("", 1, Path(), "", {})
    with saving_on(registered, record, limits) as found:
        yield found


@procedure("R8:5.6", title="+UPSV takes the modes of the series and no other", series=BOTH)
def test_modes(saving: Saving, record: Recorder) -> None:
    """Each mode is read back; a mode of the other series, a mode that nobody has and a missing one are
    refused and change nothing."""
    dut = saving.dut
    dut.send("AT&K0")  # the mode of RTS does not go with hardware flow control (a sibling's manual)
    for mode in saving.modes:
        dut.ensure(f"AT+UPSV={mode}")
        held = dut.send("AT+UPSV?").value("+UPSV")
        assert held[0] == mode
        if mode == saving.data_mode and len(held) > 1:
            record.measure("<Timeout> left out", float(str(held[1])), "")
    held = dut.send("AT+UPSV?").value("+UPSV")
    other = ({1, 2, 3} - set(saving.modes)).pop()
    for line in (f"AT+UPSV={other}", "AT+UPSV=9", "AT+UPSV=-1", "AT+UPSV="):
        assert not dut.send(line, check=False).ok, line
    assert dut.send("AT+UPSV?").value("+UPSV") == held
    shortest = dut.send(f"AT+UPSV={saving.data_mode},1", check=False)
    record.note(f"<Timeout> of 1 frame: {shortest.final.text}")


@procedure("R8:5.6", title="Power saving outlives a reboot, with its time-out", series=BOTH)
def test_kept(saving: Saving) -> None:
    """A host finds the module as it left it."""
    dut = saving.dut
    dut.ensure(f"AT+UPSV={saving.data_mode},1300")
    dut.reboot()
    assert dut.send("AT+UPSV?").value("+UPSV") == (saving.data_mode, 1300)


@procedure("R8:5.6.2", title="+UPSV: 0: the module never sleeps, whatever DTR is", series=BOTH,
           needs=(*WATCHED, "drive-dtr"))
def test_disabled(saving: Saving, record: Recorder) -> None:
    """The UART is always enabled."""
    with saving.watch() as watch:
        awake = saving.awake(watch)
        saving.line("dtr", False)
        saving.stays_awake(watch, awake, "DTR off", 0.7)
        assert saving.dut.send("AT").ok
    record.judge(saving.limits, "active_current", watch.profile().state(AWAKE).mean_a * 1000)


def _by_line(saving: Saving, line: str, mode: int) -> None:
    """Awake with the line on, asleep with it off, awake again."""
    record, name = saving.record, line.upper()
    with saving.watch() as watch:
        awake = saving.awake(watch)
        saving.dut.ensure(f"AT+UPSV={mode}")
        saving.stays_awake(watch, awake, f"+UPSV: {mode}, {name} on", 0.3)
        watch.mark(f"{name} off")
        saving.line(line, False)
        saving.falls_asleep(watch, awake, f"asleep by {name}")
        watch.hold(0.8)
        heard = saving.hears(b"AT\r")
        record.note(f"CTS is {saving.cts()} while the module sleeps by {name}")
        record.note(f"AT with {name} off is " + ("answered" if b"OK" in heard else "not answered"))
        watch.hold(0.2)
        watch.mark(f"{name} on")
        saving.wakes_by(line)
        saving.stays_awake(watch, awake, "awake again", 0.4)
    saving.report(watch.profile(), AWAKE, f"asleep by {name}")


@procedure("R8:5.6.2", title="+UPSV: 3: DTR off lets the module sleep, DTR on wakes it", series=BOTH,
           needs=(*WATCHED, "drive-dtr"))
def test_by_dtr(saving: Saving) -> None:
    """Seen by the current and by the UART; the wake-up is timed."""
    _by_line(saving, "dtr", 3)


@procedure("R8:5.6.2", title="+UPSV: 2: RTS off lets the module sleep, RTS on wakes it",
           needs=(*WATCHED, "drive-rts"))
def test_by_rts(saving: Saving, record: Recorder) -> None:
    """Flow control by RTS is switched off for it: the line cannot mean both."""
    dut = saving.dut
    dut.send("AT&K3")
    refused = dut.send("AT+UPSV=2", check=False)
    record.note(f"+UPSV=2 with &K3 in force: {refused.final.text}")
    dut.send("AT&K0")
    dut.ensure("AT+UPSV=0")
    _by_line(saving, "rts", 2)


@procedure("R8:5.6.2", title="Sleep by data: the time-out after the last character, and waking by one",
           series=BOTH, needs=WATCHED)
def test_by_data(saving: Saving, record: Recorder) -> None:
    """+UPSV: 4 of LENA-R8, 1 of LARA-R6: active until <Timeout> has passed, idle, woken by what is sent."""
    dut, timeout = saving.dut, FRAMES * FRAME_S
    with saving.watch() as watch:
        awake = saving.awake(watch)
        dut.ensure(f"AT+UPSV={saving.data_mode},{FRAMES}")
        assert dut.send("AT").ok
        last = watch.mark("active after data")
        began = saving.falls_asleep(watch, awake, "asleep")
        watch.hold(1.0)
        woken = time.monotonic()
        watch.mark("woken by data")
        heard = saving.hears(b"AT\r", 0.1)
        took, tries = saving.answers(woken, 0.0)
        saving.stays_awake(watch, awake, "active again", timeout / 2)
    answered = "answered" if b"OK" in heard else f"not answered, {heard!r} comes back"
    record.note(f"AT to the sleeping module is {answered}")
    saving.report(watch.profile(), AWAKE, "asleep")
    record.judge(saving.limits, "wake_data_time", took)
    record.measure("AT until the answer, after the waking one", tries)
    record.measure("active after the last character", began - last, "s", Limit(
        low=timeout * 0.7, high=timeout + 2.0,
        source=f"LENA-R8 guide 5.6.2: until <Timeout>, here {timeout:.2f} s, and soon afterwards"))


@procedure("R8:5.6", title="Asleep and registered: wake-ups for paging interleave", series=BOTH,
           depends_on=("network",), needs=(*WATCHED, "drive-dtr"))
def test_paging(saving: Saving, record: Recorder) -> None:
    """Between them the current is at its floor; how often is the network's matter (DRX)."""
    with saving.watch() as watch:
        awake = saving.awake(watch)
        saving.dut.ensure("AT+UPSV=3")
        saving.line("dtr", False)
        began = saving.falls_asleep(watch, awake, "asleep, paged")
        rises: tuple[float, ...] = ()
        while len(rises) < 3 and watch.now_s - began < 30.0:
            end = watch.hold(0.5)
            floor = statistics.median(watch.profile().between(began, end))
            rises = watch.profile().wake_ups(began, end, 2 * floor)
    found = saving.report(watch.profile(), AWAKE, "asleep, paged")
    rate = found.samples / found.seconds
    if len(rises) < 2 and rate < _RATE_HZ:
        raise NotPossible(f"the supply gives {rate:.0f} samples a second: too few to see a wake-up",
                          remedy="take a supply with a faster meter or a fast current log")
    record.measure("current between the wake-ups", floor, "A")
    record.measure("wake-ups seen", len(rises), "", Limit(low=2, source="LENA-R8 guide 5.6: interleaved"))
    record.measure("time between wake-ups", statistics.median(
        later - earlier for earlier, later in itertools.pairwise(rises)), "s")


@procedure("R8:5.6.1", title="USB suspends and resumes whatever +UPSV is; resumed it keeps the module awake",
           series=BOTH, depends_on=("network",), needs=(*WATCHED, "usb", "drive-dtr"))
def test_usb(saving: Saving, record: Recorder) -> None:
    """With USB resumed the module does not sleep; suspended it does; the host wakes it by sending, and it
    wakes the host with a URC."""
    dut, rest = saving.dut, saving.rest
    assert rest is not None
    usb = dut.port("at0")
    assert usb.send("AT").ok
    assert rest.suspends(15.0), "USB is not suspended with +UPSV: 0"
    taken = usb.send("AT+UPSV=3", check=False)
    record.note(f"+UPSV on a USB port: {taken.final.text}")
    with saving.watch() as watch:
        awake = saving.awake(watch)
        dut.ensure("AT+UPSV=3")
        rest.forbid()
        assert rest.resumes(15.0), "USB is not resumed"
        saving.line("dtr", False)
        saving.stays_awake(watch, awake, "USB resumed, DTR off", 0.8)
        rest.allow()
        assert rest.suspends(15.0), "USB is not suspended with +UPSV: 3"
        saving.falls_asleep(watch, awake, "USB suspended, DTR off")
        watch.hold(0.5)
        watch.mark("woken by USB")
        assert usb.send("AT").ok
        watch.hold(0.2)
        saving.line("dtr", True)
    saving.report(watch.profile(), AWAKE, "USB suspended, DTR off")
    usb.send("AT+CEREG=1")
    assert rest.suspends(15.0)
    dut.spend_attach("remote wake-up")
    with usb.expect("+CEREG") as told:
        dut.at.wait_until(lambda: False, 0.05)
        dut.send("AT+COPS=2")
        told.wait(30.0)
    record.note("a URC resumed the suspended USB")
    dut.send("AT+COPS=0")
    dut.register()
    usb.send("AT+CEREG=0")


@procedure("R8:5.6.2", title="What waits behind RTS keeps the module awake until it is fetched", series=BOTH,
           needs=(*WATCHED, "drive-dtr", "drive-rts"))
def test_held_output(saving: Saving, record: Recorder) -> None:
    """An answer that RTS holds back comes when RTS is on again; the sleep waits for it (LARA-R6 application
    note)."""
    dut = saving.dut
    dut.send("AT&K3")
    with saving.watch() as watch:
        awake = saving.awake(watch)
        dut.ensure("AT+UPSV=3")
        saving.line("rts", False)
        assert saving.hears(b"AT\r") == b"", "RTS is off"
        saving.line("dtr", False)
        watch.mark("RTS and DTR off, an answer waits")
        mean = watch.mean_of(0.6)
        record.note(f"with an answer waiting the module takes {mean * 1000:.3g} mA")
        if "rts_off_holds_urcs" in dut.profile.quirks:
            assert mean > awake / 2, "the module sleeps on what it has to say"
        raw = dut.raw()
        marked = raw.transcript.mark()
        watch.mark("RTS on")
        saving.line("rts", True)
        assert dut.at.wait_until(lambda: b"OK" in raw.heard_since(marked), 5.0), "the answer is lost"
        saving.falls_asleep(watch, awake, "asleep")
        watch.hold(0.4)
    saving.report(watch.profile(), AWAKE, "asleep")


@procedure("R8:13.1", title="+UPSV: 2 and general purpose use of GPIO3 exclude each other", needs=("uart",))
def test_gpio3(saving: Saving, record: Recorder) -> None:
    """Whichever comes second is refused."""
    dut = saving.dut
    before = next((line for line in dut.send("AT+UGPIOC?").info if line.startswith(f"{GPIO3},")), "")
    function = before.partition(",")[2] or "255"
    dut.send("AT&K0")
    try:
        dut.ensure(f"AT+UGPIOC={GPIO3},0")
        assert not dut.send("AT+UPSV=2", check=False).ok, "+UPSV=2 is taken while GPIO3 is an output"
        dut.ensure(f"AT+UGPIOC={GPIO3},255")
        dut.ensure("AT+UPSV=2")
        second = dut.send(f"AT+UGPIOC={GPIO3},0", check=False)
        record.note(f"GPIO3 as an output while +UPSV is 2: {second.final.text}")
        assert not second.ok or dut.send("AT+UPSV?").value("+UPSV")[0] != 2, "both at the same time"
    finally:
        dut.ensure("AT+UPSV=0")
        dut.ensure(f"AT+UGPIOC={GPIO3},{function}")
