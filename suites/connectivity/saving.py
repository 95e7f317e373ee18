"""What the procedures of power saving share: lines, current and USB of a module that sleeps and wakes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from cellbench.api import (
    CellbenchError,
    CurrentProfile,
    CurrentWatch,
    Dut,
    NotPossible,
    ProductLimits,
    Recorder,
    StateCurrent,
    UnitError,
    UsbRest,
)

FRAME_S = 0.004615  # <Timeout> of +UPSV counts GSM frames (ubxlib: 1300 are 6 s)
WAKE_S = 0.02  # from a line on to the first character (ubxlib u_cell_pwr.h)
_RELEASE_S = 75.0  # the network releases a radio connection 5 to 60 s after the last data
_CONNECTED_A = 0.12  # with a radio connection 0.2 A and more, without one 27 mA (LARA-R6 data sheet)
_WINDOW_S = 0.3
_GIVE_UP_S = 10.0


class Saving:
    """One module, registered, on its UART; USB may be suspended. Made by :func:`saving_on`."""

    def __init__(self, dut: Dut, record: Recorder, limits: ProductLimits, rest: UsbRest | None) -> None:
        self.dut = dut
        self.record = record
        self.limits = limits
        self.rest = rest

    @property
    def modes(self) -> tuple[int, ...]:
        """+UPSV modes of the series."""
        return tuple(self.dut.profile.facts["upsv_modes"].value)

    @property
    def data_mode(self) -> int:
        """The mode in which data wakes the module."""
        return int(self.dut.profile.facts["upsv_timeout_modes"].value[0])

    @contextmanager
    def watch(self) -> Iterator[CurrentWatch]:
        """The current while the block goes on; its course is recorded however the block ends."""
        with CurrentWatch(self.dut.slot) as watch:
            try:
                yield watch
            finally:
                with suppress(CellbenchError):  # what ended the sampling is told by whoever waits for it
                    seen = watch.profile()
                    self.record.series("supply current", "A", seen.times, seen.amperes, marks=seen.marks)

    def line(self, name: str, on: bool) -> None:
        """Drive DTR or RTS."""
        self.dut.at.set_line(name, on)

    def awake(self, watch: CurrentWatch, name: str = "awake, +UPSV: 0") -> float:
        """Wait for the end of the radio connection; the mean of an awake module, in ampere."""
        watch.mark("settling")
        if watch.wait_mean(_WINDOW_S, below_a=_CONNECTED_A, at_most_s=_RELEASE_S) is None:
            raise UnitError(f"the module still takes {_CONNECTED_A:g} A after {_RELEASE_S:g} s: its radio "
                            "connection is not released")
        watch.mark(name)
        return watch.mean_of(0.4)

    def falls_asleep(self, watch: CurrentWatch, awake_a: float, name: str, at_most_s: float = 30.0) -> float:
        """Wait until the current is below half of an awake module's; since when, in seconds."""
        since = watch.wait_mean(_WINDOW_S, below_a=awake_a / 2, at_most_s=at_most_s)
        if since is None:
            end = watch.now_s
            mean = watch.profile().mean_a(end - 1.0, end)
            raise UnitError(f"the module does not sleep: {mean * 1000:.3g} mA after {at_most_s:g} s; awake "
                            f"it takes {awake_a * 1000:.3g} mA")
        since = watch.profile().falls_below(awake_a / 2, since)
        watch.mark_at(since, name)
        return since

    def stays_awake(self, watch: CurrentWatch, awake_a: float, name: str, seconds: float) -> None:
        """Watch for some seconds; AssertionError when the current falls below half of an awake module's."""
        watch.mark(name)
        mean = watch.mean_of(seconds)
        assert mean > awake_a / 2, f"{name}: the module sleeps, {mean * 1000:.3g} mA"

    def hears(self, data: bytes, seconds: float = 0.15) -> bytes:
        """Bytes to the module, and what comes back within a moment."""
        raw = self.dut.raw()
        raw.write(data)
        return raw.listen(seconds)

    def cts(self) -> str:
        """CTS in words."""
        return "on" if self.dut.at.lines()["cts"] else "off"

    def answers(self, began: float, wait_s: float) -> tuple[float, int]:
        """Seconds from ``began`` (monotonic) to the first OK, and how many AT it took; the first one goes
        ``wait_s`` from now."""
        self.dut.at.wait_until(lambda: False, wait_s)
        tries = 1
        while self.dut.at.silent(0.3):
            if time.monotonic() - began > _GIVE_UP_S:
                raise UnitError(f"the module does not answer {_GIVE_UP_S:g} s after it was woken")
            tries += 1
        return time.monotonic() - began, tries

    def wakes_by(self, line: str) -> None:
        """The line goes on, 20 ms later AT; the time is judged."""
        began = time.monotonic()
        self.line(line, True)
        took, tries = self.answers(began, WAKE_S)
        self.record.judge(self.limits, "wake_line_time", took)
        self.record.measure(f"AT until the answer, 20 ms after {line.upper()} on", tries)

    def report(self, profile: CurrentProfile, awake: str, asleep: str) -> StateCurrent:
        """Judge both states; the figures of the sleep."""
        self.record.judge(self.limits, "active_current", profile.state(awake).mean_a * 1000)
        found = profile.state(asleep)
        self.record.judge(self.limits, "idle_current", found.mean_a * 1000)
        self.record.measure("time asleep", found.seconds, "s")
        self.record.measure("peak current asleep", found.peak_a, "A")
        return found


@contextmanager
def saving_on(dut: Dut, record: Recorder, limits: ProductLimits) -> Iterator[Saving]:
    """The module awake with +UPSV: 0 and nothing of ours open on USB; afterwards as it was."""
    if "uart" not in dut.slot.roles():
        raise NotPossible(f"slot {dut.slot.name} has no UART", remedy="name it under ports.uart")
    flow = _shown(dut, "&K")
    with ExitStack() as stack:
        rest = None
        if dut.slot.model.ports.usb is not None:
            for role in tuple(dut.slot.channels):
                if role.startswith("at"):
                    dut.slot.ports.drop(role)
            rest = stack.enter_context(UsbRest(dut.slot))
            rest.allow()
        dut.ensure("AT+UPSV=0")
        try:
            yield Saving(dut, record, limits, rest)
        finally:
            dut.at.set_line("dtr", True)
            dut.at.set_line("rts", True)
            dut.at.wait_until(lambda: False, 0.1)
            dut.at.sync(_GIVE_UP_S)
            dut.ensure("AT+UPSV=0")
            if flow and _shown(dut, "&K") != flow:
                dut.send(f"AT{flow}")


def _shown(dut: Dut, name: str) -> str:
    """A setting as AT&V lists it (``&K3``), "" when it does not."""
    answer = dut.send("AT&V", check=False)
    words = " ".join(answer.info).replace(",", " ").split()
    return next((word for word in words if word.startswith(name) and word[len(name):].isdigit()), "")
