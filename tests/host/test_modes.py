"""Data mode, online command mode and several ports over the wire: virtual modules of both series at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from cellbench.host.channel import Channel
from cellbench.host.errors import NoCarrier
from cellbench.host.transcript import Transcript
from cellbench.host.urcview import UrcView
from cellbench.io.serial_port import SerialPort

from .rack import SLOTS, Module, Rack

WAIT_S = 20.0


@pytest.fixture(scope="module")
def modules(rack: Rack) -> Iterator[dict[str, Module]]:
    with contextlib.ExitStack() as held:
        yield {name: held.enter_context(rack.module(name)) for name in SLOTS}


def at_once(modules: dict[str, Module], work: Callable[[Module], None]) -> None:
    """On both; the first failure is raised."""
    with ThreadPoolExecutor(len(modules)) as pool:
        for job in [pool.submit(partial(work, module)) for module in modules.values()]:
            job.result()


def swapped(module: Module) -> None:
    """LENA-R8 guide Table 13 on the bytes: the escape too early, the escape, ATO, the escape, ATH."""
    channel = module.channel
    channel.send("AT+CVHU=0")
    with channel.open_data("ATD*99***1#") as data:
        data.read_exactly(1, WAIT_S)  # the module's PPP speaks first
        data.write(b"x+++")
        channel.wait_until(lambda: False, 0.8)
        assert b"OK" not in data.read(10_000, 0.0)
        assert channel.call_held
        assert data.escape().final.text == "OK"
    for _ in range(2):
        assert channel.send("AT+GMI").text == "u-blox"
        assert channel.call_held
    with channel.open_data("ATO") as data:
        assert data.text.startswith("CONNECT")
    assert channel.send("ATH").ok
    assert not channel.call_held
    with pytest.raises(NoCarrier):
        channel.send("ATO")
    assert channel.send("AT+CSQ").ok


def test_the_escape_and_the_way_back(modules: dict[str, Module]) -> None:
    at_once(modules, swapped)


def test_the_carrier_goes_in_online_command_mode(modules: dict[str, Module]) -> None:
    def lost(module: Module) -> None:
        channel = module.channel
        channel.send('AT+CGDCONT=2,"IP","APN2"')
        channel.open_data("ATD*99***2#").escape()
        with channel.expect("NO CARRIER") as gone:
            module.ctl("network", "deact=2")
            gone.wait(WAIT_S)
        assert not channel.call_held
        assert channel.send("AT").ok

    at_once(modules, lost)


def test_urcs_of_two_ports_behind_a_long_command(modules: dict[str, Module], rack: Rack) -> None:
    """A command goes on on one port; what is told meanwhile comes late there, and is one event."""
    module = modules["r6"]
    module.ctl("network", "tz=+04", "dst=0")
    other = Channel(SerialPort(rack.others["r6"]), module.channel.profile, trace=Transcript(), name="second")
    other.start()
    try:
        other.sync(WAIT_S)
        ports = {"r6": module.channel, "second": other}
        for port in ports.values():
            port.send("AT+CTZR=1")
        with UrcView(ports) as view, view.expect("+CTZV") as change, ThreadPoolExecutor(1) as pool:
            module.ctl("slow", "state=on", "ms=700")
            long = pool.submit(module.channel.send, "AT+GMI")
            for zone in ("+12", "+08", "+12"):
                module.ctl("network", f"tz={zone}", "dst=0")
            told = [change.wait(WAIT_S) for _ in range(3)]
            assert long.result().ok
            assert view.wait_until(lambda: all(len(view.copies(one)) == 2 for one in told), WAIT_S)
            assert change.heard == ()
            assert [one.text for one in view.urcs.since(0)].count(told[0].text) == 2
    finally:
        module.ctl("slow", "state=off")
        module.channel.send("AT+CTZR=0")
        other.stop()
