"""The MQTT-SN gateway under a scripted UDP client that knows only the specification's octets, with
mosquitto's clients at the broker."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from cellbench.io.tls import engine
from cellbench.io.tls.settings import ClientSettings, ServerSettings
from cellbench.services.authority import Authority
from cellbench.services.mqttsn import PREDEFINED, MqttSnServer
from cellbench.services.park import Park
from cellbench.services.server import State

DEADLINE_S = 25.0
ACCEPTED = "03 05 00"


class Client(asyncio.DatagramProtocol):
    """Octets out and in; nothing of the project's codecs."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.put_nowait(data)

    def say(self, kind: str, body: bytes = b"") -> None:
        """One message: its type in hexadecimal, then its fields."""
        assert self.transport is not None
        self.transport.sendto(bytes([len(body) + 2]) + bytes.fromhex(kind) + body)

    async def hears(self, octets: str, text: str = "") -> None:
        """The next message: octets in hexadecimal, and text behind them."""
        data = await self.heard.get()
        assert data == bytes.fromhex(octets) + text.encode(), data.hex(" ")

    async def connect(self, name: str, *, flags: int = 4, duration: int = 0) -> None:
        """CONNECT, clean unless ``flags`` say otherwise, until it is accepted."""
        self.say("04", bytes([flags, 1]) + duration.to_bytes(2, "big") + name.encode())
        await self.hears(ACCEPTED)

    def silent(self) -> bool:
        return self.heard.empty()

    async def alone(self) -> None:
        """Nothing came before the answer to a ping."""
        self.say("16")
        await self.hears("02 17")


class Gateway:
    """A park of a broker and its gateway."""

    def __init__(self, park: Park) -> None:
        self.park = park
        self.clients: list[Client] = []
        self.programs: list[asyncio.subprocess.Process] = []

    async def client(self) -> Client:
        place = self.park.endpoints()["mqttsn"][0]
        _, client = await asyncio.get_running_loop().create_datagram_endpoint(
            Client, remote_addr=(place.host, place.port))
        self.clients.append(client)
        return client

    def report(self, key: str) -> str:
        return self.park.report("mqttsn")[key]

    async def run(self, program: str, *options: str) -> asyncio.subprocess.Process:
        """mosquitto_pub or mosquitto_sub at the broker."""
        if shutil.which(program) is None:
            pytest.fail(f"the foreign peer {program} is not installed")
        port = self.park.endpoints()["mqtt"][0].port
        process = await asyncio.create_subprocess_exec(
            "stdbuf", "-oL", program, "-h", "127.0.0.1", "-p", str(port), *options,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        self.programs.append(process)
        return process

    async def publish(self, topic: str, text: str, *options: str) -> None:
        process = await self.run("mosquitto_pub", "-t", topic, "-m", text, *options)
        assert await process.wait() == 0

    async def subscriber(self, *options: str) -> asyncio.StreamReader:
        """Lines of mosquitto_sub, which has subscribed."""
        process = await self.run("mosquitto_sub", "-d", "-F", "%q %r %t %p", *options)
        assert process.stdout is not None
        while b"Subscribed" not in await process.stdout.readline():
            pass
        return process.stdout


async def line(reader: asyncio.StreamReader) -> str:
    """The next line that is no debug output."""
    while True:
        text = (await reader.readline()).decode().rstrip("\n")
        if not text.startswith(("Client ", "Subscribed")):
            return text


@asynccontextmanager
async def gateway(**settings: object) -> AsyncIterator[Gateway]:
    park = Park()
    await park.start({"mqtt": {"server": "mqtt"}, "mqttsn": {"server": "mqttsn", **settings}})
    made = Gateway(park)
    try:
        yield made
    finally:
        for client in made.clients:
            if client.transport is not None:
                client.transport.close()
        for program in made.programs:  # a subscriber would go on knocking at the port, whoever has it next
            with contextlib.suppress(ProcessLookupError):
                program.kill()
            await program.wait()
        await park.stop()


def play(scenario: Callable[[Gateway], Awaitable[None]], **settings: object) -> None:
    async def run() -> None:
        async with asyncio.timeout(DEADLINE_S), gateway(**settings) as made:
            await scenario(made)

    asyncio.run(run())


def test_topics_and_qos_towards_the_broker() -> None:
    """6.5, 6.6, 6.7: ids from 1 on, QoS 0 to 2, short and predefined topics, refusals."""
    async def scenario(made: Gateway) -> None:
        lines = await made.subscriber("-t", "#", "-q", "2")
        client = await made.client()
        await client.connect("dev")
        client.say("0A", b"\0\0\0\x01a/b")
        await client.hears("07 0B 00 01 00 01 00")
        client.say("0A", b"\0\0\0\x02c")
        await client.hears("07 0B 00 02 00 02 00")
        client.say("0A", b"\0\0\0\x03a/b")
        await client.hears("07 0B 00 01 00 03 00")
        client.say("0A", b"\0\0\0\x04a/+")
        await client.hears("07 0B 00 00 00 04 03")
        client.say("0C", b"\x00\0\x01\0\0zero")
        assert await line(lines) == "0 0 a/b zero"
        client.say("0C", b"\x20\0\x02\0\x05one")
        await client.hears("07 0D 00 02 00 05 00")
        assert await line(lines) == "1 0 c one"
        client.say("0C", b"\x40\0\x01\0\x06two")
        await client.hears("04 0F 00 06")
        client.say("0C", b"\xC0\0\x01\0\x06two")
        await client.hears("04 0F 00 06")
        client.say("10", b"\0\x06")
        await client.hears("04 0E 00 06")
        assert await line(lines) == "2 0 a/b two"
        client.say("0C", b"\x02ab\0\0short")
        assert await line(lines) == "0 0 ab short"
        client.say("0C", b"\x21\0\x02\0\x07known")
        await client.hears("07 0D 00 02 00 07 00")
        assert await line(lines) == f"1 0 {PREDEFINED[2]} known"
        for flags, number in ((0x20, 9), (0x00, 9), (0x21, 99)):
            client.say("0C", bytes([flags, 0, number, 0, 8]) + b"nobody")
            await client.hears(f"07 0D 00 {number:02X} 00 08 02")
        assert made.report("last_topic") == PREDEFINED[2]
        assert made.report("heard_again") == "1"

    play(scenario)


def test_qos_minus_1_needs_no_connection() -> None:
    """6.8."""
    async def scenario(made: Gateway) -> None:
        lines = await made.subscriber("-t", "#")
        client = await made.client()
        client.say("0C", b"\x61\0\x01\0\0predefined")
        assert await line(lines) == f"0 0 {PREDEFINED[1]} predefined"
        client.say("0C", b"\x60\0\x01\0\0normal is not allowed")
        client.say("0C", b"\x62zz\0\0short")
        assert await line(lines) == "0 0 zz short"
        client.say("01", b"\0")
        await client.hears("03 02 01")
        client.say("0A", b"\0\0\0\x01a/b")
        await client.hears("02 18")

    play(scenario)


def test_messages_to_the_client() -> None:
    """6.9, 6.10: SUBSCRIBE, REGISTER before a topic's first message, QoS 1 and 2, one exchange at a time."""
    async def scenario(made: Gateway) -> None:
        client = await made.client()
        await client.connect("dev")
        client.say("12", b"\x00\0\x01room/temperature")
        await client.hears("08 13 00 00 01 00 01 00")
        await made.publish("room/temperature", "20")
        await client.hears("09 0C 00 00 01 00 00", "20")
        client.say("12", b"\x40\0\x02kitchen/#")
        await client.hears("08 13 40 00 00 00 02 00")
        await made.publish("kitchen/light", "on", "-q", "1")
        await client.hears("13 0A 00 02 00 01", "kitchen/light")
        await made.publish("kitchen/light", "off", "-q", "2")
        client.say("0B", b"\0\x02\0\x01\0")
        await client.hears("09 0C 20 00 02 00 02", "on")
        client.say("0D", b"\0\x02\0\x02\0")
        await client.hears("0A 0C 40 00 02 00 03", "off")
        client.say("0F", b"\0\x03")
        await client.hears("04 10 00 03")
        client.say("0E", b"\0\x03")
        client.say("12", b"\x02\0\x03aa")
        await client.hears("08 13 00 00 00 00 03 00")
        await made.publish("aa", "test")
        await client.hears("0B 0C 02 61 61 00 00", "test")
        client.say("12", b"\x21\0\x04\0\x02")
        await client.hears("08 13 20 00 02 00 04 00")
        await made.publish(PREDEFINED[2], "p", "-q", "1")
        await client.hears("08 0C 21 00 02 00 04", "p")
        client.say("0D", b"\0\x02\0\x04\0")
        client.say("12", b"\x01\0\x05\0\x63")
        await client.hears("08 13 00 00 00 00 05 02")
        client.say("14", b"\x00\0\x06room/temperature")
        await client.hears("04 15 00 06")
        await made.publish("room/temperature", "21")
        await client.alone()

    play(scenario)


def test_will_its_update_and_a_lost_client() -> None:
    """6.2, 6.3, 6.4, 6.11."""
    async def scenario(made: Gateway) -> None:
        lines = await made.subscriber("-t", "will/#", "-q", "1")
        client = await made.client()
        client.say("04", b"\x0C\x01\0\x01dev")
        await client.hears("02 06")
        client.say("07", b"\x20will/1")
        await client.hears("02 08")
        client.say("09", b"gone")
        await client.hears(ACCEPTED)
        assert await line(lines) == "1 0 will/1 gone"
        assert made.report("client_state") == "lost"
        client.say("16")
        await client.hears("02 18")
        client.say("04", b"\x08\x01\0\x00dev")
        await client.hears("02 06")
        client.say("07", b"\x20will/1")
        await client.hears("02 08")
        client.say("09", b"gone")
        await client.hears(ACCEPTED)
        client.say("1A", b"\x00will/2")
        await client.hears("03 1B 00")
        client.say("1C", b"really gone")
        await client.hears("03 1D 00")
        client.say("18")
        await client.hears("02 18")
        await client.connect("dev", flags=0, duration=1)  # the will is part of a session that is not clean
        assert await line(lines) == "0 0 will/2 really gone"
        await client.connect("dev", flags=0)
        client.say("1A")
        await client.hears("03 1B 00")
        client.say("1C", b"no will to change")
        await client.hears("03 1D 03")
        assert made.report("wills") == "2"

    play(scenario)


def test_sleeping_client() -> None:
    """6.14: what comes waits, PINGREQ with the client's name fetches it, also from another address."""
    async def scenario(made: Gateway) -> None:
        client = await made.client()
        await client.connect("dev", duration=60)
        client.say("12", b"\x20\0\x01news")
        await client.hears("08 13 20 00 01 00 01 00")
        client.say("18", b"\0\x1E")
        await client.hears("02 18")
        assert made.report("client_state") == "asleep"
        await made.publish("news", "1")
        await made.publish("news", "2", "-q", "1")
        assert client.silent()
        other = await made.client()
        other.say("16", b"dev")
        await other.hears("08 0C 00 00 01 00 00", "1")
        await other.hears("08 0C 20 00 01 00 01", "2")
        assert made.report("client_state") == "awake"
        other.say("0D", b"\0\x01\0\x01\0")
        await other.hears("02 17")
        assert made.report("client_state") == "asleep"
        other.say("16", b"dev")
        await other.hears("02 17")
        await made.publish("news", "3")
        await other.connect("dev", flags=0, duration=60)
        await other.hears("0A 0A 00 01 00 02", "news")  # ids are told anew after CONNECT
        other.say("0B", b"\0\x01\0\x02\0")
        await other.hears("08 0C 00 00 01 00 00", "3")
        other.say("18", b"\0\x01")
        await other.hears("02 18")
        while made.report("client_state") != "lost":
            await asyncio.sleep(0.02)

    play(scenario)


def test_clean_sessions_and_kept_ones() -> None:
    """6.3."""
    async def scenario(made: Gateway) -> None:
        client = await made.client()
        await client.connect("dev", flags=0)
        client.say("12", b"\x20\0\x01kept")
        await client.hears("08 13 20 00 01 00 01 00")
        client.say("18")
        await client.hears("02 18")
        await made.publish("kept", "waits", "-q", "1")
        await client.connect("dev", flags=0)
        await client.hears("0A 0A 00 01 00 01", "kept")
        client.say("0B", b"\0\x01\0\x01\0")
        await client.hears("0C 0C 20 00 01 00 02", "waits")
        client.say("0D", b"\0\x01\0\x02\0")
        await client.connect("dev")
        await made.publish("kept", "nobody", "-q", "1")
        await client.alone()

    play(scenario)


def test_repetition_until_the_client_is_lost() -> None:
    """6.13, and 6.10 for an id that the client does not know."""
    async def scenario(made: Gateway) -> None:
        client = await made.client()
        await client.connect("dev")
        client.say("12", b"\x20\0\x01news")
        await client.hears("08 13 20 00 01 00 01 00")
        await made.publish("news", "1", "-q", "1")
        await client.hears("08 0C 20 00 01 00 01", "1")
        await client.hears("08 0C A0 00 01 00 01", "1")
        client.say("0D", b"\0\x01\0\x01\x02")
        await made.publish("news", "2", "-q", "1")
        for _ in range(3):
            await client.hears("0A 0A 00 01 00 02", "news")
        while made.report("client_state") != "lost":
            await asyncio.sleep(0.02)
        assert made.report("repeated") == "3"

    play(scenario, retry_s=0.25, retries=2)


def test_states_and_faults() -> None:
    async def scenario(made: Gateway) -> None:
        client = await made.client()
        await client.connect("dev")
        await made.park.set_state("mqttsn", "mute")
        client.say("16")
        while made.report("datagrams") != "2":
            await asyncio.sleep(0.01)
        await made.park.set_state("mqttsn", "slow")
        client.say("16")
        await client.hears("02 17")
        await made.park.set_state("mqttsn", "down")
        await made.park.set_state("mqttsn", "up")
        client.say("16")
        await client.hears("02 18")
        for fault, answer in (("congestion", "01"), ("topic", "02"), ("refuses", "03")):
            client.say("04", b"\x04\x01\0\0broken/" + fault.encode() + b"/connect")
            await client.hears(f"03 05 {answer}")
        await client.connect("broken/loses/pingreq")
        client.say("16")
        client.say("16")
        await client.hears("02 17")
        await client.connect("broken/dies/pingreq")
        client.say("16")
        await client.hears("02 18")
        await client.connect("broken/rubbish/pingreq")
        client.say("16")
        assert (await client.heard.get())[0] == 3
        await client.connect("broken/stalls/pingreq")
        client.say("16")
        client.say("00", b"what is this")
        await client.connect("well")
        await client.alone()
        await made.park.set_state("mqtt", "reset")
        await client.hears("02 18")
        await made.park.set_state("mqttsn", "reset")
        assert made.report("clients") == "0"

    play(scenario, slow_s=0.1)


def test_protocol_of_another_version_is_refused() -> None:
    async def scenario(made: Gateway) -> None:
        client = await made.client()
        client.say("04", b"\x04\x02\0\0dev")
        await client.hears("03 05 03")
        client.say("05", b"")
        while made.report("malformed") != "1":
            await asyncio.sleep(0.01)

    play(scenario)


@pytest.mark.parametrize("certificate", [True, False])
def test_dtls_with_and_without_client_certificate(certificate: bool) -> None:
    """A gateway that demands a client certificate, as the one of the Flex service."""
    authority = Authority()
    settings = ServerSettings(authority.issue("gateway.example"), datagram=True, client_certificate=True,
                              client_roots=(authority.der,))
    mine = authority.issue("device") if certificate else None

    async def scenario() -> None:
        server = MqttSnServer({"tls": settings})
        await server.start()
        place = server.endpoints()[0]
        _, client = await asyncio.get_running_loop().create_datagram_endpoint(
            Client, remote_addr=(place.host, place.port))
        assert client.transport is not None
        dtls = engine.client(ClientSettings(datagram=True, credentials=mine))
        events = [*dtls.start()]
        said = False
        try:
            while not any(isinstance(one, engine.Received | engine.Failed) for one in events):
                for datagram in dtls.outgoing():
                    client.transport.sendto(datagram)
                if dtls.state is engine.State.OPEN and not said:
                    said = True
                    dtls.send(bytes.fromhex("09 04 04 01 00 00 64 65 76"))
                    continue
                events += dtls.receive(await client.heard.get())
            if certificate:
                assert engine.Received(bytes.fromhex(ACCEPTED)) in events
                assert server.report()["tls_client_certificate"] == "yes"
            else:
                assert "certificate" in server.report()["tls_refused"].lower()
        finally:
            client.transport.close()
            await server.set_state(State.DOWN)
            await server.stop()

    async def run() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await scenario()

    asyncio.run(run())
