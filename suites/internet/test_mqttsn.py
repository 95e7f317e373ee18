"""MQTT-SN settings and sessions: LENA-R8 guide 9.3.4.1; LARA-R6 guide 7, 7.1.1 to 7.1.4, 7.2."""

from __future__ import annotations

import pytest

from cellbench.api import (
    AtError,
    ClientError,
    ClientNetworkError,
    Dut,
    FarSide,
    MqttSnGateway,
    MqttSnWill,
    Network,
    Recorder,
    procedure,
)

from .sn import (
    GATEWAY,
    Fields,
    fresh,
    gateway_of,
    no_error,
    refused,
    setup,
    told,
)
from .web import Services, nonce

SETTINGS = ("R8:9.3.4.1", "R6:7.1.1")
CHANGED: tuple[tuple[int, str, Fields], ...] = (
    (0, '"cellbench"', ("cellbench",)), (1, '"gateway.example",10000', ("gateway.example", 10000)),
    (2, '"192.0.2.1",65535', ("192.0.2.1", 65535)), (4, "2", (2,)), (5, "1", (1,)), (6, '"a/b"', ("a/b",)),
    (7, '"gone"', (4, "gone")), (8, "65535", (65535,)))


# -- settings -------------------------------------------------------------------------------------------


@procedure(*SETTINGS, title="The factory profile as printed, then address and port of the gateway",
           depends_on=())
def test_factory_profile(dut: Dut, services: Services) -> None:
    """The identifier is the IMEI; everything else is empty or 0, the port 1883."""
    with fresh(dut) as client:
        shown = client.settings()
        assert shown[0] == (dut.identify(sim=False).imei,), "the identifier is not the IMEI"
        for op, values in {1: ("", 1883), 2: ("", 1883), 4: (0,), 5: (0,), 6: ("",), 7: (0, ""),
                           8: (0,)}.items():
            assert shown[op] == values, f"operation {op}"
        setup(dut, services["mqttsn"])
        assert client.settings()[2] == (services["mqttsn"].host, services["mqttsn"].port)


@procedure(*SETTINGS, title="All reported values can be modified", depends_on=())
def test_each_setting(dut: Dut, record: Recorder) -> None:
    """Set, and listed as it was set."""
    with fresh(dut) as client:
        for op, value, shown in CHANGED:
            with record.step(f"operation {op}"):
                dut.send(f"AT+UMQTTSN={op},{value}")
                assert client.settings()[op] == shown


@procedure(*SETTINGS, title="Values that no setting takes are refused", depends_on=())
def test_refused_settings(dut: Dut) -> None:
    """QoS of the will above 2, flags above 1, ports and durations above 65535, operations that are none."""
    with fresh(dut) as client:
        before = client.settings()
        for line in ("3,0", "4,3", "5,2", "8,65536", "10,2", '2,"192.0.2.1",65536', "11,0"):
            assert not dut.send(f"AT+UMQTTSN={line}", check=False).ok, f"{line} was taken"
        assert client.settings() == before


@procedure("R8:9.3.4.1", title="Secure MQTT-SN is not supported", depends_on=())
def test_no_security(dut: Dut) -> None:
    """Operation 9 is refused and not listed."""
    with fresh(dut) as client:
        assert not dut.send("AT+UMQTTSN=9,1", check=False).ok, "operation 9 was taken"
        assert 9 not in client.settings()


@procedure("R6:7.1.1", title="The list has the secure option, which is off", depends_on=())
def test_security_listed(dut: Dut) -> None:
    """+UMQTTSN: 9,0."""
    with fresh(dut) as client:
        assert client.settings()[9] == (0,)


@procedure("R8:9.3.4.1", "R6:7.1.1", title="The gateway may be given by its name", depends_on=GATEWAY)
def test_gateway_by_name(online: Dut, services: Services, record: Recorder) -> None:
    """AT+UMQTTSN=1 in place of 2."""
    service = services["mqttsn"]
    if service.name is None:
        record.note("the service has no name; its address goes into operation 1")
    with fresh(online) as client:
        online.send(f'AT+UMQTTSN=1,"{service.name or service.host}",{service.port}')
        with client.session():
            pass
        no_error(online, record)


@procedure("R6:7.1.2", title="The last will is configured as printed", depends_on=())
def test_will_settings(dut: Dut) -> None:
    """QoS 1, topic, message; the message is listed with its length."""
    with fresh(dut) as client:
        for line in ("4,1", '6,"u-blox/publish"', '7,"Unrequested disconnect."'):
            dut.send(f"AT+UMQTTSN={line}")
        shown = client.settings()
        assert (shown[4], shown[6]) == ((1,), ("u-blox/publish",))
        assert shown[7] == (23, "Unrequested disconnect.")


@procedure("R6:7.1.3", title="The profile is stored, reset and restored, as printed", depends_on=())
def test_profile_management(dut: Dut) -> None:
    """+UMQTTSNNV=2, 0 and 1; what was stored is listed again, also after a reboot."""
    mark = nonce()
    with fresh(dut) as client:
        factory = client.settings()
        client.use(MqttSnGateway("192.168.105.30", 10000, client_id=mark, duration_s=60,
                                 will=MqttSnWill("u-blox/publish", mark, qos=1, retain=True)))
        kept = client.settings()
        try:
            client.store()
            client.reset()
            assert client.settings() == factory
            client.restore()
            assert client.settings() == kept
            dut.reboot()
            client.restore()
            assert client.settings() == kept
        finally:
            client.reset()
            client.store()


@procedure("R6:7.1.3", title="Numbers that +UMQTTSNNV does not have are refused", depends_on=())
def test_profile_refusals(dut: Dut) -> None:
    """0 to 2 only."""
    for value in ("3", "-1", '""', ""):
        assert not dut.send(f"AT+UMQTTSNNV={value}", check=False).ok, f"{value!r} was taken"


@procedure("R6:7.1.4", title="The client is mapped to another context", depends_on=GATEWAY,
           needs=("far-side:report",))
def test_other_context(online: Dut, services: Services, network: Network, far_side: FarSide) -> None:
    """AT+UMQTTSN=20,2,1: context 2, IPv6 preferred; the far side sees the flow on it."""
    online.ensure(f'AT+CGDCONT=2,"IPV4V6","{network.apn}"')
    online.send("AT+CGACT=1,2")
    try:
        with fresh(online) as client:
            setup(online, services["mqttsn"])
            online.send("AT+UMQTTSN=20,2,1")
            with client.session():
                assert far_side.report("flow", service="mqttsn")["cid"] == "2"
    finally:
        online.send("AT+CGACT=0,2", check=False)


# -- sessions -------------------------------------------------------------------------------------------


@procedure("R6:7.2", title="A session starts and ends, as printed", depends_on=GATEWAY)
def test_start_and_end(online: Dut, services: Services, record: Recorder) -> None:
    """+UUMQTTSNC: 1,1 and 0,1; twice, since an end must leave nothing behind."""
    with fresh(online):
        setup(online, services["mqttsn"])
        for number in (1, 2):
            with record.step(f"session {number}"):
                assert told(online, "1") == (1,)
                assert told(online, "0") == (1,)
        no_error(online, record)


@procedure("R6:7.2", title="What needs a session is refused without one, and a second one with one",
           depends_on=GATEWAY)
def test_session_refusals(online: Dut, services: Services, record: Recorder) -> None:
    """Disconnect, register, publish, subscribe and unsubscribe; connect without a gateway, and twice."""
    with fresh(online) as client:
        assert refused(online, "1"), "connect without a gateway was taken"
        for line in ("0", '2,"a/b"', '4,0,0,0,0,"1","x"', '5,0,0,"a/b"', '6,0,"1"'):
            assert refused(online, line), f"{line} was taken"
        setup(online, services["mqttsn"])
        with client.session():
            assert refused(online, "1"), "a second session was taken"
            if online.send("AT+UMQTTSN=8,60", check=False).ok:
                record.note("a setting is taken in a session; no document says that it is not")
            assert client.register(f"still/{nonce()}").text.isdigit()


@procedure("R6:7", "R8:9.3.4.1", title="Without a packet data connection there is no session",
           depends_on=("network",))
def test_without_context(online: Dut, services: Services, record: Recorder) -> None:
    """Refused, or class 14; with the context back the session starts."""
    with fresh(online) as client:
        setup(online, services["mqttsn"])
        online.send("AT+CFUN=4")
        try:
            with pytest.raises((ClientNetworkError, ClientError, AtError)) as failed:
                client.connect()
            record.note(str(failed.value))
        finally:
            online.spend_attach("+CFUN=4 and back")
            online.send("AT+CFUN=1")
            online.register()
            online.activate()
        with client.session():
            pass


@procedure(*SETTINGS, title="A gateway that nobody is, or that has no name, is a failure", depends_on=GATEWAY)
@pytest.mark.parametrize("where", ["address", "name"])
def test_wrong_gateway(online: Dut, services: Services, record: Recorder, where: str) -> None:
    """+UUMQTTSNC: 1,0 and class 14; the next session starts."""
    host = {"address": services["blackhole"].address, "name": "no-such-host.invalid"}[where]
    with fresh(online) as client:
        with pytest.raises(ClientError) as failed:
            client.use(MqttSnGateway(host, 10000)).connect()
        record.note(str(failed.value))
        assert failed.value.kind == 14
        with client.use(gateway_of(services["mqttsn"])).session():
            pass
        no_error(online, record)
