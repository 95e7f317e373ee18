"""Both MQTT-SN codecs, the gateway's and the module's, against datagrams laid out from the specification."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cellbench.services import mqttsn_codec as gateway
from cellbench.services.mqttsn_codec import Flags, Kind, Message, ReturnCode, TopicType
from cellbench.virtual.device.clients import mqttsn_codec as module

SPEC: Mapping[str, Any] = yaml.safe_load(
    (Path(__file__).parent / "mqttsn" / "messages.yaml").read_text(encoding="utf-8"))
ROWS: Mapping[str, Any] = SPEC["messages"]


def octets(name: str) -> bytes:
    return bytes.fromhex(ROWS[name]["bytes"])


QOS_1, RETAIN = Flags(qos=1), Flags(qos=1, retain=True)
GATEWAY = {
    "advertise": Message(Kind.ADVERTISE, gateway=1, duration=900),
    "searchgw": Message(Kind.SEARCHGW, radius=2),
    "gwinfo": Message(Kind.GWINFO, gateway=1),
    "connect": Message(Kind.CONNECT, Flags(will=True, clean=True), duration=600, rest=b"dev1"),
    "connack": Message(Kind.CONNACK, code=ReturnCode.CONGESTION),
    "willtopicreq": Message(Kind.WILLTOPICREQ),
    "willtopic": Message(Kind.WILLTOPIC, RETAIN, rest=b"a/bc"),
    "willtopic_empty": Message(Kind.WILLTOPIC, empty=True),
    "willmsgreq": Message(Kind.WILLMSGREQ),
    "willmsg": Message(Kind.WILLMSG, rest=b"gone"),
    "register_client": Message(Kind.REGISTER, number=7, rest=b"a/bc"),
    "register_gateway": Message(Kind.REGISTER, topic_id=3, number=258, rest=b"a/bc"),
    "regack": Message(Kind.REGACK, topic_id=3, number=7),
    "publish": Message(Kind.PUBLISH, RETAIN, 3, 8, rest=b"abc"),
    "publish_short": Message(Kind.PUBLISH, Flags(topic_type=TopicType.SHORT), 0x6161, rest=b"hi"),
    "publish_again": Message(Kind.PUBLISH, Flags(dup=True, qos=2, topic_type=TopicType.PREDEFINED), 2, 9,
                             rest=b"x"),
    "publish_unconnected": Message(Kind.PUBLISH, Flags(qos=-1, topic_type=TopicType.PREDEFINED), 1,
                                   rest=b"x"),
    "puback": Message(Kind.PUBACK, topic_id=3, number=8, code=ReturnCode.INVALID_TOPIC_ID),
    "pubrec": Message(Kind.PUBREC, number=9),
    "pubrel": Message(Kind.PUBREL, number=9),
    "pubcomp": Message(Kind.PUBCOMP, number=9),
    "subscribe": Message(Kind.SUBSCRIBE, QOS_1, number=10, rest=b"a/bc"),
    "subscribe_short": Message(Kind.SUBSCRIBE, Flags(topic_type=TopicType.SHORT), number=10, rest=b"aa"),
    "subscribe_predefined": Message(Kind.SUBSCRIBE, Flags(qos=2, topic_type=TopicType.PREDEFINED), number=10,
                                    rest=b"\0\2"),
    "suback": Message(Kind.SUBACK, QOS_1, 3, 10),
    "unsubscribe": Message(Kind.UNSUBSCRIBE, number=11, rest=b"a/bc"),
    "unsuback": Message(Kind.UNSUBACK, number=11),
    "pingreq": Message(Kind.PINGREQ),
    "pingreq_asleep": Message(Kind.PINGREQ, rest=b"dev1"),
    "pingresp": Message(Kind.PINGRESP),
    "disconnect": Message(Kind.DISCONNECT),
    "disconnect_asleep": Message(Kind.DISCONNECT, duration=60),
    "willtopicupd": Message(Kind.WILLTOPICUPD, Flags(qos=2), rest=b"a/bc"),
    "willtopicupd_empty": Message(Kind.WILLTOPICUPD, empty=True),
    "willmsgupd": Message(Kind.WILLMSGUPD, rest=b"new"),
    "willtopicresp": Message(Kind.WILLTOPICRESP),
    "willmsgresp": Message(Kind.WILLMSGRESP, code=ReturnCode.NOT_SUPPORTED),
}
HEARD: Mapping[str, module.Heard] = {
    "connack": module.ConnAck(1),
    "willtopicreq": module.WillTopicReq(),
    "willmsgreq": module.WillMsgReq(),
    "register_gateway": module.Register(3, 258, b"a/bc"),
    "regack": module.RegAck(3, 7, 0),
    "publish": module.Publish(1, True, module.NORMAL, 3, 8, b"abc"),
    "publish_short": module.Publish(0, False, module.SHORT, 0x6161, 0, b"hi"),
    "puback": module.PubAck(3, 8, 2),
    "pubrec": module.PubRec(9),
    "pubrel": module.PubRel(9),
    "pubcomp": module.PubComp(9),
    "suback": module.SubAck(1, 3, 10, 0),
    "unsuback": module.UnsubAck(11),
    "pingresp": module.PingResp(),
    "disconnect": module.Disconnect(),
    "willtopicresp": module.WillTopicResp(0),
    "willmsgresp": module.WillMsgResp(3),
}
SAID = {
    "connect": module.connect(b"dev1", 600, clean=True, will=True),
    "willtopic": module.will_topic(b"a/bc", 1, retain=True),
    "willtopic_empty": module.will_topic(b"", 1, retain=True),
    "willmsg": module.will_message(b"gone"),
    "register_client": module.register(7, b"a/bc"),
    "regack": module.registered(3, 7, module.ACCEPTED),
    "publish": module.publish(module.NORMAL, 3, 8, b"abc", qos=1, retain=True),
    "publish_short": module.publish(module.SHORT, 0x6161, 0, b"hi", qos=0, retain=False),
    "publish_again": module.publish(module.PREDEFINED, 2, 9, b"x", qos=2, retain=False, again=True),
    "publish_unconnected": module.publish(module.PREDEFINED, 1, 0, b"x", qos=3, retain=False),
    "puback": module.published(3, 8, module.INVALID_TOPIC),
    "pubrec": module.received(9),
    "pubrel": module.release(9),
    "pubcomp": module.complete(9),
    "subscribe": module.subscribe(10, module.NORMAL, b"a/bc", qos=1),
    "subscribe_short": module.subscribe(10, module.SHORT, b"aa", qos=0),
    "subscribe_predefined": module.subscribe(10, module.PREDEFINED, b"\0\2", qos=2),
    "unsubscribe": module.unsubscribe(11, module.NORMAL, b"a/bc"),
    "pingreq": module.ping(),
    "pingreq_asleep": module.ping(b"dev1"),
    "pingresp": module.pong(),
    "disconnect": module.disconnect(),
    "willtopicupd": module.update_will_topic(b"a/bc", 2, retain=False),
    "willtopicupd_empty": module.update_will_topic(b"", 2, retain=False),
    "willmsgupd": module.update_will_message(b"new"),
}


@pytest.mark.parametrize("name", ROWS)
def test_gateway_reads_and_writes(name: str) -> None:
    assert gateway.decode(octets(name)) == GATEWAY[name]
    assert gateway.encode(GATEWAY[name]) == octets(name)


@pytest.mark.parametrize("name", ROWS)
def test_module_reads_what_gateways_send_and_writes_what_clients_send(name: str) -> None:
    assert name in HEARD or name in SAID or name in ("advertise", "searchgw", "gwinfo", "disconnect_asleep")
    if name in HEARD:
        assert ROWS[name]["direction"] in ("gateway", "both")
        assert module.parse(octets(name)) == HEARD[name]
    if name in SAID:
        assert ROWS[name]["direction"] in ("client", "both")
        assert SAID[name] == octets(name)


def test_long_messages() -> None:
    data = bytes(SPEC["long"]["data"])
    datagram = bytes.fromhex(SPEC["long"]["head"]) + data
    assert gateway.decode(datagram) == Message(Kind.PUBLISH, topic_id=3, rest=data)
    assert gateway.encode(Message(Kind.PUBLISH, topic_id=3, rest=data)) == datagram
    assert module.publish(module.NORMAL, 3, 0, data, qos=0, retain=False) == datagram
    assert module.parse(datagram) == module.Publish(0, False, module.NORMAL, 3, 0, data)


@pytest.mark.parametrize("row", SPEC["refused"], ids=lambda row: row["why"])
def test_refused(row: Mapping[str, str]) -> None:
    with pytest.raises(gateway.MalformedMessage):
        gateway.decode(bytes.fromhex(row["bytes"]))
    with pytest.raises(module.NoMessage):
        module.parse(bytes.fromhex(row["bytes"]))


@given(st.binary(max_size=40))
def test_any_datagram_is_read_or_refused(datagram: bytes) -> None:
    with suppress(gateway.MalformedMessage):
        message = gateway.decode(datagram)
        assert gateway.decode(gateway.encode(message)) == message
    with suppress(module.NoMessage):
        assert module.parse(datagram).__class__.__module__ == module.__name__


@given(st.integers(0, 2), st.booleans(), st.sampled_from(list(TopicType)), st.integers(0, 0xFFFF),
       st.integers(0, 0xFFFF), st.binary(max_size=600))
def test_messages_come_through(qos: int, retain: bool, kind: TopicType, topic_id: int, number: int,
                               data: bytes) -> None:
    """The module's bytes read by the gateway, and back."""
    sent = module.publish(int(kind), topic_id, number, data, qos=qos, retain=retain)
    message = gateway.decode(sent)
    assert message == Message(Kind.PUBLISH, Flags(qos=qos, retain=retain, topic_type=kind), topic_id, number,
                              rest=data)
    assert module.parse(gateway.encode(message)) == module.Publish(
        qos, retain, int(kind), topic_id, number, data)
