"""The FTP client of the virtual module against vsftpd, which demands the control connection's TLS session on
data connections (require_ssl_reuse)."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.services.ftp_tree import content
from cellbench.virtual.device.clients.ftp import FtpClient
from cellbench.virtual.device.files_at import file_store

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
R8, R6 = Series.LENA_R8, Series.LARA_R6
CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"
START_S = 15.0
SETTINGS = """
listen=YES
listen_address=127.0.0.1
background=NO
run_as_launching_user=YES
anonymous_enable=YES
no_anon_password=NO
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_umask=022
allow_writeable_chroot=YES
seccomp_sandbox=NO
connect_from_port_20=NO
tcp_wrappers=NO
xferlog_enable=NO
"""
TLS_SETTINGS = """
ssl_enable=YES
allow_anon_ssl=YES
force_anon_data_ssl=YES
force_anon_logins_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def vsftpd(folder: Path, *, secure: bool) -> AsyncIterator[int]:
    """A running vsftpd with a directory "pub" that anybody may write to; its port."""
    program = shutil.which("vsftpd") or shutil.which("vsftpd", path="/usr/sbin")
    if program is None:
        pytest.fail("the foreign peer vsftpd is not installed")
    port, user = free_port(), getpass.getuser()
    for name in ("root/pub", "empty"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "root/pub/printed").write_bytes(content("printed", 30_000))
    own = {"listen_port": port, "anon_root": folder / "root", "secure_chroot_dir": folder / "empty",
           "ftp_username": user, "nopriv_user": user}
    if secure:
        own |= {"rsa_cert_file": CERTS / "server_thawte.crt", "rsa_private_key_file":
                CERTS / "server_thawte.key"}
    text = SETTINGS + (TLS_SETTINGS if secure else "") + "".join(f"{key}={value}\n"
                                                                for key, value in own.items())
    (folder / "vsftpd.conf").write_text(text)
    process = await asyncio.create_subprocess_exec(
        program, str(folder / "vsftpd.conf"), stdin=asyncio.subprocess.DEVNULL, start_new_session=True)
    try:
        async with asyncio.timeout(START_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionError:
                    assert process.returncode is None, "vsftpd has ended"
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                break
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # a process for each session, too
        await process.wait()


async def set_up(at: At, port: int, *lines: str) -> None:
    client = at.module.subsystem(FtpClient)
    client.power_off()
    client.__init__(at.module)  # as after a boot
    for line in ('0,"127.0.0.1"', '2,"anonymous"', '3,"password"', f"7,{port}", *lines):
        await at.ok(f"AT+UFTP={line}")


async def done(at: At, op: int, more: str = "", result: int = 1) -> None:
    assert await at.ok(f"AT+UFTPC={op}{more}") == ""
    await at.urc(f"+UUFTPCR: {op},{result}")


async def there_and_back(at: At) -> None:
    """Files both ways, a restart each way, a list, directories."""
    store = file_store(at.module)
    data = content("both ways", 300_000)
    store.write("sent", data)
    try:
        await done(at, 8, ',"pub"')
        await done(at, 10, ',"new"')
        await done(at, 5, ',"sent","stored"')
        await done(at, 5, ',"sent","stored",299000')
        await done(at, 4, ',"stored","back"')
        assert store.read("back") == data
        store.write("back", data[:1234])
        await done(at, 4, ',"stored","back",1')
        assert store.read("back") == data
        await done(at, 14)
        assert (await at.next_urc("+UUFTPCD")).startswith("14,22,")
        await done(at, 11, ',"new"')
        await done(at, 2, ',"stored"')
        await done(at, 8, ',".."')
        await done(at, 4, ',"pub/printed","back"')
        assert store.read("back") == content("printed", 30_000)
        await done(at, 4, ',"pub/stored","none"', result=0)
        assert await at.ok("AT+UFTPER") == "+UFTPER: 0,550"
        await done(at, 0)
    finally:
        for name in ("sent", "back"):
            if store.exists(name):
                store.delete(name)


@both
@pytest.mark.parametrize("passive", [1, 0])
def test_plain(play: Play, series: Series, passive: int, tmp_path: Path) -> None:
    async def scenario(at: At) -> None:
        async with vsftpd(tmp_path, secure=False) as port:
            await set_up(at, port, f"6,{passive}")
            await done(at, 1)
            await there_and_back(at)

    play(series, scenario)


@pytest.mark.parametrize(("series", "resumption"), [
    (R8, ()), (R6, ("1,3", "13,0,1", "13,1,0")), (R6, ("1,3", "13,0,1", "13,1,1")),
    (R6, ("1,4", "13,0,1", "13,1,3"))], ids=["R8", "R6-id", "R6-ticket", "R6-1.3"])
def test_the_session_is_demanded_again(play: Play, series: Series, resumption: tuple[str, ...],
                                       tmp_path: Path) -> None:
    """LENA-R8 guide 9.3.2.2.4, LARA-R6 guide 9.2."""
    async def scenario(at: At) -> None:
        async with vsftpd(tmp_path, secure=True) as port:
            await at.ok("AT+USECPRF=3")
            for line in ("0,0", *resumption):
                await at.ok(f"AT+USECPRF=3,{line}")
            await set_up(at, port, "6,1", "8,1,3", "12,1")
            await done(at, 1)
            await there_and_back(at)
            await at.ok("AT+USECPRF=3")

    play(series, scenario)


def test_without_the_session_vsftpd_refuses(play: Play, tmp_path: Path) -> None:
    async def scenario(at: At) -> None:
        async with vsftpd(tmp_path, secure=True) as port:
            await at.ok("AT+USECPRF=3")
            await at.ok("AT+USECPRF=3,0,0")
            await set_up(at, port, "6,1", "8,1,3", "12,1")
            await done(at, 1)
            await done(at, 14, result=0)
            assert await at.ok("AT+UFTPER") == "+UFTPER: 0,522"
            client = at.module.subsystem(FtpClient)
            while client.connected:  # it drops the session as well
                await asyncio.sleep(0.01)
            await done(at, 1)

    play(R6, scenario)


@both
def test_vsftpd_wants_tls(play: Play, series: Series, tmp_path: Path) -> None:
    async def scenario(at: At) -> None:
        async with vsftpd(tmp_path, secure=True) as port:
            await set_up(at, port, "6,1")
            await done(at, 1, result=0)
            assert await at.ok("AT+UFTPER") == "+UFTPER: 0,530"
            await set_up(at, port, "6,1", "8,1")
            await done(at, 1)
            await done(at, 0)

    play(series, scenario)
