"""The MQTT side of the MQTT-SN gateway: one MQTT connection to the broker for each of its clients.

The gateway is a transparent one (MQTT-SN 1.2, clause 4.1): what a client does over there, its own MQTT
client does here, in control packets as they would go over TCP.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from .mqtt_broker import Broker, Client
from .mqtt_packets import (
    REFUSED_SUBSCRIPTION,
    Kind,
    MalformedPacket,
    Message,
    Packet,
    PacketReader,
    number_bytes,
    packet_bytes,
    publish_bytes,
    read_number,
    read_publish,
)

_NUMBERS = 65_535
Done = Callable[[int], None]
"""Hears the end of an exchange: the granted QoS of a subscription, else 0; -1 when it was refused."""


class Upstream:
    """An MQTT client of ``broker``; ``arrived`` takes messages, ``lost`` hears that the broker ended it."""

    def __init__(self, broker: Broker, arrived: Callable[[Message], None], lost: Callable[[], None]) -> None:
        self._broker = broker
        self._arrived = arrived
        self._lost = lost
        self._client: Client | None = None
        self._reader = PacketReader()
        self._out = PacketReader()
        self._last = 0
        self._waiting: dict[int, Done] = {}
        self._taken: set[int] = set()
        self._accepted: int | None = None

    @property
    def open(self) -> bool:
        """True between a log in and the end."""
        return self._client is not None

    def connect(self, client_id: str, *, clean: bool) -> int:
        """Log in; CONNACK's return code. Keep alive and will are the gateway's own affair."""
        self.close()
        self._reader, self._out = PacketReader(), PacketReader()
        self._accepted = None
        name = client_id.encode("utf-8")
        body = b"\x00\x04MQTT\x04" + bytes([2 if clean else 0]) + b"\x00\x00"
        self._client = self._broker.client(self._received, self._ended)
        self._send(packet_bytes(Kind.CONNECT, body + struct.pack(">H", len(name)) + name))
        if self._accepted != 0:
            self._client = None
        return 3 if self._accepted is None else self._accepted

    def close(self) -> None:
        """Log out."""
        client, self._client = self._client, None
        self._waiting.clear()
        self._taken.clear()
        if client is not None:
            client.end(will=False)

    def publish(self, message: Message, done: Done) -> None:
        """Send a message; ``done`` when the broker has it."""
        if message.qos == 0:
            self._send(publish_bytes(message, None))
            done(0)
            return
        self._send(publish_bytes(message, self._number(done)))

    def subscribe(self, topic_filter: str, qos: int, done: Done) -> None:
        """Ask for messages."""
        name = topic_filter.encode("utf-8")
        more = struct.pack(">H", len(name)) + name + bytes([qos])
        self._send(number_bytes(Kind.SUBSCRIBE, self._number(done), more))

    def unsubscribe(self, topic_filter: str, done: Done) -> None:
        """Ask for no more messages."""
        name = topic_filter.encode("utf-8")
        more = struct.pack(">H", len(name)) + name
        self._send(number_bytes(Kind.UNSUBSCRIBE, self._number(done), more))

    def _number(self, done: Done) -> int:
        while True:
            self._last = self._last % _NUMBERS + 1
            if self._last not in self._waiting:
                self._waiting[self._last] = done
                return self._last

    def _send(self, data: bytes) -> None:
        for packet in self._out.feed(data):
            if self._client is None:
                return
            try:
                self._client.receive(packet)
            except MalformedPacket:
                # what an MQTT-SN client may say and MQTT forbids ends the connection, as it would over TCP
                self._client.end()

    def _ended(self) -> None:
        """The broker closes the connection."""
        if self._client is None:
            return
        self._client = None
        self._waiting.clear()
        if self._accepted == 0:
            self._lost()

    def _received(self, data: bytes) -> None:
        for packet in self._reader.feed(data):
            self._take(packet)

    def _take(self, packet: Packet) -> None:
        if packet.kind is Kind.CONNACK:
            self._accepted = packet.body[1]
        elif packet.kind is Kind.PUBLISH:
            self._message(packet)
        elif packet.kind is Kind.PUBREL:
            number = read_number(packet)
            self._taken.discard(number)
            self._send(number_bytes(Kind.PUBCOMP, number))
        elif packet.kind is Kind.PUBREC:
            self._send(number_bytes(Kind.PUBREL, read_number(packet)))
        elif packet.kind is Kind.SUBACK:
            granted = packet.body[2]
            self._settle(read_number(packet), -1 if granted == REFUSED_SUBSCRIPTION else granted)
        elif packet.kind in (Kind.PUBACK, Kind.PUBCOMP, Kind.UNSUBACK):
            self._settle(read_number(packet), 0)

    def _message(self, packet: Packet) -> None:
        message, number = read_publish(packet)
        if number is None:
            self._arrived(message)
            return
        # taken over at once: from here on the gateway answers for the delivery
        first = number not in self._taken
        if message.qos == 2:
            self._taken.add(number)
            self._send(number_bytes(Kind.PUBREC, number))
        else:
            self._send(number_bytes(Kind.PUBACK, number))
        if first:
            self._arrived(message)

    def _settle(self, number: int, result: int) -> None:
        done = self._waiting.pop(number, None)
        if done is not None:
            done(result)
