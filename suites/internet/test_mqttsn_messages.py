"""MQTT-SN topics and messages: LENA-R8 guide 9.3.4.2, 9.3.4.3; LARA-R6 guide 7.3 to 7.7."""

from __future__ import annotations

import pytest

from cellbench.api import AtError, ClientError, Dut, MqttSnTopic, Recorder, procedure

from .sn import (
    GATEWAY,
    MESSAGE_S,
    back,
    forget_retained,
    fresh,
    no_error,
    one_waits,
    read_line,
    refused,
    session,
    setup,
    short_name,
    told,
)
from .web import Services, nonce

SUBSCRIBE = ("R8:9.3.4.2", "R6:7.3")
PUBLISH = ("R8:9.3.4.3", "R6:7.4")
QOS = pytest.mark.parametrize("qos", [0, 1, 2])


@procedure(*SUBSCRIBE, *PUBLISH, "R6:7.5", title="Subscribe, publish, read, unsubscribe, as printed",
           depends_on=GATEWAY)
def test_as_printed(online: Dut, services: Services, record: Recorder) -> None:
    """The rows of the sections in their order, with a nonce in topic and message."""
    mark = nonce()
    text = f"20 degrees Celsius {mark}"
    with fresh(online) as client:
        setup(online, services["mqttsn"])
        with client.session():
            client.discard()
            with record.step("subscribe to a normal topic"):
                result, qos, number = told(online, f'5,0,0,"room/temperature/{mark}"')
                assert (result, qos) == (1, 0)
                assert isinstance(number, int)
                assert number > 0
            with record.step("publish to its id, and the notice of the message"):
                one_waits(online, f'4,0,0,0,0,"{number}","{text}"')
            with record.step("read the message"):
                length = len(str(number))
                rest = f'0,{length + len(text)},{length},"{number}",{len(text)},"{text}"'
                assert read_line(online) in (f"9,{qos},{rest}" for qos in (0, 1))
            with record.step("unsubscribe from the id"):
                assert told(online, f'6,0,"{number}"') == (1,)
        no_error(online, record)


@procedure(*SUBSCRIBE, title="Each QoS is granted; the ids of topics differ", depends_on=GATEWAY)
def test_granted(online: Dut, services: Services) -> None:
    """The gateway may grant less than was asked for, never more; the same topic keeps its id."""
    mark = nonce()
    with session(online, services["mqttsn"]) as client:
        granted = {qos: client.subscribe(f"{mark}/{qos}", qos) for qos in (0, 1, 2)}
        assert all(one.third <= qos for qos, one in granted.items()), "more was granted than asked for"
        assert len({one.topic for one in granted.values()}) == 3, "topics share an id"
        assert client.subscribe(f"{mark}/1", 1).topic == granted[1].topic


@procedure(*SUBSCRIBE, title="Subscriptions that cannot be are refused", depends_on=GATEWAY)
def test_refused_subscriptions(online: Dut, services: Services) -> None:
    """QoS above 2, a topic type that is none, an empty name, a short name of three characters."""
    with session(online, services["mqttsn"]) as client:
        for line in ('5,3,0,"a/b"', '5,0,3,"a/b"', '5,0,0,""', '5,0,2,"abc"', "5,0,0"):
            assert refused(online, line), f"{line} was taken"
        assert client.subscribe(f"still/{nonce()}").topic.text.isdigit()


@procedure(*PUBLISH, title="Messages of each QoS come back whole", depends_on=GATEWAY)
@QOS
def test_qos(online: Dut, services: Services, record: Recorder, qos: int) -> None:
    """Text and, by the hexadecimal option, bytes that no text has; nothing comes twice."""
    mark = nonce()
    with session(online, services["mqttsn"]) as client:
        topic = client.subscribe(f"room/{mark}", 2).topic
        for data in (mark.encode(), b'"' + mark.encode() + b'"\r\nOK\r\n\0', b"\xff\x00" * 60):
            client.publish(topic, data, qos=qos)
            came = client.receive(MESSAGE_S)
            assert (came.topic, came.payload) == (topic, data)
            assert came.qos in ((0, 1) if qos == 0 else (qos,))  # 1 is printed for one of QoS 0
        assert client.read() is None, "a message came twice"
        no_error(online, record)


@procedure(*PUBLISH, title="Messages wait in the order in which they came", depends_on=GATEWAY)
def test_several_wait(online: Dut, services: Services) -> None:
    """Three are told, +UUMQTTSNC: 9,3 at the end, and read one by one; then nothing waits."""
    mark = nonce()
    with session(online, services["mqttsn"]) as client:
        topic = client.subscribe(f"room/{mark}", 1).topic
        with online.at.expect("+UUMQTTSNC", lambda event: event.fields == (9, 3)) as three:
            for number in range(3):
                client.publish(topic, f"{mark} {number}", qos=1)
            three.wait(MESSAGE_S)
        for number in range(3):
            back(client, topic, f"{mark} {number}")
        assert client.read() is None


@procedure(*PUBLISH, title="A retained message is kept for who subscribes later", depends_on=GATEWAY)
def test_retain(online: Dut, services: Services) -> None:
    """<retain> 1; an empty message takes it away, so that nothing stays behind."""
    mark = nonce()
    with session(online, services["mqttsn"]) as client:
        topic = client.register(f"kept/{mark}")
        client.publish(topic, mark, qos=1, retain=True)
        try:
            client.subscribe(f"kept/{mark}", 1)
            back(client, topic, mark)
        finally:
            client.unsubscribe(topic)
            forget_retained(online, topic)


@procedure(*PUBLISH, title="Publications that cannot be are refused", depends_on=GATEWAY)
def test_refused_publications(online: Dut, services: Services) -> None:
    """QoS, flags and topic type out of range, no such id, a long short name, digits that are none."""
    with session(online, services["mqttsn"]) as client:
        for line in ('4,4,0,0,0,"1","x"', '4,0,2,0,0,"1","x"', '4,0,0,2,0,"1","x"', '4,0,0,0,3,"1","x"',
                     '4,0,0,0,0,"0","x"', '4,0,0,0,2,"abc","x"', '4,0,0,1,0,"1","0"', '4,0,0,1,0,"1","xy"',
                     "4,0,0,0,0"):
            assert refused(online, line), f"{line} was taken"
        assert client.register(f"still/{nonce()}").text.isdigit()


@procedure(*PUBLISH, title="A topic id that the gateway never gave fails with QoS 1", depends_on=GATEWAY)
def test_unknown_topic(online: Dut, services: Services, record: Recorder) -> None:
    """+UUMQTTSNC: 4,0 and class 14; the session goes on."""
    with session(online, services["mqttsn"]) as client:
        with pytest.raises(ClientError) as failed:
            client.publish(MqttSnTopic.normal(4242), nonce(), qos=1)
        record.note(str(failed.value))
        assert failed.value.kind == 14
        topic = client.subscribe(f"room/{nonce()}", 1).topic
        client.publish(topic, "after it", qos=1)
        back(client, topic, "after it")


@procedure("R6:7.5", title="After unsubscribing nothing comes any more", depends_on=GATEWAY)
def test_unsubscribe(online: Dut, services: Services) -> None:
    """By a message to the topic that was left, followed by one to another that is still subscribed."""
    mark = nonce()
    with session(online, services["mqttsn"]) as client:
        left, kept = (client.subscribe(f"{mark}/{name}", 1).topic for name in ("left", "kept"))
        client.publish(left, "before", qos=1)
        back(client, left, "before")
        client.unsubscribe(left)
        client.publish(left, "after", qos=1)
        client.publish(kept, mark, qos=1)
        back(client, kept, mark)
        assert client.read() is None


@procedure("R6:7.6", title="Register to a topic and publish to it, as printed", depends_on=GATEWAY)
def test_register(online: Dut, services: Services, record: Recorder) -> None:
    """The message goes and does not come back, since nobody is subscribed; it is kept as retained."""
    mark = nonce()
    name, text = f"kitchen/temperature/{mark}", f"25 degrees Celsius {mark}"
    with session(online, services["mqttsn"]) as client:
        with record.step("register to a normal topic"):
            result, number = told(online, f'2,"{name}"')
            assert result == 1
            assert isinstance(number, int)
        with record.step("publish to its id"):
            assert told(online, f'4,1,1,0,0,"{number}","{text}"') == (1,)
        other = client.subscribe(f"other/{mark}", 1).topic
        client.publish(other, mark, qos=1)
        back(client, other, mark)  # what was published before it would have come before it
        with record.step("it has gone"):
            client.subscribe(name, 1)
            back(client, MqttSnTopic.normal(number), text)
        forget_retained(online, MqttSnTopic.normal(number))


@procedure("R6:7.6", title="Names that cannot be registered are refused", depends_on=GATEWAY)
def test_refused_names(online: Dut, services: Services) -> None:
    """An empty one, and wildcards; the gateway may be the one that refuses."""
    with session(online, services["mqttsn"]) as client:
        for name in ("", "a/#", "a/+/b"):
            with pytest.raises((ClientError, AtError)):
                client.register(name)
        assert client.register(f"still/{nonce()}").text.isdigit()


@procedure("R6:7.7", title="Short topics, as printed", depends_on=GATEWAY)
def test_short_topic(online: Dut, services: Services, record: Recorder) -> None:
    """Two characters stand for themselves: no id, +UUMQTTSNC: 5,1,2,0; read with topic type 2."""
    name, text = short_name(), f"test {nonce()}"
    with session(online, services["mqttsn"]):
        with record.step("subscribe"):
            assert told(online, f'5,0,2,"{name}"') == (1, 2, 0)
        with record.step("publish with QoS 1, and the notice of the message"):
            one_waits(online, f'4,1,0,0,2,"{name}","{text}"')
        with record.step("read"):
            assert read_line(online) == f'9,0,2,{2 + len(text)},2,"{name}",{len(text)},"{text}"'
        with record.step("unsubscribe"):
            assert told(online, f'6,2,"{name}"') == (1,)
        no_error(online, record)


@procedure("R6:7.7", title="A short topic that was left is silent", depends_on=GATEWAY)
def test_short_topic_left(online: Dut, services: Services) -> None:
    """A message to it, followed by one to another."""
    left, kept, mark = MqttSnTopic.short(short_name()), f"kept/{nonce()}", nonce()
    with session(online, services["mqttsn"]) as client:
        client.subscribe(left, 1)
        client.unsubscribe(left)
        client.publish(left, mark, qos=1)
        other = client.subscribe(kept, 1).topic
        client.publish(other, mark, qos=1)
        back(client, other, mark)
