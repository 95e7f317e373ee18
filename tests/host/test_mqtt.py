"""The MQTT client as Python calls, against modules of both series on a virtual rack."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellbench.base.errors import NotPossible, UnitError
from cellbench.catalogue.model import Series
from cellbench.catalogue.mqtt import MQTT_CODES, MQTT_ENDS, mqtt_meaning
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import ClientError, ClientNetworkError, ClientServiceError, tcp_probe
from cellbench.host.clients.mqtt import MessageForm, MqttClient
from cellbench.host.clients.mqtt_settings import MqttServer, MqttSettingNotKept, MqttWill
from cellbench.host.errors import AtError
from cellbench.host.files import Files
from cellbench.host.security import Security, SecurityProfile, ServerCheck
from cellbench.host.urclog import UrcTimeout

from .rack import Module, Rack, wait_registered

BROKER = MqttServer("192.168.105.30")


@pytest.fixture
def mqtt(module: Module) -> Iterator[MqttClient]:
    """Logged in."""
    with MqttClient(module.channel).use(BROKER) as client:
        yield client


def nonce() -> str:
    return secrets.token_hex(8)


def test_every_form_comes_back_byte_for_byte(mqtt: MqttClient, module: Module) -> None:
    topic = f"cellbench/{nonce()}"
    assert mqtt.subscribe(topic, 1) == 1
    for data, form in ((nonce().encode(), MessageForm.TEXT), (b"", MessageForm.TEXT),
                       (b'"quoted"\r\nOK\r\n' + nonce().encode(), MessageForm.HEXADECIMAL),
                       (secrets.token_bytes(1024), MessageForm.BINARY),
                       (secrets.token_bytes(3000), MessageForm.FILE)):
        assert mqtt.publish(topic, data, qos=1) is form
        message = mqtt.receive(topic)
        assert (message.topic, message.payload, message.qos) == (topic, data, 1)
    assert not [name for name in Files(module.channel).list() if name.startswith("cellbench_mqtt")]
    assert mqtt.last_error() == (0, 0)


def test_a_form_can_be_asked_for(mqtt: MqttClient) -> None:
    topic = f"cellbench/{nonce()}"
    mqtt.subscribe(topic)
    data = nonce().encode()
    for form in MessageForm:
        assert mqtt.publish(topic, data, form=form) is form
        assert mqtt.receive(topic).payload == data
    for form, wrong in ((MessageForm.TEXT, b'"'), (MessageForm.TEXT, b"x" * 1025), (MessageForm.BINARY, b""),
                        (MessageForm.HEXADECIMAL, bytes(513)), (MessageForm.BINARY, bytes(1025))):
        with pytest.raises(NotPossible):
            mqtt.publish(topic, wrong, form=form)
    with pytest.raises(NotPossible, match="topic"):
        mqtt.publish('a"b', b"")


def test_messages_of_other_topics_are_kept(mqtt: MqttClient) -> None:
    base = f"cellbench/{nonce()}"
    mqtt.subscribe(f"{base}/#")
    for name in ("one", "two", "grün", "two"):
        mqtt.publish(f"{base}/{name}", name)
    assert mqtt.receive(f"{base}/two").text == "two"
    assert mqtt.receive(f"{base}/grün").text == "grün"
    assert mqtt.receive().text == "one"
    assert mqtt.receive(f"{base}/two").text == "two"
    assert mqtt.messages() == ()
    with pytest.raises(UrcTimeout, match="no message of any topic"):
        mqtt.receive(timeout_s=0.1)
    mqtt.unsubscribe(f"{base}/#")
    mqtt.publish(f"{base}/one", "again", qos=1)
    assert mqtt.messages() == ()


def test_the_profile_reads_back_and_is_stored(module: Module) -> None:
    client, secret = MqttClient(module.channel), f"P455-{nonce()}"
    will = MqttWill("u-blox/publish", "Unrequested disconnect.", qos=1, retain=True)
    server = MqttServer("broker.example", 1884, client_id=nonce(), user="me", password=secret, will=will,
                        keep_alive_s=60, clean_session=True, security=2)
    client.use(server)
    assert secret not in repr(server)
    assert secret.encode() not in b"".join(record.data for record in module.transcript.records())
    assert client.read(2) == ("broker.example", 1884)
    client.store()
    client.factory()
    assert client.read(2) == ("", 1883)
    client.restore()
    assert client.read(8) == ("u-blox/publish",)
    assert client.read(11) == (1, 2)
    client.use(MqttServer("192.168.105.30", will=MqttWill("t", b'"\r\0')))
    assert client.read(9)[0] == 3
    client.factory()
    client.store()
    with pytest.raises(NotPossible):
        client.use(MqttServer("x", will=MqttWill("t", bytes(257))))


def test_a_context_of_its_own(module: Module) -> None:
    client = MqttClient(module.channel)
    if module.series is Series.LENA_R8:  # takes the operation and ignores it (facts sheet internet 1)
        with pytest.raises(MqttSettingNotKept):
            client.use(MqttServer("192.168.105.30", cid=2, ipv6=True))
    else:
        client.use(MqttServer("192.168.105.30", cid=2, ipv6=True))
        assert client.read(20) == (2, 1)
    client.factory()


def test_without_a_session(module: Module) -> None:
    client = MqttClient(module.channel).use(BROKER)
    for act in (lambda: client.publish("t", "x"), lambda: client.subscribe("t"), client.disconnect,
                client.ping):
        with pytest.raises(AtError):
            act()
    assert client.messages() == ()


@pytest.mark.parametrize(("server", "code"), [
    (MqttServer("no-such-host.invalid"), 8),
    (MqttServer("192.168.105.30", 1884), 8),
    (MqttServer("192.168.105.30", user="broken/dies/connect"), 8),
    (MqttServer("192.168.105.30", user="broken/rubbish/connect"), 8),
])
def test_log_in_fails_with_its_meaning(module: Module, server: MqttServer, code: int) -> None:
    client = MqttClient(module.channel).use(server)
    with pytest.raises(ClientError, match=MQTT_CODES[code].text) as caught:
        client.connect()
    assert (caught.value.kind, caught.value.code) == (13, code) == client.last_error()
    assert client.last_meaning() is MQTT_CODES[code]
    with client.use(BROKER):
        assert client.last_error() == (0, 0)


def test_a_broker_that_ends_the_session(module: Module, rack: Rack) -> None:
    place = yaml.safe_load((Path(rack.directory) / "rig.yaml").read_text())["services"]["mqtt"]["probe"]
    client = MqttClient(module.channel).use(BROKER, probe=tcp_probe(place["host"], place["port"]))
    client.connect()
    assert client.ended is None
    module.ctl("server", "name=mqtt", "state=down")
    try:
        with pytest.raises(ClientServiceError, match="network connection is lost"):
            client.receive()
        assert client.ended is MQTT_ENDS[101]
        with pytest.raises(ClientServiceError):
            client.connect()
    finally:
        module.ctl("server", "name=mqtt", "state=up")
    with client:
        assert client.ended is None
        client.publish("t", "x", qos=2)


def test_without_a_context_it_is_the_network(module: Module) -> None:
    client = MqttClient(module.channel).use(BROKER)
    module.channel.send("AT+CFUN=4")
    try:
        with pytest.raises(ClientNetworkError) as caught:
            client.connect()
        assert (caught.value.kind, caught.value.code) in ((13, 34), (13, 50))
    finally:
        module.channel.send("AT+CFUN=1")
        assert wait_registered(module.channel)
        module.channel.send("AT+CGACT=1,1")
    with client:
        client.publish("t", "x", qos=1)


def test_tls_by_a_security_profile(module: Module) -> None:
    """8883 by itself."""
    Security(module.channel).apply(2, SecurityProfile(check=ServerCheck.NONE))
    topic = f"cellbench/{nonce()}"
    with MqttClient(module.channel).use(MqttServer("192.168.105.30", security=2)) as client:
        client.subscribe(topic, 2)
        client.publish(topic, topic, qos=2)
        assert client.receive(topic).text == topic
    Security(module.channel).apply(2, SecurityProfile(check=ServerCheck.CHAIN, root="nobody"))
    with pytest.raises(ClientError) as caught:
        client.connect()
    assert caught.value.kind == 13


def test_lengths_that_lie_are_the_units(channel: Channel, peer: Any) -> None:
    peer.on("AT+UMQTTC=6,1", b'\r\n+UMQTTC: 6,0,9,1,"t",3,"abc"\r\n\r\nOK\r\n')
    with pytest.raises(UnitError, match="announced 1 and 3 bytes, 9 in all"):
        MqttClient(channel).messages()


def test_a_binary_result_by_either_number(channel: Channel, peer: Any) -> None:
    """2 as the guide prints it, 9 as siblings do."""
    for number in (2, 9):
        def payload(one: Any, line: bytes, number: int = number) -> None:
            one.say(b"\r\n>")
            one.want_payload(2, lambda p, _: p.say(b"\r\nOK\r\n\r\n+UUMQTTC: %d,1\r\n" % number))

        peer.on('AT+UMQTTC=9,0,0,"t",2', payload)
        assert MqttClient(channel).publish("t", b"\0\1", form=MessageForm.BINARY) is MessageForm.BINARY


def test_every_code_has_a_meaning_with_its_source() -> None:
    assert all(meaning.text and meaning.source.where for meaning in (*MQTT_CODES.values(),
                                                                      *MQTT_ENDS.values()))
    assert mqtt_meaning(0, 0) is MQTT_CODES[0]
    assert "in no document" in mqtt_meaning(13, 77).text
