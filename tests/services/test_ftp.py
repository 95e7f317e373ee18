"""The FTP server under curl, lftp and ftplib: listings, restarts, both modes, TLS, states, faults."""

from __future__ import annotations

import asyncio
import contextlib
import ftplib
import io
import shutil
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.services.ftp import FtpServer
from cellbench.services.ftp_tree import content
from cellbench.services.park import Park
from cellbench.services.server import State
from cellbench.virtual.world.world import load_world

DEADLINE_S = 30.0
CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"
LISTING = ("-rw-r--r--   1 ftp      ftp          1037 Aug  5 09:45 dat_000\r\n"
           "-rw-r--r--   1 ftp      ftp         21041 Aug  5 09:12 data.zip\r\n"
           "-rw-r--r--   1 ftp      ftp            12 Aug  5 09:42 xlog.zip\r\n")
FOLDER = "drwxr-xr-x   2 ftp      ftp          4096 Aug  5 09:48 uploads\r\n"


def with_server(name: str, scenario: Callable[[FtpServer], Awaitable[None]], **more: object) -> None:
    """A server of the world, steered by a scenario."""
    async def run() -> None:
        definition: Any = load_world().definitions()[name]
        server = FtpServer({**definition, **more})
        await server.start()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(server)
        finally:
            await server.stop()

    asyncio.run(run())


def port_of(server: FtpServer) -> int:
    return server.endpoints()[0].port


async def client(server: FtpServer, talk: Callable[[ftplib.FTP], Any], *, user: str = "anonymous",
                 password: str = "password", timeout: float = 5.0) -> Any:
    """ftplib, logged in, in a thread of its own; what ``talk`` gives."""
    def within() -> Any:
        with ftplib.FTP(timeout=timeout) as ftp:
            ftp.connect("127.0.0.1", port_of(server))
            ftp.login(user, password)
            return talk(ftp)

    return await asyncio.to_thread(within)


class ReusingFtp(ftplib.FTP_TLS):
    """Explicit TLS whose data connections offer the control connection's session, or do not."""

    reuse = True

    def ntransfercmd(self, cmd: str, rest: Any = None) -> Any:
        sock, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:  # type: ignore[attr-defined]
            session = self.sock.session if self.reuse else None  # type: ignore[union-attr]
            sock = self.context.wrap_socket(sock, session=session)
        return sock, size


async def secure(server: FtpServer, talk: Callable[[ReusingFtp], Any], *, user: str = "myname",
                 reuse: bool = True) -> Any:
    def within() -> Any:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with ReusingFtp(context=context, timeout=5.0) as ftp:
            ftp.reuse = reuse
            ftp.connect("127.0.0.1", port_of(server))
            ftp.login(user, "mypwd")
            ftp.prot_p()
            return talk(ftp)

    return await asyncio.to_thread(within)


def lines_of(ftp: ftplib.FTP, command: str = "LIST") -> bytes:
    """A listing as it comes."""
    got = bytearray()
    ftp.voidcmd("TYPE A")
    with ftp.transfercmd(command) as data:
        while part := data.recv(4096):
            got += part
    ftp.voidresp()
    return bytes(got)


def fetched(ftp: ftplib.FTP, name: str, rest: int | None = None) -> bytes:
    got = bytearray()
    ftp.retrbinary(f"RETR {name}", got.extend, rest=rest)
    return bytes(got)


async def run_peer(*command: str, given: bytes = b"") -> tuple[int, bytes]:
    """A foreign client's exit status and output."""
    if shutil.which(command[0]) is None:
        pytest.fail(f"the foreign peer {command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate(given)
    assert process.returncode is not None
    return process.returncode, out


@pytest.mark.parametrize("passive", [True, False])
def test_listings_have_the_printed_sizes(passive: bool) -> None:
    """LENA-R8 guide Table 33: 194, 258, 70 and 15 bytes."""
    def talk(ftp: ftplib.FTP) -> None:
        ftp.set_pasv(passive)
        assert lines_of(ftp).decode() == LISTING
        assert len(LISTING) == 194
        ftp.mkd("uploads")
        listing = lines_of(ftp).decode()
        assert len(listing) == 258
        assert FOLDER in listing
        ftp.cwd("uploads")
        ftp.storbinary("STOR gps_positions", io.BytesIO(bytes(176_673)))
        ftp.storbinary("STOR gps_positions", io.BytesIO(bytes(176_673 - 250)), rest=250)
        assert len(lines_of(ftp)) == 70
        assert lines_of(ftp, "NLST") == b"gps_positions\r\n"
        ftp.cwd("..")
        ftp.rename("uploads/gps_positions", "moved")
        ftp.delete("moved")
        ftp.rmd("uploads")
        assert lines_of(ftp).decode() == LISTING

    with_server("ftp", lambda server: client(server, talk))


def test_restart_both_ways() -> None:
    async def scenario(server: FtpServer) -> None:
        def talk(ftp: ftplib.FTP) -> None:
            assert fetched(ftp, "file_to_retrieve") == b"0123456789" * 100
            assert fetched(ftp, "data.zip") == content("data.zip", 21_041)
            assert fetched(ftp, "data.zip", 250) == content("data.zip", 21_041)[250:]
            ftp.storbinary("STOR file_to_store", io.BytesIO(b"a" * 300))
            ftp.storbinary("STOR file_to_store", io.BytesIO(b"b" * 100), rest=250)
            assert fetched(ftp, "file_to_store") == b"a" * 250 + b"b" * 100

        await client(server, talk)
        log = server.report()
        assert log["1"] == "USER anonymous"
        assert log["2"] == "PASS ****"
        assert "REST 250" in log.values()
        await server.set_state(State.RESET)
        listing = await client(server, lines_of)
        assert listing.decode() == LISTING

    with_server("ftp", scenario)


def test_curl_and_lftp() -> None:
    async def scenario(server: FtpServer) -> None:
        base = f"ftp://127.0.0.1:{port_of(server)}"
        curl = ("curl", "-sS", "--noproxy", "*", "--max-time", "15", "-u", "myname:mypwd", "--ssl-reqd", "-k")
        status, out = await run_peer(*curl, "-T", "-", f"{base}/up.bin", given=bytes(range(256)) * 100)
        assert (status, out) == (0, b"")
        status, out = await run_peer(*curl, "-C", "1000", f"{base}/up.bin")
        assert (status, out) == (0, (bytes(range(256)) * 100)[1000:])
        assert server.report()["tls_version"] == "TLS_1_3"
        settings = ("set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; "
                    "set net:max-retries 1; set net:timeout 10; ")
        status, out = await run_peer("lftp", "-u", "myname,mypwd", "-e", settings + "cat up.bin; bye", base)
        assert (status, out) == (0, bytes(range(256)) * 100)
        assert int(server.report()["handshake_bytes"]) > 0

    with_server("ftps", scenario)


@pytest.mark.parametrize(("user", "reuse", "good"), [
    ("myname", False, True), ("myname+reuse", True, True), ("myname+reuse", False, False)])
def test_sessions_of_data_connections(user: str, reuse: bool, good: bool) -> None:
    async def scenario(server: FtpServer) -> None:
        def talk(ftp: ReusingFtp) -> None:
            ftp.storbinary("STOR file", io.BytesIO(b"x" * 1000))
            assert fetched(ftp, "file") == b"x" * 1000

        if good:
            await secure(server, talk, user=user, reuse=reuse)
        else:
            with pytest.raises(ftplib.error_perm, match="522"):
                await secure(server, lambda ftp: fetched(ftp, "broken-none"), user=user, reuse=reuse)
        assert server.report()["data_tls_resumed"] == ("yes" if reuse else "no")

    with_server("ftps", scenario, files={"broken-none": 10})


def test_states() -> None:
    async def scenario(server: FtpServer) -> None:
        def hello(ftp: ftplib.FTP) -> str:
            return ftp.pwd()

        port = port_of(server)
        await server.set_state(State.DOWN)
        with pytest.raises(ConnectionRefusedError):
            await client(server, hello)
        await server.set_state(State.MUTE)
        assert port_of(server) == port
        with pytest.raises(TimeoutError):
            await client(server, hello, timeout=0.3)
        await server.set_state(State.NO_TLS)
        with pytest.raises(ftplib.error_perm, match="534"):
            await secure(server, lambda ftp: ftp.pwd())
        await server.set_state(State.UP)
        assert await secure(server, lambda ftp: ftp.pwd()) == "/"

    with_server("ftps", scenario)


def test_a_slow_server_gives_100_bytes_a_second() -> None:
    async def scenario(server: FtpServer) -> None:
        await server.set_state(State.SLOW)

        def talk(ftp: ftplib.FTP) -> tuple[int, float]:
            ftp.voidcmd("TYPE I")
            began, taken = time.monotonic(), 0
            with ftp.transfercmd("RETR file_to_retrieve") as data:
                while taken < 520:
                    taken += len(data.recv(1))
                took = time.monotonic() - began
            with contextlib.suppress(ftplib.Error):  # the transfer was left before its end
                ftp.voidresp()
            return taken, took

        taken, took = await client(server, talk)
        assert taken <= 130 * took + 300, "pyftpdlib lets pass two seconds' worth at the beginning"

    with_server("ftp", scenario)


@pytest.mark.parametrize(("fault", "raised"), [
    ("dies", (ConnectionError, EOFError)), ("stalls", TimeoutError), ("rubbish", ftplib.Error)])
@pytest.mark.parametrize("command", ["RETR", "STOR", "MKD"])
def test_faults(fault: str, raised: Any, command: str) -> None:
    async def scenario(server: FtpServer) -> None:
        name = f"broken-{fault}"

        def talk(ftp: ftplib.FTP) -> None:
            if command == "RETR":
                fetched(ftp, name)
            elif command == "STOR":
                ftp.storbinary(f"STOR {name}", io.BytesIO(bytes(50_000)))
            else:
                ftp.mkd(name)

        with pytest.raises(raised):
            await client(server, talk, timeout=0.5)
        assert (await client(server, lines_of)).decode() == LISTING

    with_server("ftp", scenario)


def test_the_park_makes_them() -> None:
    async def run() -> None:
        park = Park()
        definitions = load_world().definitions()
        await park.start({name: definitions[name] for name in ("ftp", "ftps", "ftp-firmware")})
        try:
            place = park.endpoints()["ftp-firmware"][0]

            def fetch() -> int:
                with ftplib.FTP(timeout=5.0) as ftp:
                    ftp.connect(place.host, place.port)
                    ftp.login("username", "password")
                    return len(fetched(ftp, "/fw/delta"))

            assert await asyncio.to_thread(fetch) == 74_268
            with pytest.raises(ValueError, match="cannot be no-tls"):
                await park.set_state("ftp", "no-tls")
        finally:
            await park.stop()

    asyncio.run(run())


def test_data_connections_that_are_reset_at_once() -> None:
    """A client that gives up between the port and the command must not take the server's thread with it."""
    async def scenario(server: FtpServer) -> None:
        def talk(ftp: ftplib.FTP) -> str:
            for _ in range(60):
                host, port = ftp.makepasv()
                with socket.create_connection((host, port)) as data:
                    data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return ftp.pwd()

        assert await client(server, talk) == "/"
        await server.set_state(State.RESET)

    with_server("ftp", scenario)
