"""MQTT messages: LENA-R8 guide 9.3.3.3; LARA-R6 guide 6.3 to 6.5."""

from __future__ import annotations

import secrets

import pytest

from cellbench.api import Dut, FarSide, MessageForm, NotPossible, Recorder, procedure

from .broker import BROKER, broker_of, log_out, no_error, outcome, session, setup
from .web import Services, nonce

MESSAGES = ("R8:9.3.3.3", "R6:6.3")
QUOTED = b'"this is an example"\r'


def notified(dut: Dut, line: str, payload: bytes | None = None) -> None:
    """A publication to the module itself: its result, and the notice of one message."""
    with dut.at.expect("+UUMQTTC", lambda event: event.fields == (6, 1)) as notice:
        assert outcome(dut, line, payload).endswith(",1")
        notice.wait(60.0)


@procedure(*MESSAGES, title="Subscribe, publish, read and unsubscribe, as printed", depends_on=BROKER)
def test_as_printed(online: Dut, services: Services, record: Recorder) -> None:
    """The rows of the table; topic and message carry a nonce."""
    topic, text = f"module/lights/{nonce()}", f"light_1 is red {nonce()}"
    setup(online, services["mqtt"])
    assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
    try:
        online.mqtt().messages()
        with record.step("subscribe"):
            assert outcome(online, f'AT+UMQTTC=4,0,"{topic}"') == f'+UUMQTTC: 4,1,0,"{topic}"'
        with record.step("publish"):
            notified(online, f'AT+UMQTTC=2,0,0,0,"{topic}","{text}"')
        with record.step("read"):
            answer = online.send("AT+UMQTTC=6,1")
            assert answer.text.replace(", ", ",") == (
                f'+UMQTTC: 6,0,{len(topic) + len(text)},{len(topic)},"{topic}",{len(text)},"{text}"')
        with record.step("unsubscribe"):
            assert outcome(online, f'AT+UMQTTC=5,"{topic}"') == "+UUMQTTC: 5,1"
        no_error(online, record)
    finally:
        log_out(online)


@procedure(*MESSAGES, title="Each QoS: asked for, granted, and on the message", depends_on=BROKER)
@pytest.mark.parametrize("published", [0, 1, 2])
@pytest.mark.parametrize("granted", [0, 1, 2])
def test_qos(online: Dut, services: Services, published: int, granted: int) -> None:
    """A message comes with the lower one of both."""
    topic, mark = f"qos/{nonce()}", nonce()
    with session(online, broker_of(services["mqtt"])) as mqtt:
        assert mqtt.subscribe(topic, granted) == granted
        mqtt.publish(topic, mark, qos=published)
        message = mqtt.receive(topic)
        assert (message.text, message.qos) == (mark, min(published, granted))


@procedure(*MESSAGES, title="A retained message is kept by the broker, one without is not", depends_on=BROKER)
def test_retain(online: Dut, services: Services) -> None:
    """It comes with a later subscription, until an empty one takes it back."""
    base, mark = f"retain/{nonce()}", nonce()
    with session(online, broker_of(services["mqtt"])) as mqtt:
        mqtt.publish(f"{base}/kept", mark, qos=1, retain=True)
        mqtt.publish(f"{base}/gone", mark, qos=1)
        mqtt.subscribe(f"{base}/#", 1)
        try:
            message = mqtt.receive()
            assert (message.topic, message.text) == (f"{base}/kept", mark)
            assert not mqtt.messages(), "a message that was not to be retained came later"
        finally:
            mqtt.publish(f"{base}/kept", b"", qos=1, retain=True)
        mqtt.unsubscribe(f"{base}/#")
        mqtt.messages()
        mqtt.subscribe(f"{base}/#", 1)
        mqtt.publish(f"{base}/last", mark, qos=1)
        assert mqtt.receive().topic == f"{base}/last", "what was taken back still comes"


@procedure(*MESSAGES, title="Wildcards; after the end of a subscription nothing comes", depends_on=BROKER)
def test_filters(online: Dut, services: Services) -> None:
    """+ for one level, # for the rest; a topic beside them does not come."""
    base, mark = f"filters/{nonce()}", nonce()
    with session(online, broker_of(services["mqtt"])) as mqtt:
        mqtt.subscribe(f"{base}/+/lamp", 1)
        mqtt.subscribe(f"{base}/all/#", 1)
        for topic in ("kitchen/lamp", "kitchen/fan", "all/of/it", "end/lamp"):
            mqtt.publish(f"{base}/{topic}", mark, qos=1)
        seen = [mqtt.receive().topic for _ in range(3)]
        assert seen == [f"{base}/{topic}" for topic in ("kitchen/lamp", "all/of/it", "end/lamp")]
        mqtt.unsubscribe(f"{base}/+/lamp")
        mqtt.publish(f"{base}/kitchen/lamp", mark, qos=1)
        mqtt.publish(f"{base}/all/last", mark, qos=1)
        assert mqtt.receive().topic == f"{base}/all/last"


@procedure(*MESSAGES, title="Messages wait, are counted, and are read one by one", depends_on=BROKER)
def test_waiting_messages(online: Dut, services: Services) -> None:
    """+UUMQTTC: 6,<n> on arrival and again while some are left; the oldest is read first."""
    topic, marks = f"wait/{nonce()}", [nonce() for _ in range(3)]
    with session(online, broker_of(services["mqtt"])) as mqtt:
        mqtt.subscribe(topic, 1)
        with online.at.expect("+UUMQTTC", lambda event: event.fields == (6, 3)) as three:
            for mark in marks:
                mqtt.publish(topic, mark, qos=1)
            three.wait(60.0)
        for left, mark in zip((2, 1, 0), marks, strict=True):
            told = (6, left)
            with online.at.expect("+UUMQTTC", lambda event, told=told: event.fields == told) as count:
                read = online.send("AT+UMQTTC=6,1").fields("+UMQTTC")
                assert [line[6] for line in read] == [mark]
                if left:
                    count.wait(60.0)
        assert not mqtt.messages()


@procedure(*MESSAGES, title="What is no publication or subscription is refused", depends_on=BROKER)
@pytest.mark.parametrize("line", [
    '2,3,0,0,"a","b"', '2,0,2,0,"a","b"', '2,0,0,2,"a","b"', '2,0,0,0,"","b"', '2,0,0,0,"a/+","b"',
    '4,3,"a"', '4,0,""', '4,0,"a/#/b"', '5,""', "11"])
def test_refusals(online: Dut, services: Services, line: str) -> None:
    """QoS 0 to 2, retain and hexadecimal mode 0 and 1, no wildcard in the topic of a message."""
    with session(online, broker_of(services["mqtt"])) as mqtt:
        assert not online.send(f"AT+UMQTTC={line}", check=False).ok, f"AT+UMQTTC={line} was taken"
        topic = f"after/{nonce()}"
        mqtt.subscribe(topic)
        mqtt.publish(topic, topic)
        assert mqtt.receive(topic).text == topic


@procedure("R6:6.4", title="The same digits in ASCII mode and in hexadecimal mode, as printed",
           depends_on=BROKER)
def test_hexadecimal_as_printed(online: Dut, services: Services, record: Recorder) -> None:
    """ASCII mode: 8 characters come back. HEX mode: 4 bytes, AB CD 30 31."""
    setup(online, services["mqtt"])
    assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
    try:
        online.mqtt().messages()
        for mode, name, payload in ((0, "ascii", b"ABCD3031"), (1, "hex", b"\xab\xcd01")):
            topic = f"module/{name}/{nonce()}"
            with record.step(f"{name} mode"):
                assert outcome(online, f'AT+UMQTTC=4,0,"{topic}"') == f'+UUMQTTC: 4,1,0,"{topic}"'
                notified(online, f'AT+UMQTTC=2,0,0,{mode},"{topic}","ABCD3031"')
                answer = online.send("AT+UMQTTC=6,1").value("+UMQTTC")
                assert answer == (6, 0, len(topic) + len(payload), len(topic), topic, len(payload),
                                  payload.decode("latin-1"))
    finally:
        log_out(online)


@procedure("R6:6.4", title="Every byte comes back in hexadecimal mode; what is no byte is refused",
           depends_on=BROKER)
def test_hexadecimal_bytes(online: Dut, services: Services) -> None:
    """All 256 values; an odd number of digits and other characters are refused."""
    topic = f"hex/{nonce()}"
    with session(online, broker_of(services["mqtt"])) as mqtt:
        mqtt.subscribe(topic, 1)
        mqtt.publish(topic, bytes(range(256)), qos=1, form=MessageForm.HEXADECIMAL)
        assert mqtt.receive(topic).payload == bytes(range(256))
        for digits in ("ABC", "GG", "0x41"):
            refused = online.send(f'AT+UMQTTC=2,0,0,1,"{topic}","{digits}"', check=False)
            assert not refused.ok, f"{digits} was taken for bytes"


@procedure("R6:6.5", title="A message with quotation marks and carriage return, as printed",
           depends_on=BROKER)
def test_binary_as_printed(online: Dut, services: Services, record: Recorder) -> None:
    """21 bytes at the prompt, QoS 1; read with both displayed."""
    topic = f"module/special/{nonce()}"
    setup(online, services["mqtt"])
    assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
    try:
        online.mqtt().messages()
        assert outcome(online, f'AT+UMQTTC=4,0,"{topic}"') == f'+UUMQTTC: 4,1,0,"{topic}"'
        notified(online, f'AT+UMQTTC=9,1,0,"{topic}",{len(QUOTED)}', QUOTED)
        answer = online.send("AT+UMQTTC=6,1").value("+UMQTTC")
        assert answer == (6, 0, len(topic) + 21, len(topic), topic, 21, QUOTED.decode())
        no_error(online, record)
    finally:
        log_out(online)


@procedure("R6:6.5", title="Binary messages of any bytes, up to 1024", depends_on=BROKER)
@pytest.mark.parametrize("size", [1, 255, 1024])
def test_binary_sizes(online: Dut, services: Services, size: int) -> None:
    """Bytes that no earlier run can have left; final codes among them change nothing."""
    topic = f"binary/{nonce()}"
    payload = (secrets.token_bytes(8) + b"\r\nOK\r\n\0\x1b\x1a" + secrets.token_bytes(size))[:size]
    with session(online, broker_of(services["mqtt"])) as mqtt:
        mqtt.subscribe(topic, 2)
        mqtt.publish(topic, payload, qos=2, form=MessageForm.BINARY)
        assert mqtt.receive(topic).payload == payload


@procedure("R6:6.5", title="A binary message that cannot be is refused without a prompt", depends_on=BROKER)
@pytest.mark.parametrize("line", ['9,0,0,"a",0', '9,0,0,"a",1025', '9,3,0,"a",5', '9,0,0,"",5'])
def test_binary_refusals(online: Dut, services: Services, line: str) -> None:
    """1 to 1024 bytes."""
    with session(online, broker_of(services["mqtt"])):
        assert not online.send(f"AT+UMQTTC={line}", check=False).ok, f"AT+UMQTTC={line} was taken"


@procedure(*MESSAGES, title="The content of a file is published, byte for byte", depends_on=BROKER)
def test_file(online: Dut, services: Services) -> None:
    """Operation 3, which the manual has and the guides do not print; a file that is not there is refused."""
    topic, payload, name = f"file/{nonce()}", secrets.token_bytes(700), f"mqtt-{nonce()}"
    with session(online, broker_of(services["mqtt"])) as mqtt:
        mqtt.subscribe(topic, 1)
        online.files.put(name, payload)
        try:
            mqtt.publish_file(topic, name, qos=1)
            assert mqtt.receive(topic).payload == payload
        finally:
            online.files.delete(name)
        assert not online.send(f'AT+UMQTTC=3,0,0,"{topic}","{name}"', check=False).ok


@procedure(*MESSAGES, title="A broker that fails in the middle ends the session; the next one works",
           depends_on=BROKER)
@pytest.mark.parametrize("fault", ["dies", "reset", "rubbish"])
def test_broken_broker(online: Dut, services: Services, record: Recorder, fault: str) -> None:
    """At the first publication: a failed result or the end of the session, never a success."""
    if services["mqtt"].probe is None:
        raise NotPossible("only the project's own broker fails on demand")
    setup(online, services["mqtt"], f'AT+UMQTT=4,"broken/{fault}/publish"')
    assert outcome(online, "AT+UMQTTC=1") == "+UUMQTTC: 1,1"
    with online.at.expect("+UUMQTTC", lambda event: event.fields[:1] in ((0,), (2,))) as told:
        online.send('AT+UMQTTC=2,1,0,0,"a","b"')
        text = told.wait(120.0).text
    record.note(f"{text}; {online.mqtt().last_meaning().text}")
    assert text != "+UUMQTTC: 2,1", "a broker that failed acknowledged"
    log_out(online)
    with session(online, broker_of(services["mqtt"])):
        no_error(online, record)


@procedure(*MESSAGES, title="The topic that is published is the one the broker sees", depends_on=BROKER,
           needs=("far-side:server", "far-side:report"))
def test_topic_seen(online: Dut, services: Services, far_side: FarSide) -> None:
    """By the broker's own word, after QoS 1 was acknowledged."""
    topic = f"seen/{nonce()}"
    with session(online, broker_of(services["mqtt"])) as mqtt:
        mqtt.publish(topic, nonce(), qos=1)
        assert far_side.report("mqtt")["last_topic"] == topic
