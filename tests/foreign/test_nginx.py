"""The HTTP clients of both modules against nginx: plain, TLS, client certificates, uploads, resumption."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.services.http_pages import counted
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store
from cellbench.virtual.device.files_at import file_store

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R8, R6 = Series.LENA_R8, Series.LARA_R6
CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"
START_S = 15.0
SETTINGS = """
daemon off; master_process off; worker_processes 1; error_log {folder}/error.log; pid {folder}/pid;
events {{ worker_connections 64; }}
http {{
  access_log off; client_max_body_size 8m;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_certificate {certs}/server_thawte.crt; ssl_certificate_key {certs}/server_thawte.key;
  ssl_session_cache shared:all:1m; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets {tickets};
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{secure} ssl; root {folder}/root;
    location /dav/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
    location /said {{
      return 200 "$ssl_protocol $ssl_cipher $ssl_session_reused $ssl_server_name $server_protocol"; }}
  }}
  server {{
    listen 127.0.0.1:{mutual} ssl; ssl_verify_client on; ssl_client_certificate {certs}/ca_cert.crt;
    location /said {{ return 200 "$ssl_client_verify $ssl_client_s_dn"; }}
  }}
}}
"""


class Nginx:
    """Where a running nginx listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plain, self.secure, self.mutual = (self._free() for _ in range(3))

    @staticmethod
    def _free() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])


@asynccontextmanager
async def nginx(folder: Path, *, tickets: bool = True) -> AsyncIterator[Nginx]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.fail("the foreign peer nginx is not installed")
    server = Nginx(folder)
    (folder / "root").mkdir()
    (folder / "root" / "large").write_bytes(counted(200_000))
    (folder / "nginx.conf").write_text("user root;" * (folder.owner() == "root") + SETTINGS.format(
        folder=folder, certs=CERTS, plain=server.plain, secure=server.secure, mutual=server.mutual,
        tickets="on" if tickets else "off"))
    process = await asyncio.create_subprocess_exec(
        program, "-c", str(folder / "nginx.conf"), "-p", str(folder),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(START_S):
            for port in (server.plain, server.secure, server.mutual):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                    except ConnectionError:
                        assert process.returncode is None, (folder / "error.log").read_text()
                        await asyncio.sleep(0.02)
                        continue
                    writer.close()
                    break
        yield server
    finally:
        process.kill()
        await process.wait()


async def use(at: At, port: int, *lines: str) -> None:
    """Profile 0 on a port; ``lines`` are security profile 2, and switch TLS on."""
    await at.ok("AT+UHTTP=0")
    await at.ok('AT+UHTTP=0,0,"127.0.0.1"')
    if lines:
        certificate_store(at.module).put(Item.CA, "ThawteCA", (CERTS / "thawte_standin.pem").read_bytes())
        for line in ("2", *(f"2,{line}" for line in lines)):
            await at.ok(f"AT+USECPRF={line}")
        await at.ok("AT+UHTTP=0,6,1,2")
    await at.ok(f"AT+UHTTP=0,5,{port}")


async def request(at: At, command: int, path: str, more: str = "", result: int = 1) -> bytes:
    """The body of the answer; an older answer is gone before."""
    store = file_store(at.module)
    if store.exists("answer"):
        store.delete("answer")
    await at.ok(f'AT+UHTTPC=0,{command},"{path}","answer"{more}')
    await at.urc(f"+UUHTTPCR: 0,{command},{result}")
    return store.read("answer").partition(b"\r\n\r\n")[2] if store.exists("answer") else b""


async def there_and_back(at: At) -> None:
    """HEAD, a large GET, a file by PUT and back by GET, DELETE."""
    assert await request(at, 0, "/large") == b""
    assert await request(at, 1, "/large") == counted(200_000)
    data = secrets.token_bytes(50_000)
    file_store(at.module).write("sent", data)
    await request(at, 3, "/dav/new/kept", ',"sent",2')
    assert await request(at, 1, "/dav/new/kept") == data
    await request(at, 2, "/dav/new/kept")
    await request(at, 1, "/dav/new/kept", result=0 if at.series is R8 else 1)


@both
def test_plain(play: Play, series: Series, tmp_path: Path) -> None:
    async def scenario(at: At) -> None:
        async with nginx(tmp_path) as server:
            await use(at, server.plain)
            await there_and_back(at)
            assert (await request(at, 1, "/said")).split()[-1] == b"HTTP/1.0"

    play(series, scenario)


@both
def test_tls(play: Play, series: Series, tmp_path: Path) -> None:
    """The root is checked; nginx tells version, suite and the name indicated."""
    async def scenario(at: At) -> None:
        async with nginx(tmp_path) as server:
            await use(at, server.secure, "0,1", '3,"ThawteCA"', '10,"httpbin.org"')
            await there_and_back(at)
            version, _, _, name, _ = (await request(at, 1, "/said")).decode().split()
            assert version == ("TLSv1.2" if series is R8 else "TLSv1.3")
            assert name == "httpbin.org"
            await use(at, server.secure, "0,0", '2,99,"C0","2F"')
            assert b"TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256" in await request(at, 1, "/said")
            await use(at, server.secure, "0,2", '3,"ThawteCA"', '4,"other.example"')
            assert await request(at, 1, "/said", result=0) == b""
            assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,3,73"

    play(series, scenario)


@both
def test_a_client_certificate_is_demanded(play: Play, series: Series, tmp_path: Path) -> None:
    """nginx tells whose it was; without one it answers with 400 over a connection that is secure."""
    async def scenario(at: At) -> None:
        store = certificate_store(at.module)
        store.put(Item.CLIENT_CERTIFICATE, "mine", (CERTS / "client_cert.crt").read_bytes())
        store.put(Item.CLIENT_KEY, "mine", (CERTS / "client_key.key").read_bytes())
        async with nginx(tmp_path) as server:
            await use(at, server.mutual, "0,1", '3,"ThawteCA"', '5,"mine"', '6,"mine"')
            assert await request(at, 1, "/said") == b"SUCCESS CN=A client certificate"
            await use(at, server.mutual, "0,1", '3,"ThawteCA"')
            assert b"SUCCESS" not in await request(at, 1, "/said", result=0 if series is R8 else 1)
        for item in (Item.CLIENT_CERTIFICATE, Item.CLIENT_KEY):
            store.remove(item, "mine")

    play(series, scenario)


@pytest.mark.parametrize(("kind", "version", "tickets"), [(0, 3, False), (1, 3, True), (3, 4, True)],
                         ids=["id", "ticket", "PSK ticket"])
def test_sessions_are_reused(play: Play, kind: int, version: int, tickets: bool, tmp_path: Path) -> None:
    """LARA-R6 guide 3.4.4: nginx itself says so of the second request, and not of the first."""
    async def phase(at: At, server: Nginx, data: str) -> tuple[str, str]:
        suite = '2,99,"13","02"' if kind == 3 else '2,99,"C0","30"'
        await use(at, server.secure, "0,0", f"1,{version}", suite, "13,0,1", f"13,1,{kind}")
        if data and kind == 3:
            text = data.split(",")[0]
            await at.ok(f"AT+USECPRF=2,13,5,{len(text)}", payload=text.encode())
        elif data:
            await at.ok(f"AT+USECPRF=2,13,{kind + 2},{data}")
        said = (await request(at, 1, "/said")).decode().split()
        told = await at.next_urc("+UUSECPRF")
        if kind == 0:
            return said[2], (await at.next_urc("+UUSECPRF")).split(",", 3)[3]
        assert told == "2,13,0,2"
        return said[2], (await at.ok(f"AT+USECPRF=2,13,{kind + 2}")).split(",", 3)[3]

    async def scenario(at: At) -> None:
        async with nginx(tmp_path, tickets=tickets) as server:
            reused, data = await phase(at, server, "")
            assert reused == "."
            reused, _ = await phase(at, server, data)
            assert reused == "r"

    play(R6, scenario)
