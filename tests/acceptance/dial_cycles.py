"""Bar: data calls over and over, ended in every way there is, with traffic in each.

A virtual rack of its own process with a module of each series; both are dialled at the same time. Each call
carries an echo request and random bytes through the echo server; then it is ended: by LCP, by +++ and ATH,
by the network, by the module's loss of power, or by a program that fails in the middle. At the end the host
and the rack hold as many file descriptors, and the host as many threads, as after a first call of each.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from cellbench.base.errors import CellbenchError, RigError
from cellbench.host.ppp import PppLink
from cellbench.host.ppp_model import EndKind, HangUp, PppDial, PppLost
from cellbench.io.pipe import PortLost

SUBJECT = "connectivity"
BAR = "100 data calls of each series, ended in every way: no leak, no wrong byte, each end told as it was"
SOAK = True

WAYS = {"lcp": 40, "program": 20, "network": 20, "ath": 10, "power": 10}
EXPECTED = {
    "lcp": (EndKind.HUNG_UP,), "ath": (EndKind.HUNG_UP,), "program": (EndKind.HUNG_UP,),
    "network": (EndKind.TERMINATED, EndKind.CARRIER_LOST),
    "power": (EndKind.PORT_LOST, EndKind.RESET, EndKind.CARRIER_LOST),
}
ECHO = "195.34.89.241"
CID, APNS = 2, {"r8": "internet.wind", "r6": "APN2"}
END_S = 60.0


@dataclass(slots=True)
class Tally:
    """What came of the calls of one module."""

    ways: Counter[str] = field(default_factory=Counter)
    octets: int = 0
    wrong_octets: int = 0
    wrong_ends: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


class Failing(Exception):
    """A program that fails in the middle of a call."""


def racks() -> ModuleType:
    """tests/host/rack.py as a module."""
    path = Path(__file__).resolve().parents[1] / "host" / "rack.py"
    spec = importlib.util.spec_from_file_location("cellbench_host_rack", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main(calls: int = 0, seed: int = 11) -> list[dict[str, object]]:
    """Rows: what, goal, figure, met."""
    calls = calls or int(os.environ.get("CELLBENCH_DIALS", "100"))
    with tempfile.TemporaryDirectory(prefix="cellbench-dial-") as folder:
        rack = racks().Rack(Path(folder))
        try:
            work(rack, 1, seed, ways={"lcp": 1})  # what a first call opens stays open
            before = held(rack)
            tallies = work(rack, calls, seed + 1)
            after = settled(rack, before)
        finally:
            rack.end()
    return rows(calls, tallies, before, after)


def work(rack: Any, calls: int, seed: int, ways: dict[str, int] | None = None) -> list[Tally]:
    """Calls on both modules at the same time."""
    names = tuple(APNS)
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: on_module(rack, name, calls, seed, ways or WAYS), names))


def on_module(rack: Any, name: str, calls: int, seed: int, ways: dict[str, int]) -> Tally:
    """Calls on one module, one after the other."""
    chance, tally = random.Random(f"{seed} {name}"), Tally()
    bag = [way for way, share in ways.items() for _ in range(max(1, share * calls // 100))]
    bag += ["lcp"] * (calls - len(bag))
    chance.shuffle(bag)
    while bag:
        with rack.module(name) as module:
            while bag:
                way = bag.pop()
                tally.ways[way] += 1
                try:
                    one_call(module, way, chance, tally)
                except CellbenchError as error:
                    tally.trouble.append(f"{name}, {way}: {type(error).__name__}: {error}")
                    break
                if way == "power":
                    break  # its port is opened anew
    return tally


def one_call(module: Any, way: str, chance: random.Random, tally: Tally) -> None:
    module.channel.send(f'AT+CGDCONT={CID},"IP","{APNS[module.name]}"')
    link = PppLink(module.channel, PppDial(CID))
    try:
        with link:
            traffic(link, chance.randbytes(chance.randrange(1, 20_000)), tally)
            end(module, link, way)
    except Failing:
        pass
    except (PppLost, PortLost):
        if way not in ("network", "power"):
            raise
    found = link.end
    if found is None or found.kind not in EXPECTED[way]:
        tally.wrong_ends.append(f"{module.name}, {way}: {found}")
    if way == "power":
        module.ctl("power", "state=on")
        appears(Path(module.channel.port_name))
    elif not module.channel.send("AT").ok:
        tally.trouble.append(f"{module.name}, {way}: no command mode afterwards")


def appears(node: Path) -> None:
    """Wait until the module shows its port again."""
    until = time.monotonic() + END_S
    while not node.exists():
        if time.monotonic() > until:
            raise RigError(f"{node} stays away")
        time.sleep(0.05)


def traffic(link: PppLink, data: bytes, tally: Tally) -> None:
    if not any(ping.answered for ping in link.ping(ECHO, 2)):
        tally.trouble.append("no echo reply")
    with link.tcp(ECHO, 7) as connection:
        giving = threading.Thread(target=connection.send, args=(data,))
        giving.start()
        got = connection.recv_exactly(len(data), END_S)
        giving.join()
    tally.octets += len(data)
    tally.wrong_octets += sum(ours != theirs for ours, theirs in zip(data, got, strict=True))


def end(module: Any, link: PppLink, way: str) -> None:
    match way:
        case "lcp":
            link.hang_up()
        case "ath":
            link.hang_up(HangUp.ATH)
        case "program":
            raise Failing
        case "network":
            module.ctl("network", f"deact={CID}")
            link.await_end(END_S)
        case "power":
            module.ctl("power", "state=off")
            link.await_end(END_S)


def held(rack: Any) -> dict[str, int]:
    """File descriptors of host and rack, threads of the host (the rack's pool of them grows on demand)."""
    return {
        "host's descriptors": len(os.listdir("/proc/self/fd")),
        "host's threads": threading.active_count(),
        "rack's descriptors": len(os.listdir(f"/proc/{rack.process.pid}/fd")),
    }


def settled(rack: Any, before: dict[str, int]) -> dict[str, int]:
    """What is held when nothing is more than before, or at last: the far end of a connection closes later."""
    until = time.monotonic() + END_S
    while True:
        now = held(rack)
        if time.monotonic() > until or not any(now[what] > before[what] for what in before):
            return now
        time.sleep(0.1)


def rows(calls: int, tallies: list[Tally], before: dict[str, int], after: dict[str, int]
         ) -> list[dict[str, object]]:
    ways: Counter[str] = sum((tally.ways for tally in tallies), Counter())
    octets = sum(tally.octets for tally in tallies)
    wrong = sum(tally.wrong_octets for tally in tallies)
    ends = [text for tally in tallies for text in tally.wrong_ends]
    trouble = [text for tally in tallies for text in tally.trouble]
    grown = [f"{what}: {before[what]} to {count}" for what, count in after.items() if count > before[what]]
    shown = ", ".join(f"{count} by {way}" for way, count in sorted(ways.items()))
    return [
        {"what": "data calls that were ended", "goal": f"at least {2 * calls}",
         "figure": f"{ways.total()}: {shown}", "met": ways.total() >= 2 * calls},
        {"what": "bytes that came back wrong", "goal": "0", "figure": f"{wrong} of {octets}",
         "met": wrong == 0 and octets > 0},
        {"what": "ends reported as something else", "goal": "0",
         "figure": "; ".join([str(len(ends)), *ends[:3]]), "met": not ends},
        {"what": "errors on the way", "goal": "0", "figure": "; ".join([str(len(trouble)), *trouble[:3]]),
         "met": not trouble},
        {"what": "descriptors and threads more than before", "goal": "0",
         "figure": "; ".join(grown) or "0", "met": not grown},
    ]


if __name__ == "__main__":
    for row in main():
        print(row)
