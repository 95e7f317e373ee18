"""Bar: every channel of the multiplexer with random data both ways at once, byte for byte; and on a bad line.

A rack runs as a program with a module of each series; the host drives its UART. On each AT channel a socket's
direct link (+USODL) carries random bytes to the echo server and back, all at once, and the control channel
carries as many in test commands: on LENA-R8 that makes four channels (1 to 3 and 0), on LARA-R6 three (1, 2
and 0; its channel 3 is for NMEA sentences alone).

The bad line: one byte in a hundred is damaged, both ways, while all of it runs. A UIH frame's check sequence
covers its header alone, so that damaged information arrives damaged, as 27.010 has it: what counts is that
lost frames are reported, that no call waits beyond its time-out, and that on a good line, after recover(),
every channel carries its bytes without a mistake again.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cellbench.base.errors import CellbenchError
from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.datamode import DataMode
from cellbench.host.mux import Mux, Recovery
from cellbench.host.mux_line import MuxSilent
from cellbench.host.mux_settings import MuxParameters
from cellbench.host.transcript import Transcript
from cellbench.io.ports import open_pipe

SUBJECT = "connectivity"
BAR = ("CMUX: every channel (LENA-R8: 1 to 3 and the control channel, LARA-R6: 1, 2 and the control channel) "
       "with 1 MB of random data each way at once, byte for byte; with 1 % of the bytes on the wire damaged "
       "lost frames are reported, nothing hangs, and recovery follows.")

MEGABYTE = 1_048_576
NOISE = 0.01
ECHO = ("echo.u-blox.com", 7)
PIECE = 2048
WINDOW = 16_384
"""Bytes that are on their way at most: the echo server's and the module's buffers are not endless."""
PATTERN = 1000
"""Bytes in one test command at most; it has to be whole in a frame."""
STALL_S = 30.0
HASTY = MuxParameters(n1=127, t1=30, n2=3, t2=30)
CALL_S = 30.0
"""No single call on the bad line may take longer: its own time-outs are far below."""


class Wrong(Exception):
    """Not as the bar wants it."""


@dataclass(slots=True)
class Bench:
    """A module's UART, and the rack's control."""

    channel: Channel
    directory: Path
    slot: str

    def ctl(self, *words: str) -> str:
        """A control verb of the rack."""
        command = [sys.executable, "-m", "cellbench", "virtual", "ctl", "--dir", str(self.directory),
                   "--slot", self.slot, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@contextmanager
def benches(series: Sequence[Series] = tuple(Series)) -> Iterator[dict[Series, Bench]]:
    """A rack of its own process, its modules on and registered."""
    with tempfile.TemporaryDirectory(prefix="cellbench-mux-") as folder:
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", folder, "--powered"]
        for one in series:
            command += ["--slot", f"{one.value.lower()}={one.value}"]
        rack = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        opened: dict[Series, Bench] = {}
        try:
            assert rack.stdout is not None
            slots = {slot["series"]: slot for slot in json.loads(rack.stdout.readline())["slots"]}
            for one in series:
                slot = slots[one.value]
                opened[one] = Bench(uart_of(one, slot["uart"]), Path(folder), slot["name"])
            yield opened
        finally:
            for bench in opened.values():
                bench.channel.stop()
            rack.terminate()
            rack.communicate(timeout=30)


def uart_of(series: Series, url: str) -> Channel:
    """The UART of a module with an active context."""
    channel = Channel(open_pipe(url), profile_for(series), trace=Transcript(), name=series.value)
    channel.start()
    channel.sync(30.0)
    channel.send("AT+CMEE=2")
    until = time.monotonic() + 60.0
    while not {1, 5} & set(channel.send("AT+CEREG?").value("+CEREG")[:2]):
        if time.monotonic() > until:
            raise Wrong(f"{series.value} does not register")
        channel.wait_until(lambda: False, 0.1)
    channel.send('AT+CGDCONT=1,"IP","internet.wind.biz"', check=False)
    channel.send("AT+CGACT=1,1", check=False)
    return channel


# -- links -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Flow:
    """What went over one channel, both ways."""

    name: str
    sent: int = 0
    received: bytearray = field(default_factory=bytearray)
    longest_s: float = 0.0
    wrong: str = ""

    def timed(self, call: Callable[[], object]) -> object:
        """A call, and how long it took."""
        began = time.monotonic()
        try:
            return call()
        finally:
            self.longest_s = max(self.longest_s, time.monotonic() - began)


@contextmanager
def links(mux: Mux) -> Iterator[dict[int, DataMode]]:
    """Every channel in data mode, each on a socket of its own connected to the echo server."""
    first = mux.channel(1)
    for number in range(first.profile.sockets.value):
        first.send(f"AT+USOCL={number}", check=False)
    opened: dict[int, DataMode] = {}
    sockets = []
    for _ in mux.channels:
        number = int(first.send("AT+USOCR=6").value("+USOCR")[0])
        first.send(f'AT+USOCO={number},"{ECHO[0]}",{ECHO[1]}')
        sockets.append(number)
    for channel, number in zip(mux.channels, sockets, strict=True):
        mux.channel(channel).send("AT&D1")
        opened[channel] = mux.channel(channel).open_data(f"AT+USODL={number}")
    yield opened
    for channel, link in opened.items():
        one = mux.channel(channel)
        if link.active:
            link.escape_by(lambda one=one: one.set_line("dtr", False))  # type: ignore[misc]
        one.set_line("dtr", True)
    for number in sockets:
        first.send(f"AT+USOCL={number}", check=False)


def carry(link: DataMode, data: bytes, flow: Flow) -> None:
    """Send all of it, read as much; never more than the window on its way."""
    while len(flow.received) < len(data):
        if flow.sent < len(data) and flow.sent - len(flow.received) < WINDOW:
            piece = data[flow.sent:flow.sent + PIECE]
            link.write(piece, STALL_S)
            flow.sent += len(piece)
            flow.received += link.read(65536, 0)
            continue
        more = link.read(65536, STALL_S)
        if not more:
            raise Wrong(f"stands still after {len(flow.received):,} of {len(data):,} bytes")
        flow.received += more
    if flow.received != data:
        raise Wrong("bytes differ")


def carry_control(mux: Mux, size: int, flow: Flow) -> None:
    """The same by test commands on the control channel, until ``size`` bytes have come back."""
    most = min(PATTERN, mux.parameters.n1 - 8)
    while len(flow.received) < size:
        pattern = secrets.token_bytes(min(most, size - len(flow.received)))
        mux.test(pattern)
        flow.sent += len(pattern)
        flow.received += pattern


def all_at_once(works: Mapping[str, Callable[[Flow], None]]) -> list[Flow]:
    """Each work in its own thread; what went wrong stands in its flow."""
    flows = [Flow(name) for name in works]

    def run(flow: Flow) -> None:
        try:
            works[flow.name](flow)
        except (Wrong, CellbenchError) as error:
            flow.wrong = f"{type(error).__name__}: {error}"

    threads = [threading.Thread(target=run, args=(flow,)) for flow in flows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return flows


def exchange(mux: Mux, size: int) -> list[Flow]:
    """``size`` random bytes each way on every channel at once, the control channel among them."""
    with links(mux) as opened:
        works = {f"channel {number}": partial(carry, link, secrets.token_bytes(size))
                 for number, link in opened.items()}
        works["channel 0"] = partial(carry_control, mux, size)
        return all_at_once(works)


# -- the bad line ------------------------------------------------------------------------------------


def pour(link: DataMode, size: int, flow: Flow) -> None:
    """Send that much and read what comes, whatever it is."""
    while flow.sent < size:
        flow.timed(lambda: link.write(secrets.token_bytes(500), 5.0))
        flow.sent += 500
        flow.received += link.read(65536, 0.002)


def pour_control(mux: Mux, running: threading.Event, flow: Flow) -> None:
    """Test commands that may fail, each within its time-out."""
    while running.is_set():
        try:
            flow.timed(lambda: mux.test(secrets.token_bytes(20)))
            flow.received += b"."
        except CellbenchError:
            flow.sent += 1


def bad_line(bench: Bench, size: int, clean: int) -> dict[str, object]:
    """Everything at once on a bad line; then a good one, recovery, and an exchange without a mistake."""
    with Mux(bench.channel, parameters=HASTY) as mux:
        running = threading.Event()
        running.set()
        try:
            with links(mux) as opened:
                bench.ctl("uart", f"noise={NOISE}")
                try:
                    works = {f"channel {number}": partial(pour, link, size)
                             for number, link in opened.items()}
                    works["channel 0"] = partial(pour_control, mux, running)
                    stopper = threading.Timer(size / 50_000, running.clear)
                    stopper.start()
                    flows = all_at_once(works)
                finally:
                    bench.ctl("uart", "noise=0")
        except CellbenchError as error:
            print(f"leaving data mode: {error}", file=sys.stderr)
        count, told = mux.count, bench.ctl("report", "what=mux")
        began = time.monotonic()
        for channel in mux.channels.values():
            if channel.in_data_mode:
                reopen(channel)
        found = mux.recover()
        recovered_s = time.monotonic() - began
        after = exchange(mux, clean)
    return {"flows": flows, "count": count, "module": told, "found": found, "recovered_s": recovered_s,
            "after": after}


def reopen(channel: Channel) -> None:
    """The module may still be busy with the rubbish; HASTY gives it little time for each try."""
    until = time.monotonic() + STALL_S
    while True:
        try:
            channel.reopen()
            return
        except MuxSilent:
            if time.monotonic() > until:
                raise


# -- the bar -----------------------------------------------------------------------------------------


def rows_of_exchange(series: Series, bench: Bench, size: int) -> list[dict[str, object]]:
    """A row for each channel."""
    began = time.monotonic()
    with Mux(bench.channel) as mux:
        flows = exchange(mux, size)
        lost = mux.count.lost_frames
    took = time.monotonic() - began
    rows: list[dict[str, object]] = [
        {"what": f"{series.value} {flow.name}: {size:,} random bytes each way, all channels at once",
         "goal": "byte for byte", "figure": flow.wrong or "byte for byte", "met": not flow.wrong}
        for flow in flows]
    rows.append({"what": f"{series.value}: lost frames in it, on a good line", "goal": 0, "figure": lost,
                 "met": lost == 0, "seconds": round(took, 1)})
    return rows


def rows_of_bad_line(series: Series, bench: Bench, size: int, clean: int) -> list[dict[str, object]]:
    """What the bar asks of a bad line."""
    found = bad_line(bench, size, clean)
    flows, after, count = found["flows"], found["after"], found["count"]
    assert isinstance(flows, list)
    assert isinstance(after, list)
    longest = max(flow.longest_s for flow in flows)
    wrong = "; ".join(f"{flow.name}: {flow.wrong}" for flow in after if flow.wrong)
    lost = count.lost_frames  # type: ignore[attr-defined]
    recovery = found["found"]
    assert isinstance(recovery, Recovery)
    return [
        {"what": f"{series.value}: lost frames reported, {size:,} bytes on each channel with 1 % damaged",
         "goal": "> 0",
         "figure": lost, "met": lost > 0},
        {"what": f"{series.value}: longest call on the bad line, s", "goal": f"< {CALL_S:g}",
         "figure": round(longest, 2), "met": longest < CALL_S},
        {"what": f"{series.value}: afterwards, on a good line", "goal": "recovers, byte for byte",
         "figure": wrong or "recovers, byte for byte", "met": not wrong, "recovery": recovery.name,
         "recovered_s": found["recovered_s"]},
    ]


def main() -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    rows: list[dict[str, object]] = []
    with benches() as found:
        for series, bench in found.items():
            rows += rows_of_exchange(series, bench, MEGABYTE)
            rows += rows_of_bad_line(series, bench, MEGABYTE, 65_536)
    return rows


if __name__ == "__main__":
    for row in main():
        print("met   " if row["met"] else "MISSED", row)
