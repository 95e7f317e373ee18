"""The modules' secure sockets and HTTP client against ``openssl s_server``, over TLS and DTLS."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from cellbench.catalogue.model import Series
from cellbench.services.authority import Authority, KeyKind
from cellbench.virtual.device.certificates import Item
from cellbench.virtual.device.certificates_at import certificate_store
from cellbench.virtual.device.files_at import file_store

At = Any
Play = Callable[[Series, Callable[[At], Awaitable[None]]], None]
both = pytest.mark.parametrize("series", list(Series), ids=lambda series: series.value)
CERTS = Path(str(resources.files("cellbench.virtual.world"))) / "certs"
SCRIPT = Path(__file__).resolve().parents[1] / "acceptance" / "resumption.py"


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("cellbench_s_server", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


s_server = _script().s_server


@pytest.fixture(scope="module")
def authority() -> Authority:
    if shutil.which("openssl") is None:
        pytest.fail("the foreign peer openssl is not installed")
    return Authority()


async def profile(at: At, authority: Authority, *lines: str) -> None:
    """Security profile 2, with the authority as root."""
    certificate_store(at.module).put(Item.CA, "root", authority.pem)
    await at.ok("AT+USECPRF=2")
    for line in ("0,2", '3,"root"', '4,"server.example"', *lines):
        await at.ok(f"AT+USECPRF=2,{line}")


@pytest.mark.parametrize(("series", "udp"), [(Series.LENA_R8, False), (Series.LARA_R6, False),
                                             (Series.LARA_R6, True)], ids=["R8-TLS", "R6-TLS", "R6-DTLS"])
def test_data_both_ways(play: Play, series: Series, udp: bool, authority: Authority, tmp_path: Path) -> None:
    """The server prints what comes and sends what it is told; its name and chain are checked."""
    async def scenario(at: At) -> None:
        await profile(at, authority)
        shown = authority.issue("server.example", kind=KeyKind.RSA_2048)
        options = ("-dtls1_2",) if udp else ("-tls1_2",)
        async with s_server(shown, tmp_path, *options, udp=udp) as (server, port):
            await at.ok(f"AT+USOCR={17 if udp else 6}")
            await at.ok("AT+USOSEC=0,1,2")
            await at.ok(f'AT+USOCO=0,"127.0.0.1",{port}')
            await at.ok("AT+USOWR=0,14", payload=b"from a module\n")
            await server.until("from a module\n")
            server.process.stdin.write(b"from afar\n")
            await at.urc("+UUSORD: 0,10")
            assert (await at.ok("AT+USORD=0,10")).startswith('+USORD: 0,10,"from afar')
            await at.ok("AT+USOCL=0")

    play(series, scenario)


@both
def test_another_host_is_refused(play: Play, series: Series, authority: Authority, tmp_path: Path) -> None:
    """The server sees the module's alert."""
    async def scenario(at: At) -> None:
        await profile(at, authority, '4,"other.example"')
        shown = authority.issue("server.example", kind=KeyKind.RSA_2048)
        async with s_server(shown, tmp_path, "-tls1_2", udp=False) as (server, port):
            await at.ok("AT+USOCR=6")
            await at.ok("AT+USOSEC=0,1,2")
            assert await at.send(f'AT+USOCO=0,"127.0.0.1",{port}') == ["ERROR"]
            await at.urc("+UUSOCL: 0")
            await server.until("alert bad certificate", "alert certificate unknown")

    play(series, scenario)


@both
def test_a_client_certificate_is_demanded(play: Play, series: Series, authority: Authority,
                                          tmp_path: Path) -> None:
    """-Verify: the server's page names the certificate; without one the handshake fails."""
    async def scenario(at: At) -> None:
        store = certificate_store(at.module)
        store.put(Item.CLIENT_CERTIFICATE, "mine", (CERTS / "client_cert.crt").read_bytes())
        store.put(Item.CLIENT_KEY, "mine", (CERTS / "client_key.key").read_bytes())
        shown = authority.issue("server.example", kind=KeyKind.RSA_2048)
        options = ("-www", "-tls1_2", "-Verify", "1", "-verify_return_error", "-CAfile",
                   str(CERTS / "ca_cert.crt"))
        async with s_server(shown, tmp_path, *options, udp=False) as (server, port):
            for lines, result in (((), 0), (('5,"mine"', '6,"mine"'), 1)):
                await profile(at, authority, *lines)
                for line in ("0", '0,0,"127.0.0.1"', "0,6,1,2", f"0,5,{port}"):
                    await at.ok(f"AT+UHTTP={line}")
                await at.ok('AT+UHTTPC=0,1,"/","page"')
                await at.urc(f"+UUHTTPCR: 0,1,{result}")
                if result == 0:
                    await server.until("peer did not return a certificate")
                    assert await at.ok("AT+UHTTPER=0") == "+UHTTPER: 0,3,73"
            assert b"A client certificate" in file_store(at.module).read("page")
        for item in (Item.CLIENT_CERTIFICATE, Item.CLIENT_KEY):
            store.remove(item, "mine")

    play(series, scenario)
