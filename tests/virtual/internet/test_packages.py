"""Firmware packages by FTP and HTTP (LENA-R8 guide Tables 49 and 50) into their place, and no others."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.virtual.device.files_at import file_store
from cellbench.virtual.device.filestore import FOAT
from cellbench.virtual.device.update import Stage
from cellbench.virtual.device.update_package import read

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)


async def log_in(at: At) -> None:
    """Table 49 up to the log in."""
    for line in ('AT+UFTP=1,"ftp.firmware.com"', 'AT+UFTP=2,"username"', 'AT+UFTP=3,"password"',
                 "AT+UFTP=6,1"):
        await at.ok(line)
    await at.ok("AT+UFTPC=1")
    await at.urc("+UUFTPCR: 1,1")


async def log_out(at: At) -> None:
    await at.ok("AT+UFTPC=0")
    await at.urc("+UUFTPCR: 0,1")
    if file_store(at.module).exists("updatePackage.bin", FOAT):
        await at.ok('AT+UDELFILE="updatePackage.bin","FOAT"')


def stored(at: At) -> bytes:
    """The package in its place."""
    return file_store(at.module).read("updatePackage.bin", FOAT)


@both
def test_by_ftp(play: Play, series: Series) -> None:
    """Table 49; an older package gives way."""
    async def rows(at: At) -> None:
        await log_in(at)
        for path in (f"/fw/{series.value.lower()}/corrupt", f"/fw/{series.value.lower()}/delta"):
            await at.ok(f'AT+UFTPC=100,"{path}"')
            result, good, md5 = (await at.next_urc("+UUFTPCR")).split(",")
            assert (result, good) == ("100", "1")
            assert md5 == f'"{hashlib.md5(stored(at)).hexdigest()}"'
        assert await at.ok('AT+ULSTFILE=0,"FOAT"') == '+ULSTFILE: "updatePackage.bin"'
        assert read(stored(at)).start == at.module.updater.version
        assert await at.refused('AT+URDFILE="updatePackage.bin","FOAT"')
        await log_out(at)

    play(series, rows)


@both
def test_by_http(play: Play, series: Series) -> None:
    """Table 50: status and MD5 in the URC; the body alone is stored."""
    async def rows(at: At) -> None:
        for line in ("AT+UHTTP=0", 'AT+UHTTP=0,0,"125.24.51.133"', 'AT+UHTTP=0,2,"username"',
                     'AT+UHTTP=0,3,"password"'):
            await at.ok(line)
        await at.ok(f'AT+UHTTPC=0,100,"/fw/{series.value.lower()}/delta"')
        told = await at.next_urc("+UUHTTPCR")
        assert told == f'0,100,1,200,"{hashlib.md5(stored(at)).hexdigest()}"'
        assert read(stored(at)).series is series
        assert await at.ok('AT+ULSTFILE=0,"FOAT"') == '+ULSTFILE: "updatePackage.bin"'
        await at.ok('AT+UHTTPC=0,100,"/fw/nothing"')
        await at.urc("+UUHTTPCR: 0,100,0")
        assert not file_store(at.module).exists("updatePackage.bin", FOAT)

    play(series, rows)


@both
def test_a_file_that_is_not_there(play: Play, series: Series) -> None:
    async def rows(at: At) -> None:
        await log_in(at)
        await at.ok('AT+UFTPC=100,"/fw/nothing"')
        await at.urc("+UUFTPCR: 100,0")
        assert (await at.ok("AT+UFTPER")).startswith("+UFTPER: ")
        assert await at.ok('AT+ULSTFILE=0,"FOAT"') == '+ULSTFILE: ""'
        await log_out(at)

    play(series, rows)


@both
def test_a_server_that_goes_and_one_way_at_a_time(play: Play, series: Series) -> None:
    """While one download runs, the others are refused (SARA-R5 firmware update note)."""
    async def rows(at: At) -> None:
        await log_in(at)
        await at.ok("AT+UHTTP=0")
        await at.ok('AT+UHTTP=0,0,"125.24.51.133"')
        await at.act("server", name="ftp-firmware", state="slow")
        begun = asyncio.Event()
        at.module.updater.watchers.append(
            lambda stage, count: begun.set() if stage is Stage.DOWNLOADING and count else None)
        await at.ok(f'AT+UFTPC=100,"/fw/{series.value.lower()}/delta"')
        await begun.wait()
        at.module.updater.watchers.clear()
        assert await at.refused('AT+UHTTPC=0,100,"/fw/delta"')
        assert await at.refused('AT+UDWNFILE="updatePackage.bin",5,"FOAT"')
        assert await at.refused("AT+UFWINSTALL")
        assert await at.refused("AT+UFWUPD=1,115200")
        await at.act("server", name="ftp-firmware", state="down")
        await at.urc("+UUFTPCR: 100,0")
        assert at.module.updater.downloading == ""
        await at.act("server", name="ftp-firmware", state="up")
        assert not file_store(at.module).exists("updatePackage.bin", FOAT)

    play(series, rows)
