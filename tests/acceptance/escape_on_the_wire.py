"""Bar: +++ over a real UART (RFC 2217) and a real USB port (PTY), with true waits, as on the virtual clock.

Direct links to the echo server on all four ports at once; random pieces with random pauses. What comes back
is what the module took for data, the answer says whether it left data mode. The pauses that count are those
that really passed: a sequence with one too near to a limit of the guides is not judged.
"""

from __future__ import annotations

import json
import random
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from cellbench.catalogue.model import Series
from cellbench.catalogue.modules import profile_for
from cellbench.host.channel import Channel
from cellbench.host.sockets import Sockets
from cellbench.host.transcript import Transcript
from cellbench.io.pipe import Pipe
from cellbench.io.rfc2217 import Rfc2217Port
from cellbench.io.serial_port import SerialPort

SUBJECT = "connectivity"
BAR = "The escape sequence +++ over real ports with real waits: as the guides say, no byte lost or added."
ECHO = ("195.34.89.241", 7)
SEQUENCES = 6  # on each of the four ports
LIMITS_S, MARGIN_S = (0.5, 2.0), 0.15
PAUSES = (0.0, 0.2, 0.2, 0.9, 2.4, 2.4)
PIECES = (b"+", b"+++", b"+++", b"++", b"++++", b"data")
CONNECTED_S, SILENT_S = 60.0, 1.5
ENDED = b"\r\nDISCONNECT\r\n\r\nOK\r\n"
expected = runpy.run_path(str(Path(__file__).with_name("escape_sequence.py")))["expected"]


@contextmanager
def ports() -> Iterator[dict[str, Channel]]:
    """UART and USB of a module of each series, with an active context."""
    with tempfile.TemporaryDirectory(prefix="cellbench-escape-") as folder:
        command = [sys.executable, "-m", "cellbench", "virtual", "up", "--dir", folder, "--powered"]
        for one in Series:
            command += ["--slot", f"{one.value.lower()}={one.value}"]
        rack = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        opened: dict[str, Channel] = {}
        try:
            assert rack.stdout is not None
            for slot in json.loads(rack.stdout.readline())["slots"]:
                host, port = slot["uart"].removeprefix("rfc2217://").split(":")
                pipes: dict[str, Pipe] = {
                    "usb": SerialPort(slot["at"][0]), "uart": Rfc2217Port(host, int(port))}
                for kind, pipe in pipes.items():
                    name, profile = f"{slot['series']} {kind}", profile_for(Series(slot["series"]))
                    opened[name] = ready(Channel(pipe, profile, trace=Transcript(), name=name))
            yield opened
        finally:
            for channel in opened.values():
                channel.stop()
            rack.terminate()
            rack.communicate(timeout=30)


def ready(channel: Channel) -> Channel:
    """In step, registered, its context active."""
    channel.start()
    channel.sync(30.0)
    until = time.monotonic() + CONNECTED_S
    while not {1, 5} & set(channel.send("AT+CEREG?").value("+CEREG")[:2]):
        assert time.monotonic() < until, f"{channel.name} does not register"
        channel.wait_until(lambda: False, 0.1)
    if channel.profile.series is Series.LENA_R8:
        channel.send('AT+CGDCONT=1,"IP","internet.wind.biz"')
    channel.send("AT+CGACT=1,1")
    return channel


def played(channel: Channel, chance: random.Random) -> tuple[bool, bool, str]:
    """One sequence: whether it can be judged, whether it left data mode, and what was wrong with it."""
    pieces = [(chance.choice(PAUSES), chance.choice(PIECES)) for _ in range(chance.randint(1, 4))]
    with Sockets(channel).tcp() as connection:
        connection.connect(*ECHO)
        with channel.open_data(f"AT+USODL={connection.number}") as data:
            sent, last, got = [(0.0, b"begin")], time.monotonic(), b""
            data.write(b"begin")
            for pause, piece in pieces:
                got += listened(data, pause)
                if got.endswith(ENDED):
                    break
                data.write(piece)
                sent.append((time.monotonic() - last, piece))
                last = time.monotonic()
            got += listened(data, SILENT_S)
            if escaped := got.endswith(ENDED):
                data.close()
    near = any(abs(pause - limit) < MARGIN_S for pause, _ in sent for limit in LIMITS_S)
    seen, meant = (got.removesuffix(ENDED), escaped), expected(sent)
    return not near, escaped, "" if seen == meant else f"{channel.name}: {sent}: {seen}, not {meant}"


def listened(data, seconds: float) -> bytes:  # type: ignore[no-untyped-def]
    """What comes within a time, to its end."""
    got, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        got += data.read(4096, left)
    return got


def all_of(channel: Channel, seed: int) -> list[tuple[bool, bool, str]]:
    """The sequences of one port."""
    return [played(channel, random.Random(seed + number)) for number in range(SEQUENCES)]


def main() -> list[dict[str, object]]:
    """The figures."""
    with ports() as opened, ThreadPoolExecutor(len(opened)) as pool:
        jobs = [pool.submit(all_of, channel, 100 * number) for number, channel in enumerate(opened.values())]
        results = [result for job in jobs for result in job.result()]
    judged = [(escaped, wrong) for clear, escaped, wrong in results if clear]
    faults = [wrong for _, wrong in judged if wrong]
    for fault in faults:
        print(fault)
    left = sum(escaped for escaped, _ in judged)
    return [{"what": f"of {len(judged)} random sequences on UART and USB of both series, {left} leaving data "
                     "mode, taken otherwise than the guides say",
             "goal": 0, "figure": len(faults), "met": not faults},
            {"what": "sequences judged", "goal": f"at least {2 * SEQUENCES}", "figure": len(judged),
             "met": len(judged) >= 2 * SEQUENCES}]
