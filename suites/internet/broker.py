"""What the MQTT procedures share: brokers by role, sessions, results as printed.

Topics carry a nonce as payloads do: other slots talk to the same broker, and it may hold retained messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cellbench.api import Dut, Limit, MqttClient, MqttServer, Recorder, Service

BROKER = ("network", "service:mqtt")
SECURE_BROKER = ("network", "service:mqtts")
RESULT_S = 180.0  # the module itself waits up to 120 s (ubxlib)
_URC = "+UUMQTTC"


def broker_of(service: Service, **more: object) -> MqttServer:
    """The declaration of a broker, by its address where it has one."""
    return MqttServer(str(service.host or service.name), service.port, **more)  # type: ignore[arg-type]


@contextmanager
def session(dut: Dut, server: MqttServer) -> Iterator[MqttClient]:
    """Logged in as declared, without old messages; logged out and at factory values afterwards."""
    with dut.mqtt().use(server) as mqtt:
        mqtt.messages()
        yield mqtt
    mqtt.factory()


def setup(dut: Dut, service: Service, *lines: str) -> None:
    """Factory values, the rows given, address and port, as printed."""
    dut.send("AT+CMEE=2")
    dut.send("AT+UMQTTNV=0")
    for line in lines:
        dut.send(line)
    dut.send(f'AT+UMQTT=2,"{service.host or service.name}",{service.port}')


def outcome(dut: Dut, line: str, payload: bytes | None = None) -> str:
    """A command of +UMQTTC, its OK and then the URC of its result, without blanks behind commas."""
    operation = int(line.partition("=")[2].split(",")[0])
    told = (operation, 2) if operation == 9 else (operation,)
    with dut.at.expect(_URC, lambda event: event.fields[:1] and event.fields[0] in told) as result:
        dut.send(line, payload=payload)
        return result.wait(RESULT_S).text


def log_out(dut: Dut) -> None:
    """The session over, whatever state it is in, and factory values."""
    answer = None
    with dut.at.expect(_URC, lambda event: event.fields[:1] == (0,)) as result:
        answer = dut.send("AT+UMQTTC=0", check=False)
        if answer.ok:
            result.wait(RESULT_S)
    dut.send("AT+UMQTTNV=0")


def no_error(dut: Dut, record: Recorder) -> None:
    """Class and code of the last operation are 0."""
    kind, code = dut.mqtt().last_error()
    record.measure("+UMQTTER", f"{kind},{code}", limit=Limit(equals="0,0", source="LARA-R6 guide 6.8"))
