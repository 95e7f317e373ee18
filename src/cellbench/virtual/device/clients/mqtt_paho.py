"""The MQTT protocol of the module: paho-mqtt between two buffers, so that it never sees a socket.

paho has no public way to give it a connection; the one private name used is checked before the first
session, and so is that its answers come back (``check``).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, cast

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from cellbench.base.errors import OperatorError

_HOOK = "_create_socket_connection"
_KNOWN = "2.2.0"  # the one of requirements.lock
_PINGREQ = b"\xc0\x00"  # OASIS MQTT 3.1.1, 3.12
# what paho makes of the return codes of CONNACK (3.2.2.3)
_REFUSALS = {0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5}
_REFUSED_SUBSCRIPTION = 0x80
_BROKEN = (ValueError, IndexError, KeyError, struct.error)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker took the log in, or refused it with a code of CONNACK other than 0."""

    code: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A publication, subscription or its end is done; ``granted`` is a subscription's QoS, None: refused."""

    number: int
    granted: int | None = 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message came."""

    topic: bytes
    payload: bytes
    qos: int


@dataclass(frozen=True, slots=True)
class PingAnswered:
    """PINGRESP came."""


@dataclass(frozen=True, slots=True)
class Violated:
    """What came is no MQTT: the session is over."""

    detail: str


Event = Accepted | Acknowledged | Arrived | PingAnswered | Violated


@dataclass(frozen=True, slots=True)
class Will:
    """The last will."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class LogIn:
    """What a client says of itself."""

    client_id: str
    clean: bool
    keep_alive_s: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    will: Will | None = None


class _Wire:
    """What paho takes for a socket: two buffers."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()

    def recv(self, size: int) -> bytes:
        """Bytes that came, or BlockingIOError."""
        if not self.incoming:
            raise BlockingIOError
        data = bytes(self.incoming[:size])
        del self.incoming[: len(data)]
        return data

    def send(self, data: bytes | bytearray) -> int:
        """Takes all."""
        self.outgoing += data
        return len(data)

    def setblocking(self, flag: bool) -> None:
        """Never blocks."""

    def close(self) -> None:
        """Nothing to close."""

    def fileno(self) -> int:
        """None there is."""
        return -1


class _Client(paho.Client):
    """paho with a wire in place of a connection."""

    def __init__(self, wire: _Wire, log_in: LogIn) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=log_in.client_id, clean_session=log_in.clean,
                         protocol=MQTTProtocolVersion.MQTTv311, reconnect_on_failure=False)
        self._wire = wire

    def _create_socket_connection(self) -> socket.socket:
        return cast(socket.socket, self._wire)


class PahoSession:
    """One session, from log in to its end: calls and bytes in, events and bytes out.

    Raises OperatorError when the installed paho-mqtt cannot be used so.
    """

    def __init__(self, log_in: LogIn) -> None:
        check_hook()
        self._wire = _Wire()
        self._events: list[Event] = []
        self._client = client = _Client(self._wire, log_in)
        if log_in.user is not None:
            client.username_pw_set(log_in.user, log_in.password)
        if log_in.will is not None:
            will = log_in.will
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._connected
        client.on_publish = self._published
        client.on_subscribe = self._subscribed
        client.on_unsubscribe = self._unsubscribed
        client.on_message = self._message
        client.on_log = self._logged
        client.connect("module", 1883, log_in.keep_alive_s)

    def outgoing(self) -> bytes:
        """Bytes for the broker."""
        data = bytes(self._wire.outgoing)
        self._wire.outgoing.clear()
        return data

    def receive(self, data: bytes) -> tuple[Event, ...]:
        """Bytes from the broker."""
        self._wire.incoming += data
        try:
            while self._wire.incoming:
                result = self._client.loop_read()
                if result is MQTTErrorCode.MQTT_ERR_CONN_REFUSED:
                    break
                if result is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                    self._events.append(Violated(paho.error_string(result)))
                    break
                self._client.loop_write()
        except _BROKEN as error:
            self._events.append(Violated(str(error)))
        events, self._events = tuple(self._events), []
        return events

    def publish(self, topic: str, payload: bytes, qos: int, *, retain: bool) -> int:
        """Send a message; the number of its acknowledgement."""
        return self._client.publish(topic, payload, qos, retain).mid

    def subscribe(self, topic_filter: str, qos: int) -> int:
        """Ask for messages; the number of the acknowledgement. ValueError for a filter that is none."""
        return cast(int, self._client.subscribe(topic_filter, qos)[1])

    def unsubscribe(self, topic_filter: str) -> int:
        """End a subscription; the number of the acknowledgement."""
        return cast(int, self._client.unsubscribe(topic_filter)[1])

    def ping(self) -> None:
        """Send PINGREQ. paho's own pings go by its own clock, which is not asked here."""
        self._wire.outgoing += _PINGREQ

    def disconnect(self) -> None:
        """Send DISCONNECT."""
        self._client.disconnect()

    # -- what paho calls; the signatures are its own ------------------------------------------------

    def _connected(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        value = int(reason.value)
        self._events.append(Accepted(_REFUSALS.get(value, 3) if value else 0))

    def _published(self, client: Any, userdata: Any, number: int, reason: Any, properties: Any) -> None:
        self._events.append(Acknowledged(number))

    def _subscribed(self, client: Any, userdata: Any, number: int, reasons: Any, properties: Any) -> None:
        value = int(reasons[0].value)
        self._events.append(Acknowledged(number, None if value >= _REFUSED_SUBSCRIPTION else value))

    def _unsubscribed(self, client: Any, userdata: Any, number: int, reasons: Any, properties: Any) -> None:
        self._events.append(Acknowledged(number))

    def _message(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:
        self._events.append(Arrived(message.topic.encode("utf-8"), bytes(message.payload), message.qos))

    def _logged(self, client: Any, userdata: Any, level: int, text: str) -> None:
        if text == "Received PINGRESP":
            self._events.append(PingAnswered())


def check_hook() -> None:
    """OperatorError when paho-mqtt has no longer what the wire hangs on."""
    if not isinstance(getattr(paho.Client, _HOOK, None), Callable):  # type: ignore[arg-type]
        raise _unusable(f"has no Client.{_HOOK}, by which the virtual module's MQTT client is connected")


def _unusable(what: str) -> OperatorError:
    return OperatorError(f"paho-mqtt {version('paho-mqtt')} {what}",
                         remedy=f"install a version that is known to do: pip install paho-mqtt=={_KNOWN}")


def check() -> None:
    """OperatorError when a session does not work with the installed paho-mqtt, with what is missing."""
    session = PahoSession(LogIn("check", clean=True, keep_alive_s=60))
    steps: tuple[tuple[str, bool], ...] = (
        ("CONNECT on the wire", session.outgoing()[:1] == b"\x10"),
        ("CONNACK as an event", session.receive(b"\x20\x02\x00\x00") == (Accepted(0),)),
        ("PINGRESP as an event", session.receive(b"\xd0\x00") == (PingAnswered(),)),
        ("a message as an event", session.receive(b"\x30\x04\x00\x01tm") == (Arrived(b"t", b"m", 0),)),
    )
    for what, good in steps:
        if not good:
            raise _unusable(f"does not give {what} to the virtual module's MQTT client")
