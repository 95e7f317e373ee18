"""The web server under curl and plain sockets: echoes, files, faults, states, TLS."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cellbench.io.tls.settings import ServerSettings
from cellbench.services.authority import Authority
from cellbench.services.http import HttpServer
from cellbench.services.http_pages import Request, answer_to, counted
from cellbench.services.server import State

DEADLINE_S = 20.0


def with_server(scenario: Callable[[HttpServer], Awaitable[None]], tls: ServerSettings | None = None,
                **definition: object) -> None:
    async def run() -> None:
        server = HttpServer({**definition, "tls": tls})
        await server.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(server)
        finally:
            await server.stop()

    asyncio.run(run())


async def curl(server: HttpServer, path: str, *options: str, secure: bool = False) -> tuple[int, bytes]:
    """curl's exit status and what it printed."""
    if shutil.which("curl") is None:
        pytest.fail("the foreign peer curl is not installed")
    place = server.endpoints()[0]
    scheme = "https" if secure else "http"
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--noproxy", "*", "--max-time", "10", *options,
        f"{scheme}://localhost:{place.port}{path}", "--resolve", f"localhost:{place.port}:127.0.0.1",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out


async def raw(server: HttpServer, request: bytes) -> bytes:
    """All that comes back for bytes sent."""
    place = server.endpoints()[0]
    reader, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()


def test_echoes_are_httpbins() -> None:
    async def scenario(server: HttpServer) -> None:
        _, out = await curl(server, "/post?a=1&b=", "-d", "name_post=MyName&age_post=30", "-A", "unit")
        echo = json.loads(out)
        assert echo["form"] == {"name_post": "MyName", "age_post": "30"}
        assert echo["args"] == {"a": "1", "b": ""}
        assert echo["headers"]["User-Agent"] == "unit"
        assert echo["url"].endswith("/post?a=1&b=")
        assert echo["origin"] == "127.0.0.1"
        _, out = await curl(server, "/put", "-X", "PUT", "-H", "Content-Type: application/json",
                            "-d", '{"x": [1]}')
        assert json.loads(out)["json"] == {"x": [1]}
        _, out = await curl(server, "/delete", "-X", "DELETE")
        assert json.loads(out)["data"] == ""
        code, out = await curl(server, "/post", "-o", "/dev/null", "-w", "%{http_code}")
        assert (code, out) == (0, b"405")
        assert server.report()["status"] == "405"
        assert server.report()["path"] == "/post"

    with_server(scenario)


def test_forms_with_files(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_bytes(b"hello world")

    async def scenario(server: HttpServer) -> None:
        _, out = await curl(server, "/post", "-F", f"file_post=@{tmp_path / 'some.txt'}", "-F", "field=value")
        echo = json.loads(out)
        assert echo["files"] == {"file_post": "hello world"}
        assert echo["form"] == {"field": "value"}

    with_server(scenario)


def test_a_head_has_no_body() -> None:
    async def scenario(server: HttpServer) -> None:
        answer = await raw(server, b"HEAD / HTTP/1.0\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Content-Type: text/html" in head
        assert body == b""

    with_server(scenario)


def test_basic_authentication() -> None:
    async def scenario(server: HttpServer) -> None:
        path = "/basic-auth/test_user/P455w0rd"
        _, out = await curl(server, path, "-u", "test_user:P455w0rd")
        assert json.loads(out) == {"authenticated": True, "user": "test_user"}
        for options in ((), ("-u", "test_user:wrong"), ("-H", "Authorization: Basic !!")):
            _, out = await curl(server, path, *options, "-o", "/dev/null", "-w", "%{http_code}")
            assert out == b"401"

    with_server(scenario)


def test_files_are_kept_until_reset(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    (tmp_path / "data").write_bytes(data)

    async def scenario(server: HttpServer) -> None:
        code = ("-o", "/dev/null", "-w", "%{http_code}")
        _, out = await curl(server, "/files/a/b.bin", "-T", str(tmp_path / "data"), *code)
        assert out == b"201"
        assert (await curl(server, "/files/a/b.bin"))[1] == data
        _, out = await curl(server, "/files/a/b.bin", "-X", "DELETE", *code)
        assert out == b"204"
        await curl(server, "/files/a/b.bin", "-T", str(tmp_path / "data"))
        await server.set_state(State.RESET)
        assert (await curl(server, "/files/a/b.bin", *code))[1] == b"404"

    with_server(scenario)


def test_statuses_sizes_and_delays() -> None:
    async def scenario(server: HttpServer) -> None:
        code = ("-o", "/dev/null", "-w", "%{http_code}")
        for status in ("204", "302", "404", "500", "503"):
            assert (await curl(server, f"/status/{status}", *code))[1] == status.encode()
        assert (await curl(server, "/bytes/1048576"))[1] == counted(1_048_576)
        began = asyncio.get_running_loop().time()
        await curl(server, "/delay/0.4")
        assert asyncio.get_running_loop().time() - began >= 0.4
        assert (await curl(server, "/nothing", *code))[1] == b"404"

    with_server(scenario)


@pytest.mark.parametrize(("fault", "status"), [("cut", 18), ("rubbish", 1), ("reset", 56)])
def test_faults_are_faults(fault: str, status: int) -> None:
    async def scenario(server: HttpServer) -> None:
        code, _ = await curl(server, f"/broken/{fault}")
        assert code == status
        assert (await curl(server, "/get"))[0] == 0

    with_server(scenario)


def test_an_answer_that_ends_within_its_header() -> None:
    async def scenario(server: HttpServer) -> None:
        assert await raw(server, b"GET /broken/head HTTP/1.0\r\n\r\n") == b"HTTP/1.1 200 OK\r\nContent-Le"

    with_server(scenario)


def test_a_stalled_answer_stays_open() -> None:
    async def scenario(server: HttpServer) -> None:
        code, out = await curl(server, "/broken/stall", "--max-time", "1")
        assert code == 28
        assert len(out) == 100

    with_server(scenario)


def test_rubbish_and_lengths_that_lie() -> None:
    async def scenario(server: HttpServer) -> None:
        assert (await raw(server, b"\x00\x01 what\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        answer = await raw(server, b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert (await curl(server, "/get"))[0] == 0

    with_server(scenario)


def test_several_requests_on_one_connection() -> None:
    async def scenario(server: HttpServer) -> None:
        answer = await raw(server, b"GET /bytes/5 HTTP/1.1\r\nHost: x\r\n\r\n"
                                   b"GET /bytes/6 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert server.report()["connections"] == "1"

    with_server(scenario)


def test_states() -> None:
    async def scenario(server: HttpServer) -> None:
        await server.set_state(State.DOWN)
        assert (await curl(server, "/get"))[0] == 7
        await server.set_state(State.MUTE)
        assert (await curl(server, "/get", "--max-time", "0.5"))[0] == 28
        await server.set_state(State.SLOW)
        began = asyncio.get_running_loop().time()
        assert (await curl(server, "/get"))[0] == 0
        assert asyncio.get_running_loop().time() - began >= 0.3
        await server.set_state(State.UP)
        assert (await curl(server, "/get"))[0] == 0

    with_server(scenario, slow_s=0.3)


def test_a_slow_server_of_a_declared_rate_sends_no_faster() -> None:
    async def scenario(server: HttpServer) -> None:
        await server.set_state(State.SLOW)
        began = asyncio.get_running_loop().time()
        status, body = await curl(server, "/package")
        assert (status, body) == (0, bytes(4000))
        assert asyncio.get_running_loop().time() - began >= 0.4
        await server.set_state(State.UP)
        assert await curl(server, "/package") == (0, bytes(4000))

    with_server(scenario, slow_bytes_s=8000, files={"/package": bytes(4000)})


def test_over_tls(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    settings = ServerSettings(authority.issue("localhost"))

    async def scenario(server: HttpServer) -> None:
        code, out = await curl(server, "/bytes/300000", "--cacert", str(tmp_path / "ca.pem"), secure=True)
        assert (code, out) == (0, counted(300_000))
        assert server.report()["tls_sni"] == "localhost"
        assert (await curl(server, "/get", secure=True))[0] == 60
        assert "tls_refused" in server.report()

    with_server(scenario, tls=settings)


def test_files_have_an_end() -> None:
    """Nobody fills the memory: 64 MiB in all, then 507, and room again after a DELETE."""
    files: dict[str, bytes] = {}
    piece = bytes(8 * 1024 * 1024)

    def ask(method: str, name: str) -> int:
        return answer_to(Request(method, f"/files/{name}", (), piece, "127.0.0.1"), files).status

    assert [ask("PUT", str(number)) for number in range(9)] == [201] * 8 + [507]
    assert ask("DELETE", "0") == 204
    assert ask("PUT", "8") == 201
