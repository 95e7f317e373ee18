"""The broker under mosquitto's clients and plain sockets: QoS, retained, wills, TLS, states, faults."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.io.tls.settings import ServerSettings
from cellbench.services.authority import Authority, pem_certificate
from cellbench.services.mqtt import MqttServer
from cellbench.services.mqtt_packets import (
    Kind,
    MalformedPacket,
    Message,
    PacketReader,
    filter_is_valid,
    matches,
    number_bytes,
    packet_bytes,
    publish_bytes,
    read_publish,
)
from cellbench.services.park import Park
from cellbench.services.server import State

DEADLINE_S = 25.0


def with_server(scenario: Callable[[MqttServer], Awaitable[None]], **definition: object) -> None:
    async def run() -> None:
        server = MqttServer(definition)
        await server.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(server)
        finally:
            await server.stop()

    asyncio.run(run())


async def start(server: MqttServer, program: str, *options: str) -> asyncio.subprocess.Process:
    """mosquitto_pub or mosquitto_sub towards the server."""
    if shutil.which(program) is None:
        pytest.fail(f"the foreign peer {program} is not installed")
    place = server.endpoints()[0]
    return await asyncio.create_subprocess_exec(
        "stdbuf", "-oL", program, "-h", "localhost", "-p", str(place.port), *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)


async def run(server: MqttServer, program: str, *options: str) -> tuple[int, bytes, bytes]:
    """Exit status and outputs."""
    process = await start(server, program, *options)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, err


async def publish(server: MqttServer, *options: str) -> None:
    code, _, err = await run(server, "mosquitto_pub", *options)
    assert code == 0, err


class Subscriber:
    """mosquitto_sub, subscribed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        """The next line it prints that is no debug output."""
        assert self.process.stdout is not None
        while line := (await self.process.stdout.readline()).decode("utf-8", "replace").rstrip("\n"):
            if not line.startswith(("Client ", "Subscribed ")):
                return line
        return ""

    async def stop(self) -> None:
        self.process.kill()
        await self.process.wait()


async def subscriber(server: MqttServer, *options: str) -> Subscriber:
    process = await start(server, "mosquitto_sub", "-d", "-F", "%t %q %r %p", "-W", "30", *options)
    assert process.stdout is not None
    while b"SUBACK" not in (line := await process.stdout.readline()):
        assert line, "mosquitto_sub ended"
    return Subscriber(process)


class Raw:
    """A client by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._packets = PacketReader()

    @classmethod
    async def open(cls, server: MqttServer, name: str = "raw", *, keep_alive: int = 0,
                   user: str | None = None, clean: bool = True, will: tuple[str, bytes] | None = None) -> Raw:
        """Connected, CONNECT sent."""
        place = server.endpoints()[0]
        raw = cls(*await asyncio.open_connection(place.host, place.port))
        flags = (0x80 if user is not None else 0) | (2 if clean else 0) | (4 if will else 0)
        body = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", keep_alive)
        parts = [name.encode(), *((will[0].encode(), will[1]) if will else ()),
                 *((user.encode(),) if user is not None else ())]
        raw.writer.write(packet_bytes(Kind.CONNECT, body + b"".join(struct.pack(">H", len(one)) + one
                                                                    for one in parts)))
        return raw

    async def packet(self) -> bytes:
        """Kind, flags and body of the next packet, as they are on the wire without the length; b"" at the
        end."""
        while True:
            data = await self.reader.read(1)
            if not data:
                return b""
            for packet in self._packets.feed(data):
                return bytes([packet.kind << 4 | packet.flags]) + packet.body


def test_qos_is_the_lower_of_both() -> None:
    async def scenario(server: MqttServer) -> None:
        for granted in (0, 1, 2):
            sub = await subscriber(server, "-t", "some/+", "-q", str(granted))
            for sent in (0, 1, 2):
                await publish(server, "-t", "some/topic", "-q", str(sent), "-m", f"nonce {granted} {sent}")
                assert await sub.line() == f"some/topic {min(sent, granted)} 0 nonce {granted} {sent}"
            await sub.stop()
        assert server.report()["last_topic"] == "some/topic"

    with_server(scenario)


def test_retained_messages() -> None:
    async def scenario(server: MqttServer) -> None:
        await publish(server, "-t", "kept/one", "-r", "-q", "1", "-m", "first")
        await publish(server, "-t", "kept/one", "-r", "-q", "1", "-m", "second")
        assert server.report()["retained"] == "1"
        sub = await subscriber(server, "-t", "kept/#", "-q", "2")
        assert await sub.line() == "kept/one 1 1 second"
        await publish(server, "-t", "kept/one", "-r", "-m", "live")
        assert await sub.line() == "kept/one 0 0 live"
        await publish(server, "-t", "kept/one", "-r", "-n")
        assert server.report()["retained"] == "0"
        await sub.stop()

    with_server(scenario)


def test_a_will_goes_out_when_its_client_is_killed_not_when_it_leaves() -> None:
    async def scenario(server: MqttServer) -> None:
        watcher = await subscriber(server, "-t", "wills/#", "-q", "1")
        will = ("--will-topic", "wills/a", "--will-payload", "Unrequested disconnect.", "--will-qos", "1")
        victim = await subscriber(server, "-t", "else", *will)
        await victim.stop()
        assert await watcher.line() == "wills/a 1 0 Unrequested disconnect."
        await run(server, "mosquitto_sub", "-t", "else", "-E", *will)  # leaves in order
        await publish(server, "-t", "wills/end", "-m", "end")
        assert await watcher.line() == "wills/end 0 0 end"
        assert server.report()["wills"] == "1"
        await watcher.stop()

    with_server(scenario)


def test_a_session_that_is_kept_gets_what_came_meanwhile() -> None:
    async def scenario(server: MqttServer) -> None:
        options = ("-i", "steady", "-c", "-t", "later", "-q", "2")
        first = await subscriber(server, *options)
        await first.stop()
        for qos in (0, 1, 2):
            await publish(server, "-t", "later", "-q", str(qos), "-m", f"qos {qos}")
        again = await start(server, "mosquitto_sub", "-F", "%q %p", "-C", "2", *options)
        out, _ = await again.communicate()
        assert out == b"1 qos 1\n2 qos 2\n"

    with_server(scenario)


def test_users() -> None:
    async def scenario(server: MqttServer) -> None:
        await publish(server, "-t", "t", "-m", "m", "-u", "me", "-P", "secret")
        for options in (("-u", "me", "-P", "wrong"), ("-u", "other"), ()):
            code, _, _ = await run(server, "mosquitto_pub", "-t", "t", "-m", "m", *options)
            assert code != 0

    with_server(scenario, users={"me": "secret"})


def test_over_tls_with_a_client_certificate(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    mine = authority.issue("client")
    (tmp_path / "cert.pem").write_bytes(pem_certificate(mine.certificate))
    key = ssl.DER_cert_to_PEM_cert(mine.key).replace("CERTIFICATE", "PRIVATE KEY")
    (tmp_path / "key.pem").write_text(key)
    settings = ServerSettings(authority.issue("localhost"), client_certificate=True,
                              client_roots=(authority.der,))

    async def scenario(server: MqttServer) -> None:
        trust = ("--cafile", str(tmp_path / "ca.pem"))
        own = ("--cert", str(tmp_path / "cert.pem"), "--key", str(tmp_path / "key.pem"))
        await publish(server, "-t", "secure", "-m", "m", "-q", "2", *trust, *own)
        assert server.report()["tls_version"] in ("TLS_1_2", "TLS_1_3")
        assert server.report()["tls_client_certificate"] == "yes"
        code, _, _ = await run(server, "mosquitto_pub", "-t", "secure", "-m", "m", *trust)
        assert code != 0
        assert "tls_refused" in server.report()

    with_server(scenario, tls=settings)


def test_a_silent_client_is_ended_after_one_and_a_half_keep_alives() -> None:
    async def scenario(server: MqttServer) -> None:
        raw = await Raw.open(server, "silent", keep_alive=1, will=("wills/silent", b"gone"))
        assert await raw.packet() == b"\x20\x00\x00"
        await asyncio.sleep(0.2)
        raw.writer.write(packet_bytes(Kind.PINGREQ))
        assert await raw.packet() == b"\xd0"
        began = asyncio.get_running_loop().time()
        assert await raw.packet() == b""
        assert asyncio.get_running_loop().time() - began >= 1.4
        report = server.report()
        assert 0.15 <= float(report["pingreq_after_s"]) <= 1.5
        assert (report["wills"], report["ended_for"]) == ("1", "silence")
        assert (report["client_id"], report["keep_alive_s"]) == ("silent", "1")

    with_server(scenario)


def test_the_same_client_again_ends_the_older_connection() -> None:
    async def scenario(server: MqttServer) -> None:
        older = await Raw.open(server, "twice")
        assert await older.packet() == b"\x20\x00\x00"
        newer = await Raw.open(server, "twice")
        assert await newer.packet() == b"\x20\x00\x00"
        assert await older.packet() == b""
        newer.writer.write(packet_bytes(Kind.PINGREQ))
        assert await newer.packet() == b"\xd0"

    with_server(scenario)


def test_messages_not_acknowledged_come_again() -> None:
    async def scenario(server: MqttServer) -> None:
        first = await Raw.open(server, "again", clean=False)
        await first.packet()
        first.writer.write(number_bytes(Kind.SUBSCRIBE, 5, b"\x00\x01t\x02"))
        assert await first.packet() == b"\x90\x00\x05\x02"
        await publish(server, "-t", "t", "-q", "2", "-m", "m")
        assert await first.packet() == b"\x34\x00\x01t\x00\x01m"
        first.writer.close()
        second = await Raw.open(server, "again", clean=False)
        assert await second.packet() == b"\x20\x01\x00"
        assert await second.packet() == b"\x3c\x00\x01t\x00\x01m"
        second.writer.write(number_bytes(Kind.PUBREC, 1))
        assert await second.packet() == b"\x62\x00\x01"

    with_server(scenario)


@pytest.mark.parametrize("data", [
    bytes(range(256)), packet_bytes(Kind.PINGREQ), b"\x30\xff\xff\xff\xff\x01",
    packet_bytes(Kind.CONNECT, b"\x00\x04MQTT\x04\x02"), packet_bytes(Kind.CONNECT, flags=1)])
def test_rubbish_ends_the_connection(data: bytes) -> None:
    async def scenario(server: MqttServer) -> None:
        place = server.endpoints()[0]
        reader, writer = await asyncio.open_connection(place.host, place.port)
        writer.write(data)
        assert await reader.read() == b""
        await publish(server, "-t", "t", "-m", "m")

    with_server(scenario)


def test_protocol_versions() -> None:
    async def scenario(server: MqttServer) -> None:
        await publish(server, "-t", "t", "-m", "m", "-V", "mqttv31")
        code, _, _ = await run(server, "mosquitto_pub", "-t", "t", "-m", "m", "-V", "mqttv5")
        assert code != 0

    with_server(scenario)


@pytest.mark.parametrize("fault", ["dies", "reset", "rubbish"])
def test_faults_are_asked_for_by_the_user_name(fault: str) -> None:
    async def scenario(server: MqttServer) -> None:
        raw = await Raw.open(server, user=f"broken/{fault}/subscribe")
        assert await raw.packet() == b"\x20\x00\x00"
        raw.writer.write(number_bytes(Kind.SUBSCRIBE, 5, b"\x00\x01t\x02"))
        if fault == "dies":
            assert await raw.reader.read() == b""
        elif fault == "reset":
            with pytest.raises(ConnectionResetError):
                await raw.reader.read()
        else:
            assert await raw.reader.readexactly(256) == bytes(range(256))

    with_server(scenario)


def test_states() -> None:
    async def scenario(server: MqttServer) -> None:
        raw = await Raw.open(server)
        await raw.packet()
        await server.set_state(State.MUTE)
        raw.writer.write(packet_bytes(Kind.PINGREQ))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await raw.packet()
        await server.set_state(State.SLOW)
        began = asyncio.get_running_loop().time()
        raw.writer.write(packet_bytes(Kind.PINGREQ))
        assert await raw.packet() == b"\xd0"
        assert asyncio.get_running_loop().time() - began >= 0.29
        await server.set_state(State.UP)
        await publish(server, "-t", "t", "-m", "m", "-r")
        await server.set_state(State.RESET)
        assert server.report()["retained"] == "0"
        assert await raw.packet() == b""
        await server.set_state(State.DOWN)
        code, _, _ = await run(server, "mosquitto_pub", "-t", "t", "-m", "m")
        assert code != 0
        await server.set_state(State.UP)
        await publish(server, "-t", "t", "-m", "m")

    with_server(scenario, slow_s=0.3)


def test_two_places_of_one_broker() -> None:
    async def scenario() -> None:
        park = Park()
        await park.start({"mqtt": {}, "second": {"server": "mqtt"},
                          "apart": {"server": "mqtt", "broker": "b"}})
        try:
            ports = {name: places[0].port for name, places in park.endpoints().items()}

            async def raw(name: str) -> Raw:
                one = Raw(*await asyncio.open_connection("127.0.0.1", ports[name]))
                one.writer.write(packet_bytes(Kind.CONNECT, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x01"
                                              + name[:1].encode()))
                await one.packet()
                return one

            here, there, elsewhere = await raw("mqtt"), await raw("second"), await raw("apart")
            for one in (there, elsewhere):
                one.writer.write(number_bytes(Kind.SUBSCRIBE, 1, b"\x00\x01t\x00"))
                await one.packet()
            here.writer.write(publish_bytes(Message("t", b"over"), None))
            assert await there.packet() == b"\x30\x00\x01tover"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await elsewhere.packet()
        finally:
            await park.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize(("topic_filter", "topic", "match"), [
    ("#", "a/b", True), ("a/#", "a", True), ("a/+", "a", False), ("+/b", "a/b", True), ("#", "$SYS/a", False),
    ("$SYS/#", "$SYS/a", True), ("a", "a/b", False), ("+", "/a", False), ("+/+", "/a", True)])
def test_filters(topic_filter: str, topic: str, match: bool) -> None:
    """4.7.1, its examples among them."""
    assert matches(topic_filter, topic) is match


@pytest.mark.parametrize("topic_filter", ["", "a#", "#/a", "a+/b"])
def test_filters_that_are_none(topic_filter: str) -> None:
    assert not filter_is_valid(topic_filter)


@given(st.text(st.characters(exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1, max_size=40),
       st.binary(max_size=300), st.integers(0, 2), st.booleans(), st.integers(1, 400))
def test_a_message_survives_any_cut(topic: str, payload: bytes, qos: int, retain: bool, cut: int) -> None:
    message = Message(topic, payload, qos, retain)
    data = publish_bytes(message, 77 if qos else None)
    reader = PacketReader()
    packets = [*reader.feed(data[:cut]), *reader.feed(data[cut:])]
    assert [read_publish(one) for one in packets] == [(message, 77 if qos else None)]


@given(st.binary(max_size=60))
def test_any_bytes_are_packets_or_refused(data: bytes) -> None:
    reader = PacketReader()
    try:
        for packet in reader.feed(data):
            if packet.kind is Kind.PUBLISH:
                read_publish(packet)
    except MalformedPacket:
        return
    assert len(data) < 62
