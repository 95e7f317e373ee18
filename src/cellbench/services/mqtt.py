"""The MQTT broker of the far side: connections, keep alive, states and faults around ``mqtt_broker``.

The servers of one park that name the same ``broker`` (default: mqtt) are places of one broker, as port 1883
and port 8883 of a real one are.
"""

from __future__ import annotations

import asyncio
import enum
import socket
import struct
from collections.abc import Mapping

from cellbench.base.protocols import Endpoint
from cellbench.io.tls.engine import TlsServer

from .mqtt_broker import Broker, Client
from .mqtt_packets import Kind, MalformedPacket, Packet, PacketReader, read_connect, read_publish
from .places import TcpPlace, shared
from .server import PLAIN_STATES, SLOW_S, State
from .tls import HandshakeFacts, over_tls
from .tls_settings import tls_settings

_CHUNK = 65_536
_CONNECT_S = 30.0
_MOST_WAITING = 4_000_000  # bytes for a client that does not read
_KEEP_ALIVE_SHARE = 1.5  # 3.1.2.10: one and a half times the keep alive


class Fault(enum.Enum):
    """How the broker misbehaves towards a client on purpose."""

    DIES = "dies"  # ends the connection
    RESET = "reset"  # resets the connection
    STALLS = "stalls"  # answers no more
    RUBBISH = "rubbish"  # sends what is no MQTT


class MqttServer:
    """MQTT 3.1.1 on one port; with ``definition["tls"]`` every connection begins with a handshake.

    ``users``: name → password; without it anybody may log in. ``mute`` takes packets and never answers,
    ``slow`` handles each ``slow_s`` seconds later, ``reset`` forgets sessions, retained messages and TLS
    sessions. A client whose user name is ``broken/<fault>/<packet>`` meets that :class:`Fault` with its
    first packet of that type (``broken/rubbish/subscribe``), after which the broker handles nothing of it.
    """

    def __init__(self, definition: Mapping[str, object]) -> None:
        self._slow_s = float(str(definition.get("slow_s", SLOW_S)))
        self._state = State.UP
        self._tls = tls = tls_settings(definition)
        self._secure: TlsServer | None = None if tls is None else TlsServer(tls)
        self._broker = shared(f"broker {definition.get('broker', 'mqtt')}", Broker)
        users = definition.get("users")
        if isinstance(users, Mapping):
            self._broker.users = {str(name): str(password) for name, password in users.items()}
        self._place = TcpPlace(self._first)
        self._last: dict[str, str] = {}

    @property
    def states(self) -> frozenset[State]:
        """up, down, mute, slow, reset."""
        return PLAIN_STATES | {State.RESET}

    async def start(self) -> None:
        """Listen."""
        await self._place.open()

    async def stop(self) -> None:
        """Close the place and every connection."""
        await self._place.close()

    async def set_state(self, state: State) -> None:
        """Take a state; going down ends the connections."""
        if state is State.RESET:
            self._broker.clear()
            self._secure = None if self._tls is None else TlsServer(self._tls)
            self._last.clear()
            state = State.UP
        self._state = state
        if state is State.DOWN:
            await self._place.close()
        else:
            await self._place.open()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The one place."""
        return (self._place.endpoint,)

    def report(self) -> Mapping[str, str]:
        """The last client, topic, PINGREQ and handshake; how many wills went out, messages are retained."""
        return {"connections": str(self._place.connections), "wills": str(self._broker.wills),
                "retained": str(self._broker.retained), **self._last}

    # -- one connection ---------------------------------------------------------------------------

    async def _first(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._secure is None:
            await self._converse(reader, writer)
        else:
            await over_tls(self._secure, self._converse, self._seen, self._refused)(reader, writer)

    def _seen(self, facts: HandshakeFacts) -> None:
        self._last.update(facts.as_report())
        self._last.pop("tls_refused", None)

    def _refused(self, why: str) -> None:
        self._last["tls_refused"] = why

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def send(data: bytes) -> None:
            if self._state is State.MUTE or writer.is_closing():
                return
            if writer.transport.get_write_buffer_size() > _MOST_WAITING:
                writer.transport.abort()
            writer.write(data)

        client = self._broker.client(send, writer.close)
        packets = PacketReader()
        heard = _Heard()
        try:
            while data := await self._read(reader, client):
                for packet in packets.feed(data):
                    if not await self._take(client, packet, writer, heard):
                        return
                await writer.drain()
        except MalformedPacket as error:
            self._last["protocol_error"] = str(error)
        except TimeoutError:
            self._last["ended_for"] = "silence"
        finally:
            client.lost()

    async def _read(self, reader: asyncio.StreamReader, client: Client) -> bytes:
        """What comes; TimeoutError when the client is silent for too long."""
        limit: float | None = _CONNECT_S
        if client.connect is not None:
            limit = client.connect.keep_alive_s * _KEEP_ALIVE_SHARE or None
        async with asyncio.timeout(limit):
            return await reader.read(_CHUNK)

    async def _take(self, client: Client, packet: Packet, writer: asyncio.StreamWriter,
                    heard: _Heard) -> bool:
        """Handle a packet; False when the connection is over."""
        self._note(packet, heard)
        if self._state is State.MUTE:
            return True
        if self._state is State.SLOW:
            await asyncio.sleep(self._slow_s)
        fault = heard.fault(packet.kind)
        if fault is not None:
            await self._misbehave(fault, writer)
            return False
        client.receive(packet)
        return not writer.is_closing()

    def _note(self, packet: Packet, heard: _Heard) -> None:
        now = asyncio.get_running_loop().time()
        if packet.kind is Kind.PINGREQ:
            self._last["pingreq_after_s"] = f"{now - heard.at:.2f}"
        elif packet.kind is Kind.PUBLISH:
            self._last["last_topic"] = read_publish(packet)[0].topic
        elif packet.kind is Kind.CONNECT:
            connect = read_connect(packet)
            heard.user = connect.user or ""
            self._last["client_id"] = connect.client_id
            self._last["keep_alive_s"] = str(connect.keep_alive_s)
        heard.at = now

    async def _misbehave(self, fault: Fault, writer: asyncio.StreamWriter) -> None:
        """End the service for this client, wrongly."""
        if fault is Fault.RESET:
            # with no time to linger, closing sends RST in place of FIN
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif fault is Fault.RUBBISH:
            writer.write(bytes(range(256)))
            await writer.drain()
            await asyncio.sleep(_CONNECT_S)
        elif fault is Fault.STALLS:
            await asyncio.sleep(_CONNECT_S)


class _Heard:
    """What a connection's client said of itself, and when it was last heard."""

    __slots__ = ("at", "user")

    def __init__(self) -> None:
        self.at = asyncio.get_running_loop().time()
        self.user = ""

    def fault(self, kind: Kind) -> Fault | None:
        """What the user name asks for with a packet."""
        parts = self.user.split("/")
        if len(parts) != 3 or parts[0] != "broken" or parts[2] != kind.name.lower():
            return None
        return next((fault for fault in Fault if fault.value == parts[1]), None)
