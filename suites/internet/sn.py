"""What the MQTT-SN procedures share: a client without a past, commands as printed, messages with a nonce."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cellbench.api import (
    ClientError,
    Dut,
    Limit,
    MqttSnClient,
    MqttSnGateway,
    MqttSnTopic,
    Recorder,
    Service,
)

from .web import nonce

GATEWAY = ("network", "service:mqttsn")
URC_S = 120.0
MESSAGE_S = 60.0
NO_ERROR = Limit(equals="0,0", source="LARA-R6 guide 7.9")
Fields = tuple[int | str | None, ...]


@contextmanager
def fresh(dut: Dut) -> Iterator[MqttSnClient]:
    """The client without a session and with factory values, before the block and after it."""
    client = dut.mqttsn()
    client.leave()
    client.reset()
    try:
        yield client
    finally:
        client.leave()
        client.reset()


@contextmanager
def session(dut: Dut, service: Service, **more: object) -> Iterator[MqttSnClient]:
    """A session with a gateway, under a name of its own."""
    with fresh(dut) as client, client.use(gateway_of(service, **more)).session():
        client.discard()
        yield client


def gateway_of(service: Service, **more: object) -> MqttSnGateway:
    """The declaration of a service, by its address where it has one."""
    given = {"client_id": f"cellbench-{secrets.token_hex(8)}", "clean": True, **more}
    return MqttSnGateway(str(service.host or service.name), service.port or 1883,
                         **given)  # type: ignore[arg-type]


def setup(dut: Dut, service: Service) -> None:
    """The first rows of the guides' tables; the client identifier stays the IMEI."""
    dut.send("AT+CMEE=2")
    dut.send(f'AT+UMQTTSN=2,"{service.host}",{service.port}')


def told(dut: Dut, line: str) -> Fields:
    """AT+UMQTTSNC, and what its URC tells behind the operation's number."""
    op = int(line.partition(",")[0])
    with dut.at.expect("+UUMQTTSNC", lambda event: event.fields[:1] == (op,)) as result:
        dut.send(f"AT+UMQTTSNC={line}")
        return result.wait(URC_S).fields[1:]


def refused(dut: Dut, line: str) -> bool:
    """True when AT+UMQTTSNC is refused, at once or by its URC."""
    op = int(line.partition(",")[0])
    with dut.at.expect("+UUMQTTSNC", lambda event: event.fields[:1] == (op,)) as result:
        answer = dut.send(f"AT+UMQTTSNC={line}", check=False)
        return not answer.ok or result.wait(URC_S).fields[1:2] != (1,)


def forget_retained(dut: Dut, topic: MqttSnTopic) -> None:
    """An empty message takes a retained one away, so that nothing stays behind; a module may refuse it."""
    refused(dut, f'4,1,1,0,{int(topic.kind)},"{topic.text}",""')


def one_waits(dut: Dut, line: str) -> None:
    """A publication that is told to have gone and to have come back: its URCs, in either order."""
    with dut.at.expect("+UUMQTTSNC", lambda event: event.fields[:1] == (9,)) as arrived:
        assert told(dut, line) == (1,), "the publication failed"
        assert arrived.wait(MESSAGE_S).fields == (9, 1)


def read_line(dut: Dut) -> str:
    """What AT+UMQTTSNC=9,1 prints behind its prefix, which is not the same in all firmware."""
    line = dut.send("AT+UMQTTSNC=9,1").info[0]
    return line.partition(":")[2].strip()


def back(client: MqttSnClient, topic: MqttSnTopic, text: str) -> None:
    """The next message is this one, on this topic."""
    came = client.receive(MESSAGE_S)
    assert (came.topic, came.text) == (topic, text), "another message came"


def no_error(dut: Dut, record: Recorder) -> None:
    """Class and code of the last command are 0."""
    kind, code = dut.mqttsn().last_error()
    record.measure("+UMQTTSNER", f"{kind},{code}", limit=NO_ERROR)


def short_name() -> str:
    """Two letters, so that slots beside each other do not hear one another."""
    return "".join(secrets.choice(string.ascii_letters) for _ in range(2))


def talk(client: MqttSnClient) -> None:
    """Subscribe, publish with QoS 1, the message back, unsubscribe: as in a session without security."""
    mark = nonce()
    topic = client.subscribe(f"talk/{mark}", 1).topic
    client.publish(topic, mark, qos=1)
    back(client, topic, mark)
    client.unsubscribe(topic)


def fails(client: MqttSnClient, record: Recorder) -> None:
    """No session; class and code are told."""
    with pytest.raises(ClientError) as failed:
        client.connect()
    record.note(str(failed.value))
    assert failed.value.kind == 14
