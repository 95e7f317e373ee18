"""MQTT-SN last will and MQTT Anywhere: LENA-R8 guide 9.3.4.4; LARA-R6 guide 7.8, 7.11."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cellbench.api import (
    Dut,
    DutState,
    FarSide,
    MqttSnWill,
    Recorder,
    Service,
    UrcTimeout,
    procedure,
)

from .sn import GATEWAY, MESSAGE_S, back, fails, fresh, gateway_of, no_error, session, setup, talk
from .web import Services, nonce

ANYWHERE = ("network", "service:mqtt-anywhere")
IDENTITY = ("R8:9.3.4.4", "R6:7.11")
CID = 2
LOST_S = 3  # seconds of silence allowed in the last will procedure: its steps fit in with half as much again


# -- the last will --------------------------------------------------------------------------------------


@procedure("R6:7.8", "R6:7.1.2", title="The last will of a module that is lost reaches another", slots=2,
           depends_on=GATEWAY)
@pytest.mark.parametrize("updated", [False, True], ids=["as-printed", "updated"])
def test_last_will(dut_at: Callable[[DutState], Dut], peer_at: Callable[[DutState], Dut], services: Services,
                   record: Recorder, updated: bool) -> None:
    """As printed, with a connection duration (AT+UMQTTSN=8), without which no gateway ever holds a client for
    lost; or with topic and message changed in the session."""
    first, second, gateway = dut_at(DutState.ONLINE), peer_at(DutState.ONLINE), services["mqttsn"]
    topic, text = f"u-blox/{nonce()}", f"Unrequested disconnect. {nonce()}"
    begun = MqttSnWill("u-blox/other" if updated else topic, "Nothing." if updated else text, qos=1)
    with fresh(first) as one, session(second, gateway) as other:
        with record.step("module 1 starts a session with a will"):
            one.use(gateway_of(gateway, will=begun, duration_s=LOST_S)).connect()
            if updated:
                one.update_will_topic(topic, qos=1)
                one.update_will_message(text)
        with record.step("module 2 subscribes to the topic of the will"):
            granted = other.subscribe(topic).topic
            assert other.read() is None
        with record.step("module 1 loses the network"):
            lose(first)
        try:
            with record.step("module 2 reads the will"):
                back(other, granted, text)
        finally:
            find(first)


def lose(dut: Dut) -> None:
    """AT+CFUN=4 and the end of the session: +UUMQTTSNC: 0,101."""
    with dut.at.expect("+UUMQTTSNC", lambda event: event.fields[:1] == (0,)) as ended:
        dut.send("AT+CFUN=4")
        assert ended.wait(MESSAGE_S).fields == (0, 101)


def find(dut: Dut) -> None:
    """The network again."""
    dut.spend_attach("+CFUN=4 and back")
    dut.send("AT+CFUN=1")
    dut.register()
    dut.activate()


@procedure("R6:7.8", title="A session that ends in order sends no will", depends_on=GATEWAY,
           needs=("far-side:report", "far-side:server"))
def test_no_will(online: Dut, services: Services, far_side: FarSide) -> None:
    """The gateway lets go of it with the session."""
    will = MqttSnWill(f"u-blox/{nonce()}", nonce())
    with fresh(online) as client:
        client.use(gateway_of(services["mqttsn"], will=will, duration_s=2))
        before = far_side.report("server", name="mqttsn")["wills"]
        with client.session():
            pass
        seen = far_side.report("server", name="mqttsn")
        assert (seen["client_state"], seen["wills"]) == ("disconnected", before)


# -- MQTT Anywhere --------------------------------------------------------------------------------------


def anywhere(dut: Dut, service: Service) -> str:
    """The rows of the section with an identity of its own, and the gateway."""
    mark = nonce()
    identity = f"identity:{mark[:8]}-{mark[8:12]}-{mark[12:]}-0000-000000000000"
    for line in (f'0,"{identity}"', "8,600", "10,1"):
        dut.send(f"AT+UMQTTSN={line}")
    setup(dut, service)
    return identity


def by_anywhere(dut: Dut, services: Services, record: Recorder, *lines: str) -> None:
    """MQTT Anywhere by its APN, after ``lines`` that lead the client to context CID."""
    service = services["mqtt-anywhere"]
    with fresh(dut) as client:
        for line in lines:
            dut.send(line)
        identity = anywhere(dut, service)
        with record.step("the settings are listed"):
            shown = client.settings()
            assert (shown[0], shown[8]) == ((identity,), (600,))
        with record.step("a session with the service"), client.session():
            talk(client)
        no_error(dut, record)
        with record.step("an identifier of another kind has none"):
            dut.send(f'AT+UMQTTSN=0,"{nonce()}"')
            fails(client, record)
        with record.step("nothing else is reached by this APN"):
            dut.send(f'AT+UMQTTSN=2,"{services["mqttsn"].host}",{services["mqttsn"].port}')
            fails(client, record)


@procedure("R6:7.11", title="MQTT Anywhere by the APN tsudp: settings as printed, and a session",
           depends_on=ANYWHERE)
def test_anywhere_mapped(online: Dut, services: Services, record: Recorder) -> None:
    """The client is mapped to the context with that APN (7.1.4)."""
    online.ensure(f'AT+CGDCONT={CID},"IP","tsudp"')
    online.send(f"AT+CGACT=1,{CID}")
    try:
        by_anywhere(online, services, record, f"AT+UMQTTSN=20,{CID}")
    finally:
        online.send(f"AT+CGACT=0,{CID}", check=False)


@procedure("R8:9.3.4.4", title="MQTT Anywhere by the APN tsudp: settings as printed, and a session",
           depends_on=ANYWHERE)
def test_anywhere(online: Dut, services: Services, record: Recorder) -> None:
    """The only active context of the user is the one with that APN, since clients are not mapped."""
    first = online.cid
    online.send(f"AT+CGACT=0,{first}")
    online.ensure(f'AT+CGDCONT={CID},"IP","tsudp"')
    online.send(f"AT+CGACT=1,{CID}")
    try:
        by_anywhere(online, services, record)
    finally:
        online.send(f"AT+CGACT=0,{CID}", check=False)
        online.activate(first)


@procedure("R6:7.11", title="Security services by the APN tsudp want a setting: it is taken",
           depends_on=())
def test_proxy_setting(dut: Dut) -> None:
    """AT+USECOPCMD="cfgipv4",4 as printed; the services themselves are the maker's and not asked here."""
    dut.send('AT+USECOPCMD="cfgipv4",4')
    assert not dut.send('AT+USECOPCMD="cfgipv4"', check=False).ok, "a setting without its value was taken"


@procedure(*IDENTITY, title="By another APN the service is not reached", depends_on=ANYWHERE)
def test_other_apn(online: Dut, services: Services, record: Recorder) -> None:
    """tsudp is mandatory for it."""
    with fresh(online) as client:
        anywhere(online, services["mqtt-anywhere"])
        fails(client, record)


@procedure(*IDENTITY, title="A clean session forgets subscriptions, another keeps them", depends_on=GATEWAY)
@pytest.mark.parametrize("clean", [True, False], ids=["clean", "kept"])
def test_clean_session(online: Dut, services: Services, clean: bool) -> None:
    """AT+UMQTTSN=10: a message to a topic that an earlier session of the same client subscribed to."""
    mark = nonce()
    name = f"clean/{mark}"
    with fresh(online) as client:
        client.use(gateway_of(services["mqttsn"], client_id=mark, clean=clean))
        with client.session():
            client.subscribe(name, 1)
        with client.session():
            client.discard()
            client.publish(client.register(name), mark, qos=1)
            other = client.subscribe(f"other/{mark}", 1).topic
            client.publish(other, "the last", qos=1)
            if not clean:
                assert client.receive(MESSAGE_S).text == mark
            back(client, other, "the last")
        client.use(gateway_of(services["mqttsn"], client_id=mark))  # what the gateway kept is forgotten
        with client.session():
            pass


@procedure(*IDENTITY, title="A session with a duration lives as long as something is heard of it",
           depends_on=GATEWAY, needs=("far-side:report", "far-side:server"))
def test_duration(online: Dut, services: Services, far_side: FarSide) -> None:
    """AT+UMQTTSN=8 with pings: the gateway hears one before the time is over, and the session goes on."""
    with session(online, services["mqttsn"], duration_s=2) as client:
        client.keep_alive(on=True)
        topic = client.subscribe(f"long/{nonce()}", 1).topic
        with pytest.raises(UrcTimeout):
            client.receive(3.2)  # longer than the gateway waits for a word
        seen = far_side.report("server", name="mqttsn")
        assert seen["duration_s"] == "2"
        assert float(seen["pingreq_after_s"]) <= 2.0 * 1.5, "the ping came too late"
        client.publish(topic, "still here", qos=1)
        back(client, topic, "still here")
