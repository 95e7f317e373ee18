"""The MQTT client of the virtual module against mosquitto, with mosquitto's own clients at the other end."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.services.authority import Authority, KeyKind, pem_certificate
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
START_S = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.fail(f"the foreign peer {name} is not installed")
    return found


class Mosquitto:
    """A mosquitto with a plain and a TLS port, and its clients."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.plain, self.secure = free_port(), free_port()
        (folder / "ca.pem").write_bytes(authority.pem)
        server = authority.issue("localhost", also=("127.0.0.1",))
        (folder / "cert.pem").write_bytes(pem_certificate(server.certificate))
        key = ssl.DER_cert_to_PEM_cert(server.key).replace("CERTIFICATE", "PRIVATE KEY")
        (folder / "key.pem").write_text(key)
        (folder / "mosquitto.conf").write_text(
            f"per_listener_settings true\nuser root\nlistener {self.plain} 127.0.0.1\nallow_anonymous true\n"
            f"listener {self.secure} 127.0.0.1\nallow_anonymous true\ncafile {folder}/ca.pem\n"
            f"certfile {folder}/cert.pem\nkeyfile {folder}/key.pem\nrequire_certificate true\n")
        self._broker: asyncio.subprocess.Process | None = None
        self._clients: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        """Up, both ports."""
        self._broker = await asyncio.create_subprocess_exec(
            program("mosquitto"), "-c", str(self.folder / "mosquitto.conf"),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(START_S):
            for port in (self.plain, self.secure):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                    except ConnectionError:
                        await asyncio.sleep(0.02)
                        continue
                    writer.close()
                    break

    async def stop(self) -> None:
        """Down, with all clients."""
        for process in (*self._clients, self._broker):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()

    async def publish(self, *options: str) -> None:
        """mosquitto_pub."""
        process = await asyncio.create_subprocess_exec(
            program("mosquitto_pub"), "-h", "127.0.0.1", "-p", str(self.plain), *options)
        assert await process.wait() == 0

    async def subscriber(self, *options: str) -> asyncio.StreamReader:
        """mosquitto_sub, subscribed; its lines are QoS, retain, topic, message in hexadecimal."""
        process = await asyncio.create_subprocess_exec(
            "stdbuf", "-oL", program("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(self.plain), "-d",
            "-F", "%q %r %t %x", *options, stdout=asyncio.subprocess.PIPE)
        self._clients.append(process)
        assert process.stdout is not None
        while b"SUBACK" not in (line := await process.stdout.readline()):
            assert line
        return process.stdout


async def line_of(lines: asyncio.StreamReader) -> str:
    """The next message that a subscriber prints."""
    while line := (await lines.readline()).decode().rstrip("\n"):
        if not line.startswith(("Client ", "Subscribed ")):
            return line
    raise AssertionError("mosquitto_sub ended")


@asynccontextmanager
async def mosquitto(folder: Path, authority: Authority) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(folder, authority)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.stop()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


async def logged_in(at: At, port: int, *lines: str) -> None:
    await at.ok("AT+UMQTTNV=0")
    for line in (f'2,"127.0.0.1",{port}', *lines):
        await at.ok(f"AT+UMQTT={line}")
    await at.ok("AT+UMQTTC=1")
    await at.urc("+UUMQTTC: 1,1")


async def logged_out(at: At) -> None:
    await at.ok("AT+UMQTTC=0")
    await at.urc("+UUMQTTC: 0,1")


@both
def test_every_qos_both_ways(play: Play, series: Series, tmp_path: Path, authority: Authority) -> None:
    async def scenario(at: At) -> None:
        async with mosquitto(tmp_path, authority) as broker:
            await logged_in(at, broker.plain)
            lines = await broker.subscriber("-t", "up/#", "-q", "2")
            for qos in (0, 1, 2):
                payload = f'"nonce {qos}"\r\n'.encode() + bytes(range(256)) * 3
                await at.ok(f'AT+UMQTTC=9,{qos},0,"up/{qos}",{len(payload)}', payload=payload)
                await at.urc("+UUMQTTC: 2,1")
                assert await line_of(lines) == f"{qos} 0 up/{qos} {payload.hex()}"
                await at.ok(f'AT+UMQTTC=4,{qos},"down/{qos}"')
                await at.urc(f'+UUMQTTC: 4,1,{qos},"down/{qos}"')
                await broker.publish("-t", f"down/{qos}", "-q", "2", "-m", f"nonce {qos}")
                await at.urc("+UUMQTTC: 6,1")
                answer = await at.ok("AT+UMQTTC=6,1")
                assert answer == f'+UMQTTC: 6,{qos},13,6,"down/{qos}",7,"nonce {qos}"'
            await at.ok('AT+UMQTTC=2,1,1,0,"kept","stays"')
            await at.urc("+UUMQTTC: 2,1")
            kept = await broker.subscriber("-t", "kept", "-q", "1")
            assert await line_of(kept) == f"1 1 kept {b'stays'.hex()}"
            await at.ok('AT+UMQTTC=5,"down/2"')
            await at.urc("+UUMQTTC: 5,1")
            await logged_out(at)

    play(series, scenario)


@both
def test_tls_with_a_client_certificate(play: Play, series: Series, tmp_path: Path,
                                       authority: Authority) -> None:
    mine = authority.issue("module", kind=KeyKind.RSA_2048)

    async def scenario(at: At) -> None:
        store = certificate_store(at.module)
        store.put(Item.CA, "root", authority.pem)
        store.put(Item.CLIENT_CERTIFICATE, "mine", mine.certificate)
        key = ssl.DER_cert_to_PEM_cert(mine.key).replace("CERTIFICATE", "PRIVATE KEY").encode()
        store.put(Item.CLIENT_KEY, "key", key)
        for line in ("2", "2,0,1", '2,3,"root"', '2,5,"mine"', '2,6,"key"'):
            await at.ok(f"AT+USECPRF={line}")
        async with mosquitto(tmp_path, authority) as broker:
            lines = await broker.subscriber("-t", "secure", "-q", "2")
            await logged_in(at, broker.secure, "11,1,2")
            await at.ok('AT+UMQTTC=2,2,0,0,"secure","nonce 7"')
            await at.urc("+UUMQTTC: 2,1")
            assert await line_of(lines) == f"2 0 secure {b'nonce 7'.hex()}"
            await logged_out(at)
            await at.ok('AT+USECPRF=2,5,""')
            await at.ok('AT+USECPRF=2,6,""')
            await at.ok("AT+UMQTTC=1")
            await at.urc("+UUMQTTC: 1,0")
            assert (await at.ok("AT+UMQTTER")).startswith("+UMQTTER: 13,")

    play(series, scenario)


@both
def test_will_pings_and_a_broker_that_dies(play: Play, series: Series, tmp_path: Path,
                                           authority: Authority) -> None:
    async def scenario(at: At) -> None:
        async with mosquitto(tmp_path, authority) as broker:
            lines = await broker.subscriber("-t", "will", "-q", "2")
            will = ("6,2", "7,1", '8,"will"', '9,"gone"')
            await logged_in(at, broker.plain, *will)
            await logged_out(at)
            await logged_in(at, broker.plain, *will)
            cid = 2
            await at.ok(f'AT+CGDCONT={cid},"IP","{"internet.wind" if series is Series.LENA_R8 else "APN2"}"')
            await at.ok(f"AT+CGACT=1,{cid}")
            await at.ok("AT+CGACT=0,1")
            await at.urc("+UUMQTTC: 0,101")
            assert await line_of(lines) == f"2 0 will {b'gone'.hex()}"
            await at.ok("AT+CGACT=1,1")
            await at.ok(f"AT+CGACT=0,{cid}")
            await logged_in(at, broker.plain, "10,1")
            await at.ok("AT+UMQTTC=8,1")
            if series is Series.LARA_R6:
                await asyncio.sleep(1.7)  # longer than one and a half keep alive times
            await broker.stop()
            await at.urc("+UUMQTTC: 0,101")
            await at.ok("AT+UMQTTC=1")
            await at.urc("+UUMQTTC: 1,0")

    play(series, scenario)
