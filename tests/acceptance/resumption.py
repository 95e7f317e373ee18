"""Session resumption of the virtual LARA-R6, proven by the servers: LARA-R6 guide 3.4.4.1 to 3.4.4.6.

Each procedure goes over TLS by the HTTP client, as printed, and over DTLS by a secure socket where the type
exists there; against our servers, whose log tells resumption and bytes of the handshake, and against
``openssl s_server``, whose own word for it is "Reused". What the host gave back is altered by one bit: of the
id or the ticket (then the handshake is a full one), of the master secret (then it fails).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import importlib.util
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellbench.catalogue.model import Series
from cellbench.io.tls.engine import TlsServer
from cellbench.io.tls.sessions import parse_session
from cellbench.io.tls.settings import Credentials, ServerSettings, Version
from cellbench.services.authority import Authority, KeyKind, pem_certificate
from cellbench.services.http import HttpServer
from cellbench.services.tls import DtlsPlace, HandshakeFacts

SUBJECT = "internet"
BAR = "resumption: abbreviated in each of the six procedures, full when altered, failed with another secret"

ROOT = Path(__file__).resolve().parents[2]
KINDS = {0: "id", 10: "id, encrypted", 1: "ticket", 11: "ticket, encrypted", 3: "PSK ticket",
         13: "PSK ticket, encrypted"}
BY_ID, OF_1_3, CLEAR = (0, 10), (3, 13), (0, 1, 3)
START_S = LIMIT_S = 30.0
_CHECK_SUM = 4  # bytes before the session in the data of types 1 and 3: this virtual module's own form


CASES = [(kind, udp) for kind in KINDS for udp in (False, True) if not (udp and kind in OF_1_3)]


def credentials() -> Credentials:
    """The servers' certificate."""
    return Authority().issue("server.example", kind=KeyKind.RSA_2048)


def flipped(data: bytes, place: int) -> bytes:
    """One bit changed."""
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1:]


def altered_text(texts: tuple[str, ...], number: int) -> tuple[str, ...]:
    """One bit of a field's content changed, where the host sees it."""
    data = base64.b64decode(texts[number])
    changed = base64.b64encode(flipped(data, len(data) // 2)).decode()
    return (*texts[:number], changed, *texts[number + 1:])


def altered_inside(texts: tuple[str, ...], what: str) -> tuple[str, ...]:
    """One bit of the ticket or the master secret inside the data of types 1 and 3; the check sum fits."""
    der = base64.b64decode(texts[0])[_CHECK_SUM:]
    session = parse_session(der)
    part = session.ticket if what == "ticket" else session.master_secret
    der = der.replace(part, flipped(part, 40 if what == "ticket" else 5))
    text = base64.b64encode(hashlib.sha256(der).digest()[:_CHECK_SUM] + der).decode()
    return text, str(len(text))


@dataclass
class Outcome:
    """What came of one connection: whether it came up, what the server said, what the host was given."""

    up: bool
    resumed: bool | None
    sent: int | None
    texts: tuple[str, ...] = ()
    urc: str = ""


@dataclass
class Far:
    """A server; ``log`` gives what it knows of its last handshake, told whether it came up: resumed, bytes
    that it sent."""

    port: int
    udp: bool
    log: Callable[[Any, bool], Awaitable[tuple[bool | None, int | None]]]


# -- the servers -----------------------------------------------------------------------------------


@asynccontextmanager
async def our_web(shown: Credentials, version: Version) -> AsyncIterator[Far]:
    """The web server of the far side."""
    server = HttpServer({"tls": ServerSettings(shown, maximum=version)})
    await server.start()

    async def log(at: Any, up: bool) -> tuple[bool | None, int | None]:
        told = server.report()
        if "tls_resumed" not in told:
            return None, None
        return told["tls_resumed"] == "yes", int(told["handshake_bytes"])

    try:
        yield Far(server.endpoints()[0].port, False, log)
    finally:
        await server.stop()


@asynccontextmanager
async def our_datagrams(shown: Credentials, version: Version) -> AsyncIterator[Far]:
    """A place that speaks DTLS."""
    facts: list[HandshakeFacts] = []
    server = TlsServer(ServerSettings(shown, datagram=True, maximum=version))
    place = DtlsPlace(server, lambda data, peer: None, seen=facts.append, refused=lambda why: None)
    await place.open()

    async def log(at: Any, up: bool) -> tuple[bool | None, int | None]:
        return (facts[-1].resumed, facts[-1].sent) if facts else (None, None)

    try:
        yield Far(place.endpoint.port, True, log)
    finally:
        await place.close()


@dataclass
class SServer:
    """A running ``openssl s_server`` and all that it has said."""

    process: asyncio.subprocess.Process
    said: str = ""
    since: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> None:
        """Collect what it says."""
        assert self.process.stdout is not None
        while data := await self.process.stdout.read(4096):
            self.said += data.decode("latin-1")
            self.grown.set()

    async def until(self, *texts: str) -> None:
        """Until it has said one of these since the last time."""
        async with asyncio.timeout(START_S):
            while not any(text in self.said[self.since:] for text in texts):
                self.grown.clear()
                await self.grown.wait()


@asynccontextmanager
async def s_server(shown: Credentials, folder: Path, *options: str, udp: bool, port: int = 0
                   ) -> AsyncIterator[tuple[SServer, int]]:
    """``openssl s_server`` on a port, any free one if none is given."""
    if shutil.which("openssl") is None:
        raise RuntimeError("the foreign peer openssl is not installed")
    (folder / "cert.pem").write_bytes(pem_certificate(shown.certificate))
    (folder / "key.pem").write_text(ssl.DER_cert_to_PEM_cert(shown.key).replace("CERTIFICATE", "PRIVATE KEY"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", port))
        port = int(probe.getsockname()[1])
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(folder / "cert.pem"),
        "-key", str(folder / "key.pem"), *options, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    server = SServer(process)
    reading = asyncio.create_task(server.read())
    try:
        await server.until("ACCEPT")
        yield server, port
    finally:
        process.kill()
        await reading
        await process.wait()


@asynccontextmanager
async def foreign_web(shown: Credentials, version: Version) -> AsyncIterator[Far]:
    """s_server's status page over TLS, which says "New" or "Reused"."""
    option = "-tls1_3" if version is Version.TLS_1_3 else "-tls1_2"
    with tempfile.TemporaryDirectory() as folder:
        async with s_server(shown, Path(folder), "-www", option, udp=False) as (_, port):

            async def log(at: Any, up: bool) -> tuple[bool | None, int | None]:
                page = stored(at)
                told = "\nNew, " in page or "\nReused, " in page
                return ("\nReused, " in page if told else None), None

            yield Far(port, False, log)


@asynccontextmanager
async def foreign_datagrams(shown: Credentials, version: Version) -> AsyncIterator[Far]:
    """s_server over DTLS, which writes "Reused session-id" into its log.

    It serves one client at a time and goes on waiting for one whose handshake failed: then it is begun anew.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as running:

            async def begin(port: int = 0) -> tuple[SServer, int]:
                return await running.enter_async_context(
                    s_server(shown, Path(folder), "-dtls1_2", udp=True, port=port))

            server, port = await begin()

            async def log(at: Any, up: bool) -> tuple[bool | None, int | None]:
                nonlocal server
                if not up:
                    await running.aclose()
                    server, _ = await begin(port)
                    return None, None
                await server.until("CIPHER is")
                said, server.since = server.said[server.since:], len(server.said)
                return "Reused session-id" in said, None

            yield Far(port, True, log)


SERVERS = {("ours", False): our_web, ("ours", True): our_datagrams,
           ("openssl s_server", False): foreign_web, ("openssl s_server", True): foreign_datagrams}


# -- the module ------------------------------------------------------------------------------------


def stored(at: Any) -> str:
    """The last answer of the web server, which is then deleted."""
    from cellbench.virtual.device.files_at import file_store

    store = file_store(at.module)
    if not store.exists("resumed"):
        return ""
    text = store.read("resumed").decode("latin-1")
    store.delete("resumed")
    return text


async def one(at: Any, far: Far, kind: int, texts: tuple[str, ...] = ()) -> Outcome:
    """A profile set anew, with session data if there is some, and one connection."""
    suite = '2,99,"13","02"' if kind in OF_1_3 else '2,99,"C0","30"'
    for line in ("", ",0,0", f",1,{4 if kind in OF_1_3 else 3}", f",{suite}", ",13,0,1", f",13,1,{kind}"):
        await at.ok(f"AT+USECPRF=2{line}")
    if texts and kind in OF_1_3:
        await at.ok(f"AT+USECPRF=2,13,{kind + 2},{len(texts[0])}", payload=texts[0].encode())
    elif texts:
        await at.ok(f"AT+USECPRF=2,13,{kind + 2}," + ",".join(
            text if text.isdigit() else f'"{text}"' for text in texts))
    up, urc = await (datagrams(at, far.port) if far.udp else page(at, far.port))
    given = await new_data(at, kind) if up else ()
    resumed, sent = await far.log(at, up)
    if far.udp:
        await at.ok("AT+USOCL=0") if up else await at.send("AT+USOCL=0")
    at.lines.clear()
    return Outcome(up, resumed if up else None, sent if up else None, given, urc)


async def page(at: Any, port: int) -> tuple[bool, str]:
    """GET by the HTTP client; whether it was good, and its URC with the error."""
    for line in ("", ',0,"127.0.0.1"', ",6,1,2", f",5,{port}"):
        await at.ok(f"AT+UHTTP=0{line}")
    await at.ok('AT+UHTTPC=0,1,"/","resumed"')
    urc = await at.next_urc("+UUHTTPCR")
    return urc == "0,1,1", f"+UUHTTPCR: {urc}; {await at.ok('AT+UHTTPER=0')}"


async def datagrams(at: Any, port: int) -> tuple[bool, str]:
    """A secure UDP socket, connected."""
    await at.ok("AT+USOCR=17")
    await at.ok("AT+USOSEC=0,1,2")
    answer = await at.send(f'AT+USOCO=0,"127.0.0.1",{port}')
    if answer == ["OK"]:
        return True, ""
    return False, f"{answer[-1]}; +UUSOCL: {await at.next_urc('+UUSOCL')}"


async def new_data(at: Any, kind: int) -> tuple[str, ...]:
    """What the module tells of the session: by URC, or read once the status is "configured"."""
    told = await at.next_urc("+UUSECPRF")
    if kind in BY_ID:
        assert told == f"2,13,1,{kind}", told
        return tuple((await at.next_urc("+UUSECPRF")).split(",")[3:])
    assert told == "2,13,0,2", told
    return tuple((await at.ok(f"AT+USECPRF=2,13,{kind + 2}")).split(",")[3:])


# -- the procedure ---------------------------------------------------------------------------------


@dataclass
class Proof:
    """What the server saw in one procedure."""

    first: Outcome
    again: Outcome
    altered: list[Outcome]
    broken: list[Outcome]
    after: Outcome


async def prove(at: Any, far: Far, kind: int) -> Proof:
    """Both phases; with one bit of the id or ticket changed, of the master secret; then again well."""
    first = await one(at, far, kind)
    again = await one(at, far, kind, first.texts)
    altered = [await one(at, far, kind, altered_text(again.texts, 0))]
    broken = []
    fresh = altered[-1].texts
    if kind == 0:
        broken.append(await one(at, far, kind, altered_text(fresh, 1)))
    elif kind in CLEAR:
        altered.append(await one(at, far, kind, altered_inside(fresh, "ticket")))
        broken.append(await one(at, far, kind, altered_inside(altered[-1].texts, "master secret")))
    # a session whose handshake failed is gone (RFC 5246 7.2.2): the last is begun anew
    begun = await one(at, far, kind)
    return Proof(first, again, altered, broken, await one(at, far, kind, begun.texts))


def faults(proof: Proof, kind: int) -> list[str]:
    """What does not hold; byte counts only where the server counts them."""
    found = []
    if not proof.first.up or proof.first.resumed is not False:
        found.append(f"the first handshake: {proof.first}")
    for which in (proof.again, proof.after):
        if which.resumed is not True:
            found.append(f"not abbreviated: {which}")
    if kind == 0 and proof.again.texts != proof.first.texts:
        found.append("other data was told though the session was resumed")
    # with TLS 1.3 the count holds the tickets of both, which are longer than what is saved
    share = 0.75 if kind in OF_1_3 else 0.5
    if proof.first.sent and proof.again.sent and proof.again.sent > share * proof.first.sent:
        found.append(f"{proof.again.sent} bytes are not fewer than {proof.first.sent}")
    found += [f"not full: {which}" for which in proof.altered if not which.up or which.resumed is not False]
    found += [f"did not fail: {which}" for which in proof.broken if which.up]
    found += [f"failed with {which.urc}" for which in proof.broken
              if which.urc not in ("+UUHTTPCR: 0,1,0; +UHTTPER: 0,3,73", "ERROR; +UUSOCL: 0")]
    return found


def run_case(bench: Any, server: str, kind: int, udp: bool, shown: Credentials) -> tuple[Proof, list[str]]:
    """One procedure on the bench's LARA-R6."""

    async def within() -> Proof:
        at = bench.modules[Series.LARA_R6]
        await at.tidy()
        version = Version.DTLS_1_2 if udp else Version.TLS_1_3 if kind in OF_1_3 else Version.TLS_1_2
        async with asyncio.timeout(LIMIT_S * 4), SERVERS[server, udp](shown, version) as far:
            return await prove(at, far, kind)

    proof = bench.runner.run(within())
    return proof, faults(proof, kind)


def load_bench() -> Any:
    """The bench of the tests of embedded clients, as a module."""
    path = ROOT / "tests" / "virtual" / "internet" / "conftest.py"
    spec = importlib.util.spec_from_file_location("cellbench_resumption_bench", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> list[dict[str, object]]:
    """All procedures on both kinds of servers."""
    shown, rows = credentials(), []
    prefix = "cellbench-resumption-"
    with tempfile.TemporaryDirectory(prefix=prefix) as folder, contextlib.ExitStack() as ended:
        bench = load_bench().Bench(Path(folder))
        bench.start()
        ended.callback(bench.stop)
        for server in ("ours", "openssl s_server"):
            found = {case: run_case(bench, server, *case, shown) for case in CASES}
            rows += _rows(server, found)
    return rows


def _row(what: str, goal: str, figure: str, met: bool) -> dict[str, object]:
    return {"what": what, "goal": goal, "figure": figure, "met": met}


def _rows(server: str, found: dict[tuple[int, bool], tuple[Proof, list[str]]]) -> list[dict[str, object]]:
    bad = {case: why for case, (_, why) in found.items() if why}
    names = "; ".join(f"{KINDS[kind]} over {'DTLS' if udp else 'TLS'}: {', '.join(why)}"
                      for (kind, udp), why in bad.items())
    proofs = [proof for proof, _ in found.values()]
    full = [one for proof in proofs for one in proof.altered]
    failed = [one for proof in proofs for one in proof.broken]
    rows = [
        _row(f"procedures whose second handshake is abbreviated, {server} telling",
             f"all {len(found)} (six over TLS, four over DTLS)",
             f"{len(found) - len(bad)} of {len(found)}" + (f"; {names}" if names else ""), not bad),
        _row(f"handshakes with one bit of the id or ticket altered that were full, {server}",
             f"all {len(full)}", f"{sum(one.resumed is False for one in full)} of {len(full)}",
             all(one.resumed is False for one in full)),
        _row(f"handshakes with one bit of the master secret altered that failed, {server}",
             f"all {len(failed)} (types that carry it in clear)",
             f"{sum(not one.up for one in failed)} of {len(failed)}", not any(one.up for one in failed))]
    shares = [proof.again.sent / proof.first.sent for proof in proofs
              if proof.first.sent and proof.again.sent]
    if shares:
        rows.append(_row("server's bytes of an abbreviated handshake, as a share of a full one",
                         "at most 75 %", f"{min(shares):.0%} to {max(shares):.0%}", max(shares) <= 0.75))
    return rows
