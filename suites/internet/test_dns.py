"""DNS resolution: LARA-R6 guide 2.4.2, 2.4.2.1; the resolver of LENA-R8 7.2.2."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellbench.api import Dut, FarSide, Limit, Recorder, Service, procedure

DNS = ("network", "service:dns")


@pytest.mark.demo
@procedure("R6:2.4.2", "R8:7.2.2", title="A name is translated to an address", depends_on=DNS)
def test_name_to_address(online: Dut, services: Mapping[str, Service], record: Recorder) -> None:
    """+UDNSRN with 0."""
    service = services["icmp"]
    answer = online.send(f'AT+UDNSRN=0,"{service.name}"')
    address = online.resolve(str(service.name))
    record.measure(
        "time to resolve", answer.elapsed_s, "s", Limit(high=120.0, source="+UDNSRN, response time")
    )
    assert all(part.isdigit() and int(part) < 256 for part in address.split(".")), address
    assert len(address.split(".")) == 4


@procedure("R6:2.4.2", "R8:7.2.2", title="A name that does not exist is an error", depends_on=DNS)
def test_unknown_name(online: Dut) -> None:
    """An error, and the next name resolves."""
    assert not online.send('AT+UDNSRN=0,"no-such-host.invalid"', check=False).ok
    assert online.resolve("echo.u-blox.com")


@procedure("R6:2.4.2", title="An address is translated to a name", depends_on=DNS)
def test_address_to_name(online: Dut, services: Mapping[str, Service]) -> None:
    """+UDNSRN with 1."""
    echo = services["echo"]
    answer = online.send(f'AT+UDNSRN=1,"{echo.host}"')
    assert str(answer.value("+UDNSRN")[0]), "a name is answered"


@procedure(
    "R6:2.4.2",
    title="Without an answer of the primary server the secondary is asked",
    depends_on=("network",),
    needs=("far-side:server",),
)
def test_secondary_server(
    online: Dut, services: Mapping[str, Service], far_side: FarSide, record: Recorder
) -> None:
    """The primary is mute; the name resolves by the secondary."""
    far_side.act("server", name="dns-primary", state="mute")
    try:
        address = online.resolve(services["echo"].dns_name)
        assert address == services["echo"].host
    finally:
        far_side.act("server", name="dns-primary", state="up")


@procedure("R6:2.4.2.1", title="The primary server of a context is overridden", depends_on=DNS)
def test_override(online: Dut, services: Mapping[str, Service]) -> None:
    """AT+UDNSCFG=1,1,0,"8.8.8.8", and names resolve by it."""
    assert online.send(f'AT+UDNSCFG={online.cid},1,0,"8.8.8.8"').ok
    try:
        assert online.resolve(services["echo"].dns_name) == services["echo"].host
    finally:
        online.send(f'AT+UDNSCFG={online.cid},1,0,"0.0.0.0"', check=False)
    assert online.resolve(services["echo"].dns_name) == services["echo"].host


@procedure(
    "R6:2.4.2.1",
    title="An override with a wrong address or server number is refused",
    depends_on=("network",),
)
@pytest.mark.parametrize("values", ['1,1,0,"8.8.8"', '1,7,0,"8.8.8.8"', '99,1,0,"8.8.8.8"'])
def test_override_refusals(online: Dut, values: str) -> None:
    """The command's ranges; names resolve as before."""
    assert not online.send(f"AT+UDNSCFG={values}", check=False).ok
    assert online.resolve("echo.u-blox.com")


@procedure("R6:2.4", title="Resolution without a data connection fails", depends_on=())
def test_without_connection(dut: Dut) -> None:
    """+UDNSRN verifies that a PS data connection is active: without one it fails."""
    dut.send("AT+CFUN=0")
    try:
        assert not dut.send('AT+UDNSRN=0,"www.google.com"', check=False).ok
        with dut.at.expect("+UUPINGER") as failed:
            if dut.send('AT+UPING="www.google.com",1', check=False).ok:
                failed.wait(30.0)
    finally:
        dut.send("AT+CFUN=1")
        dut.register()


@procedure(
    "R6:2.4.2",
    title="Without any server a name is an error; when they are back it resolves",
    depends_on=("network",),
    needs=("far-side:server",),
)
def test_no_server(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """Primary and secondary refuse."""
    name = services["echo"].dns_name
    far_side.act("server", name="dns", state="down")
    try:
        assert not online.send(f'AT+UDNSRN=0,"{name}"', check=False).ok
    finally:
        far_side.act("server", name="dns", state="up")
    assert online.resolve(name) == services["echo"].host


@procedure("R6:2.4.2", title="An unknown kind of resolution, or no name, is refused", depends_on=DNS)
def test_resolution_refusals(online: Dut) -> None:
    """0 is a name, 1 an address; both must be given."""
    for line in ('AT+UDNSRN=7,"www.google.com"', 'AT+UDNSRN=1,"no address"', 'AT+UDNSRN=0,""', "AT+UDNSRN=0"):
        assert not online.send(line, check=False).ok, f"{line} was taken"
    assert online.resolve("echo.u-blox.com")


@procedure(
    "R6:2.4.2.1",
    title="The override is asked instead of the network's primary server",
    depends_on=DNS,
    needs=("far-side:report",),
)
def test_override_is_asked(online: Dut, services: Mapping[str, Service], far_side: FarSide) -> None:
    """The setting is shown by the command, and the far side sees the question at that address."""
    name = services["echo"].dns_name
    assert online.send(f'AT+UDNSCFG={online.cid},1,0,"8.8.8.8"').ok
    try:
        assert online.send(f"AT+UDNSCFG={online.cid},1,0").value("+UDNSCFG")[-1] == "8.8.8.8"
        online.resolve(name)
        asked = far_side.report("flow", service="dns-public")
    finally:
        online.send(f'AT+UDNSCFG={online.cid},1,0,"0.0.0.0"', check=False)
    assert asked["cid"] == str(online.cid)
    assert asked == far_side.report("flow", service="dns"), "the last question went to another server"
    online.resolve(name)
    assert asked != far_side.report("flow", service="dns"), "the override is asked although it was ended"
