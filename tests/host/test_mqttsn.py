"""The MQTT-SN client as Python calls, on a virtual module of each series, failures by owner included."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import yaml

from cellbench.base.errors import FrameworkError, NotPossible, UnitError
from cellbench.catalogue.model import Series
from cellbench.catalogue.mqttsn import MQTTSN_CODES, mqttsn_meaning
from cellbench.host.certificates import CertificateKind, Certificates
from cellbench.host.clients.blame import ClientError, ClientNetworkError, ClientServiceError
from cellbench.host.clients.mqttsn import MqttSnClient, mqttsn_probe
from cellbench.host.clients.mqttsn_model import MqttSnGateway, MqttSnTopic, MqttSnWill, TopicKind
from cellbench.host.errors import AtError
from cellbench.host.security import Security, SecurityProfile, ServerCheck
from cellbench.host.urclog import UrcTimeout

from .rack import Module, Rack, wait_registered

HOST, PORT = "192.168.105.30", 10000
CERTS = resources.files("cellbench.virtual.world") / "certs"
WAIT_S = 30.0


def nonce() -> str:
    return secrets.token_hex(8)


def gateway(**more: object) -> MqttSnGateway:
    return MqttSnGateway(HOST, PORT, client_id=f"host-{nonce()}", **more)  # type: ignore[arg-type]


@pytest.fixture
def client(module: Module) -> Iterator[MqttSnClient]:
    """Without a session before and after."""
    client = MqttSnClient(module.channel)
    yield client
    client.leave()
    client.reset()


def test_a_message_of_any_bytes_comes_back(client: MqttSnClient) -> None:
    name = f"room/{nonce()}"
    with client.use(gateway(clean=True)).session() as sn:
        topic = sn.subscribe(name, 2).topic
        assert topic == sn.register(name)
        for qos, message in ((0, f"20 degrees {nonce()}".encode()), (1, f'"{nonce()}"\r\nOK\r\n'.encode()),
                             (2, bytes(range(256)))):
            sn.publish(topic, message, qos=qos)
            came = sn.receive(WAIT_S)
            assert (came.topic, came.qos, came.payload) == (topic, qos, message)
        sn.unsubscribe(topic)
        sn.publish(topic, nonce(), qos=1)
        with pytest.raises(UrcTimeout):
            sn.receive(0.5)
        assert sn.last_error() == (0, 0)


def test_short_and_predefined_topics(client: MqttSnClient) -> None:
    with client.use(gateway(clean=True)).session() as sn:
        for topic in (MqttSnTopic.short("aa"), MqttSnTopic.predefined(1)):
            granted = sn.subscribe(topic, 1)
            assert (granted.topic, granted.third) == (topic, int(topic.kind))
            mark = nonce()
            sn.publish(topic, mark, qos=1)
            came = sn.receive(WAIT_S)
            assert (came.topic, came.text) == (topic, mark)
            sn.unsubscribe(topic)
    assert MqttSnTopic.short("aa").kind is TopicKind.SHORT
    with pytest.raises(FrameworkError, match="two characters"):
        MqttSnTopic.short("aaa")


def test_without_a_session_only_qos_minus_1_goes(client: MqttSnClient, module: Module) -> None:
    client.use(gateway())
    with pytest.raises(AtError):
        client.publish(MqttSnTopic.predefined(1), nonce(), qos=1)
    client.publish(MqttSnTopic.predefined(1), nonce(), qos=-1)
    # nobody acknowledges it: what the gateway heard is asked until it has come
    for _ in range(200):
        if "last_topic=predefined/one" in module.ctl("report", "what=server", "name=mqttsn"):
            return
        module.channel.wait_until(lambda: False, 0.1)
    raise AssertionError("the gateway never heard it")


def test_what_waits_is_discarded(client: MqttSnClient) -> None:
    with client.use(gateway(clean=True)).session() as sn:
        topic = sn.subscribe(f"stale/{nonce()}").topic
        with sn_arrivals(client) as arrivals:
            for _ in range(3):
                sn.publish(topic, nonce())
            while arrivals.wait(WAIT_S).fields[1] != 3:
                pass
        assert sn.discard() == 3
        assert sn.read() is None
        sn.publish(topic, "fresh")
        assert sn.receive(WAIT_S).text == "fresh"


def sn_arrivals(client: MqttSnClient):  # type: ignore[no-untyped-def]
    """Notices of messages that wait."""
    return client._channel.expect("+UUMQTTSNC", lambda event: event.fields[:1] == (9,))


def test_the_profile_is_stored_and_comes_back(client: MqttSnClient, module: Module) -> None:
    will = MqttSnWill("u-blox/publish", "Unrequested disconnect.", qos=1, retain=True)
    client.use(gateway(will=will, duration_s=600))
    kept = client.settings()
    assert kept[7] == (23, "Unrequested disconnect.")
    client.store()
    client.reset()
    assert client.settings()[2] == ("", 1883)
    client.restore()
    assert client.settings() == kept
    assert (9 in kept) is (module.series is Series.LARA_R6)
    client.reset()
    client.store()


def test_a_will_is_changed_in_the_session(client: MqttSnClient) -> None:
    with client.use(gateway(will=MqttSnWill("a/b", "first"), duration_s=60)).session() as sn:
        sn.update_will_topic("a/c", qos=1)
        sn.update_will_message("second")
        sn.keep_alive(on=True)
        sn.keep_alive(on=False)
        sn.update_will_topic("")
        with pytest.raises(ClientError) as refused:  # no will any more
            sn.update_will_message("third")
        assert refused.value.kind == 14
        assert sn.last_error() == (14, refused.value.code)


@pytest.mark.parametrize(("fault", "code"), [("congestion", 1), ("topic", 2), ("refuses", 3), ("stalls", 21)])
def test_codes_have_their_meaning(client: MqttSnClient, fault: str, code: int) -> None:
    client.use(MqttSnGateway(HOST, PORT, client_id=f"broken/{fault}/register/{nonce()}"))
    client.connect()
    with pytest.raises(ClientError, match=MQTTSN_CODES[code].text) as failed:
        client.register("kitchen/temperature")
    assert (failed.value.kind, failed.value.code) == (14, code)
    assert "no document" in mqttsn_meaning(14, 77).text


def test_the_service_is_named_only_when_it_is_dead(client: MqttSnClient, module: Module, rack: Rack) -> None:
    place = yaml.safe_load((Path(rack.directory) / "rig.yaml").read_text())["services"]["mqttsn"]["probe"]
    probe = mqttsn_probe(place["host"], place["port"])
    client.use(MqttSnGateway(HOST, PORT, client_id=f"broken/stalls/connect/{nonce()}"), probe=probe)
    with pytest.raises(ClientError) as alive:
        client.connect()
    assert isinstance(alive.value, UnitError)
    client.use(gateway())
    module.ctl("server", "name=mqttsn", "state=down")
    try:
        with pytest.raises(ClientServiceError, match="does not answer the host"):
            client.connect()
    finally:
        module.ctl("server", "name=mqttsn", "state=up")
    with client.session():
        pass


def test_a_lost_session_is_told_and_over(client: MqttSnClient, module: Module) -> None:
    client.use(gateway())
    client.connect()
    with client._expect(9) as ended:
        module.channel.send("AT+CFUN=4")
        try:
            assert ended.wait(WAIT_S).fields == (0, 101)
            with pytest.raises(AtError):
                client.register("a/b")
            with pytest.raises(ClientNetworkError):
                client.connect()
        finally:
            module.channel.send("AT+CFUN=1")
            assert wait_registered(module.channel)
            module.channel.send("AT+CGACT=1,1")
    with client.session():
        pass


def test_dtls_with_a_client_certificate(client: MqttSnClient, module: Module) -> None:
    """MQTT Flex; LENA-R8 has no secure MQTT-SN."""
    flex = MqttSnGateway("mqtt-flex.thingstream.io", 2443, client_id=f"device:{nonce()}", security=0)
    if module.series is Series.LENA_R8:
        with pytest.raises(AtError):
            client.use(flex)
        return
    certificates, kinds = Certificates(module.channel), (CertificateKind.CLIENT, CertificateKind.KEY)
    for kind, file in zip(kinds, ("device.pem", "device.key"), strict=True):
        certificates.put(kind, "flex", (CERTS / file).read_bytes())
    profile = SecurityProfile(check=ServerCheck.NONE, suites=("C030",), certificate="flex", key="flex")
    Security(module.channel).apply(0, profile)
    with client.use(flex).session() as sn:
        topic = sn.subscribe(f"flex/{nonce()}").topic
        sn.publish(topic, "secret")
        assert sn.receive(WAIT_S).text == "secret"
    Security(module.channel).reset(0)
    with pytest.raises(ClientError):
        client.connect()
    for kind in kinds:
        certificates.remove(kind, "flex")


def test_what_no_command_takes_is_refused_here(client: MqttSnClient) -> None:
    with pytest.raises(NotPossible, match="1025"):
        client.publish(MqttSnTopic.normal(1), "x" * 1025)
    with pytest.raises(NotPossible, match="513"):
        client.publish(MqttSnTopic.normal(1), bytes(513))
