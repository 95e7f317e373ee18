"""LwM2M as far as registering to a server over DTLS goes: LARA-R6 guide 11.

The chapter itself points to the LwM2M objects and commands application note (UBX-18068860) for everything
else; the commands used here are those of the makers' update note and drivers.
"""

from __future__ import annotations

import pytest

from cellbench.api import Dut, FarSide, Recorder, procedure

from .lwm2m import (
    DEPENDS,
    FAILED,
    FAR,
    NOT_REGISTERED,
    OFF,
    REGISTERED,
    SERVER,
    WAIT_S,
    Services,
    becomes,
    name_of,
    registration,
    running,
    switch,
    told,
)


@procedure("R6:11", title="Switched on, the client registers over DTLS after the reboot", depends_on=DEPENDS,
           needs=FAR)
def test_register(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The server tells who came, with which key, lifetime and objects; the module says the same."""
    with running(online, far_side, services):
        server, _, left = registration(online)
        seen = told(far_side)
        record.note(f"server {server}: {seen['endpoint']}, {seen['tls_suite']}, {seen['objects']}")
        assert seen["clients"] == seen["endpoint"] == name_of(online)
        assert seen["registers"] == "1"
        assert seen["tls_version"].startswith("DTLS")
        assert "PSK" in seen["tls_suite"]
        lifetime = int(seen["lifetime_s"])
        assert 0 < left <= lifetime
        assert "</1/" in seen["objects"]
        assert "</3/" in seen["objects"], "every client has the objects of servers and of the device"


@procedure("R6:11", title="Checking in updates the registration, leaving ends it, asking for it begins anew",
           depends_on=DEPENDS, needs=FAR)
def test_update_and_leave(online: Dut, services: Services, far_side: FarSide) -> None:
    """Each is told by its event and seen at the server."""
    with running(online, far_side, services):
        server = registration(online)[0]
        for line, status, counter in ((f"AT+ULWM2MREG={server}", REGISTERED, "updates"),
                                      (f"AT+ULWM2MDEREG={server}", NOT_REGISTERED, "deregisters"),
                                      (f"AT+ULWM2MREG={server}", REGISTERED, "registers")):
            counted = int(told(far_side)[counter])
            with online.at.expect("+ULWM2MSTAT", lambda event: event.fields[:2] == (1, server)) as event:
                online.send(line)
                assert event.wait(WAIT_S).fields == (1, server, status)
            assert int(told(far_side)[counter]) == counted + 1
            assert told(far_side)["clients"] == (name_of(online) if status == REGISTERED else "")
            assert registration(online)[1] == status


@procedure("R6:11", title="A server that forgot the client gets a new registration", depends_on=DEPENDS,
           needs=FAR)
def test_forgotten(online: Dut, services: Services, far_side: FarSide) -> None:
    """The update is refused (4.04), the client registers again."""
    with running(online, far_side, services):
        far_side.act("server", name=SERVER, state="reset")
        assert told(far_side)["clients"] == ""
        server = registration(online)[0]
        with online.at.expect("+ULWM2MSTAT", lambda event: event.fields == (1, server, REGISTERED)) as event:
            online.send(f"AT+ULWM2MREG={server}")
            event.wait(WAIT_S)
        assert told(far_side)["clients"] == name_of(online)
        assert told(far_side)["registers"] == "1"


@procedure("R6:11", title="Without its server the registration fails, and is had when it is back",
           depends_on=("network",), needs=FAR)
@pytest.mark.parametrize("state", ["down", "mute"])
def test_no_server(online: Dut, services: Services, far_side: FarSide, state: str) -> None:
    """The module says so; other commands are answered meanwhile."""
    with running(online, far_side, services):
        server = registration(online)[0]
        far_side.act("server", name=SERVER, state=state)
        online.send(f"AT+ULWM2MREG={server}")
        assert online.send("AT").ok
        becomes(online, FAILED)
        far_side.act("server", name=SERVER, state="up")
        online.send(f"AT+ULWM2MREG={server}")
        becomes(online, REGISTERED)
        assert told(far_side)["clients"] == name_of(online)


@procedure("R6:11", title="What the client has can be listed and read", depends_on=DEPENDS, needs=FAR)
def test_objects(online: Dut, services: Services, far_side: FarSide) -> None:
    """The lifetime read is the one registered; the list is what the server was given."""
    with running(online, far_side, services):
        listed = online.send('AT+ULWM2MLIST="/"').value("+ULWM2MLIST")
        given = told(far_side)["objects"]
        assert [path for path in listed if f"<{path}>" not in given] == []
        servers = [str(path) for path in listed if str(path).startswith("/1/")]
        answer = online.send(f'AT+ULWM2MREAD="{servers[0]}/1"').info[0]
        assert f'"v":{told(far_side)["lifetime_s"]}' in answer
        for line in ('AT+ULWM2MREAD="/99/0"', "AT+ULWM2MREG=65534", 'AT+ULWM2MLIST="/99"'):
            assert not online.send(line, check=False).ok, f"{line} was taken"


@procedure("R6:11", title="Switched off, the client sends nothing and is not there", depends_on=DEPENDS,
           needs=FAR)
def test_off(online: Dut, services: Services, far_side: FarSide) -> None:
    """After the reboot; values out of range are refused."""
    with running(online, far_side, services):
        pass
    far_side.act("server", name=SERVER, state="reset")
    switch(online, OFF)
    assert not online.send("AT+ULWM2MREG?", check=False).ok
    assert not online.send("AT+ULWM2M=3", check=False).ok
    assert told(far_side)["messages"] == "0"
