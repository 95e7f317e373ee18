"""MQTT-SN when something is wrong: LARA-R6 guide 7.9; LENA-R8 guide 9.3.4.1 to 9.3.4.3."""

from __future__ import annotations

import pytest

from cellbench.api import (
    ClientError,
    Dut,
    FarSide,
    Limit,
    MqttSnClient,
    Recorder,
    procedure,
)

from .sn import GATEWAY, back, fresh, gateway_of, no_error, session, told
from .web import Services, nonce

FAR = ("far-side:server",)
OURS = ("far-side:report",)  # the far side is ours: clients may ask for faults by their names
FAULTS = {
    "congestion": ("connect", "register", "publish", "subscribe"), "refuses": ("connect", "subscribe"),
    "dies": ("register", "publish"), "stalls": ("connect", "publish"), "rubbish": ("register", "subscribe"),
}
TIMEOUT = Limit(equals="14,21", source="LARA-R6 guide 7.9")


@procedure("R6:7.9", title="A gateway that does not answer is the time-out error 14,21", depends_on=GATEWAY,
           needs=FAR)
def test_timeout(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """Subscribe to a gateway that is mute: +UUMQTTSNC: 5,0; when it speaks again the session goes on."""
    mark = nonce()
    with session(online, services["mqttsn"]) as client:
        far_side.act("server", name="mqttsn", state="mute")
        try:
            with record.step("unsuccessful subscribe"):
                assert told(online, f'5,1,0,"kitchen/temperature/{mark}"')[0] == 0
            kind, code = client.last_error()
            record.measure("+UMQTTSNER", f"{kind},{code}", limit=TIMEOUT)
        finally:
            far_side.act("server", name="mqttsn", state="up")
        topic = client.subscribe(f"kitchen/temperature/{mark}", 1).topic
        no_error(online, record)
        client.publish(topic, mark, qos=1)
        back(client, topic, mark)


@procedure("R6:7.9", "R8:9.3.4.1",
           title="A gateway that is down is a failure; once it is up there is a session",
           depends_on=("network",), needs=FAR)
def test_gateway_down(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """The host's own probe cannot tell a dead gateway from a dead module: class and code are given."""
    with fresh(online) as client:
        client.use(gateway_of(services["mqttsn"]))
        far_side.act("server", name="mqttsn", state="down")
        try:
            with pytest.raises(ClientError) as failed:
                client.connect()
            record.note(str(failed.value))
            assert failed.value.kind == 14
        finally:
            far_side.act("server", name="mqttsn", state="up")
        with client.session():
            pass
        no_error(online, record)


@procedure("R6:7.9", "R8:9.3.4.3", title="A gateway that forgot the client ends the session at its next word",
           depends_on=GATEWAY, needs=FAR)
def test_gateway_restarted(online: Dut, services: Services, far_side: FarSide, record: Recorder) -> None:
    """It answers with DISCONNECT (MQTT-SN 1.2, 6.12): the session is over, and a new one starts."""
    with fresh(online) as client:
        client.use(gateway_of(services["mqttsn"])).connect()
        far_side.act("server", name="mqttsn", state="reset")
        with pytest.raises(ClientError) as failed:
            client.register(f"room/{nonce()}")
        record.note(str(failed.value))
        assert failed.value.kind == 14
        with client.session():
            topic = client.subscribe(f"room/{nonce()}", 1).topic
            client.publish(topic, "anew", qos=1)
            back(client, topic, "anew")


def all_of_it(client: MqttSnClient) -> None:
    """One of each operation."""
    client.connect()
    client.publish(client.register(f"room/{nonce()}"), nonce(), qos=1)
    client.subscribe(f"room/{nonce()}")


@procedure("R6:7.9", "R8:9.3.4.2", title="A gateway that refuses, forgets, stalls or sends rubbish",
           depends_on=GATEWAY, needs=OURS)
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(online: Dut, services: Services, record: Recorder, fault: str) -> None:
    """With the operation named: it fails with class 14, no other does, and afterwards all of them pass.

    Our gateway treats a client of such a name so (docs/virtual-internet.md); others are not disturbed.
    """
    gateway = services["mqttsn"]
    with fresh(online) as client:
        for message in FAULTS[fault]:
            with record.step(message):
                client.use(gateway_of(gateway, client_id=f"broken/{fault}/{message}/{nonce()}"))
                with pytest.raises(ClientError, match=f"MQTT-SN {message}") as failed:
                    all_of_it(client)
                record.note(str(failed.value))
                assert failed.value.kind == 14
        with record.step("as it should be"):
            all_of_it(client.use(gateway_of(gateway)))
            no_error(online, record)


@procedure("R6:7.9", "R8:9.3.4.3", title="What is lost on the way is sent again", depends_on=GATEWAY,
           needs=OURS)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_retransmission(online: Dut, services: Services, far_side: FarSide, qos: int) -> None:
    """The gateway loses the first copy of each publication: with QoS 1 and 2 it comes all the same, once; the
    message that is published last comes last."""
    mark = nonce()
    with session(online, services["mqttsn"], client_id=f"broken/loses/publish/{mark}") as client:
        topic = client.subscribe(f"room/{mark}", 2).topic
        before = int(far_side.report("server", name="mqttsn")["heard_again"])
        client.publish(topic, mark, qos=qos)
        if qos:
            back(client, topic, mark)
            assert int(far_side.report("server", name="mqttsn")["heard_again"]) > before
        client.publish(topic, "the last", qos=1)
        back(client, topic, "the last")
        assert client.read() is None
