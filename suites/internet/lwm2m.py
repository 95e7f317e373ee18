"""What the procedures on LwM2M share: the client switched on and registered, what it and its server say."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cellbench.api import Dut, FarSide, Service, UnitError

Services = Mapping[str, Service]
SERVER = "lwm2m"
WAIT_S = 120.0
ON, OFF = 0, 1
NOT_REGISTERED, REGISTERED, FAILED = 0, 3, 4
FAR = ("far-side:report", "far-side:server")
DEPENDS = ("network", f"service:{SERVER}")


def registration(dut: Dut) -> tuple[int, int, int]:
    """AT+ULWM2MREG? of the first server: its number, the status, seconds left (0 where none are given)."""
    fields = dut.send("AT+ULWM2MREG?").value("+ULWM2MREG")
    return int(fields[0] or 0), int(fields[1] or 0), int(fields[2] or 0) if len(fields) > 2 else 0


def becomes(dut: Dut, status: int) -> tuple[int, int, int]:
    """Ask until the registration has this status."""
    until = time.monotonic() + WAIT_S
    while (found := registration(dut))[1] != status:
        if time.monotonic() > until:
            raise UnitError(f"+ULWM2MREG: status {found[1]}, {status} was waited for")
        dut.at.wait_until(lambda: False, 0.2)
    return found


def told(far_side: FarSide) -> Mapping[str, str]:
    """What the server says."""
    return far_side.report("server", name=SERVER)


def name_of(dut: Dut) -> str:
    """The name a client goes by (LwM2M 1.0, 6.2.1)."""
    return f"urn:imei:{dut.send('AT+CGSN').text}"


def switch(dut: Dut, value: int) -> None:
    """AT+ULWM2M and the reboot that puts it in force; online again."""
    dut.ensure(f"AT+ULWM2M={value}")
    dut.reboot()
    dut.register()
    dut.activate()


@contextmanager
def running(dut: Dut, far_side: FarSide, services: Services) -> Iterator[None]:
    """The client on and registered, the server knowing nothing else; off again afterwards. NotPossible where
    the rig has no such server."""
    assert services[SERVER].port, "the rig file names no port of the LwM2M server"
    far_side.act("server", name=SERVER, state="reset")
    before = dut.send("AT+ULWM2M?").value("+ULWM2M")[0]
    events = dut.send("AT+ULWM2MSTAT?").value("+ULWM2MSTAT")[0]
    dut.ensure("AT+ULWM2MSTAT=1")
    switch(dut, ON)
    try:
        becomes(dut, REGISTERED)
        yield
    finally:
        far_side.act("server", name=SERVER, state="up")
        dut.ensure(f"AT+ULWM2MSTAT={events}")
        switch(dut, OFF if before == OFF else ON)
