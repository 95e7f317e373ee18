"""The FTP client as Python calls, on a virtual module of each series, failures by owner included."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cellbench.base.errors import NotPossible, ServiceError, UnitError
from cellbench.catalogue.ftp_codes import CODES, REPLIES, ftp_meaning
from cellbench.host.channel import Channel
from cellbench.host.clients.blame import ClientError, ClientNetworkError, ClientServiceError
from cellbench.host.clients.ftp import FtpClient, FtpServer
from cellbench.host.clients.ftp_list import FtpEntry, entries_of
from cellbench.host.clients.probes import ftp_probe
from cellbench.host.files import Files

from .rack import SLOTS, Module, Rack, wait_registered

PLAIN = FtpServer("ftp.u-blox.com", password="password")
SECURE = FtpServer("123.213.132.231", "myname", "mypwd", security=True)
LISTING = b"""\
-rw-r--r--   1 ftp      ftp          1037 Aug  5 09:45 dat_000\r
drwxr-xr-x   2 ftp      ftp          4096 Aug  5 09:48 up loads\r
lrwxrwxrwx   1 0        0               7 Jan 01  2020 link -> dat_000\r
total 3\r
"""


@pytest.fixture(scope="module")
def modules(rack: Rack) -> Iterator[dict[str, Module]]:
    """A module of each series: what has silences to keep is done on both at once."""
    with contextlib.ExitStack() as held:
        yield {name: held.enter_context(rack.module(name)) for name in SLOTS}


@pytest.fixture(params=list(SLOTS))
def module(modules: dict[str, Module], request: pytest.FixtureRequest) -> Module:
    """Each of them in turn."""
    return modules[request.param]


def logged_in(module: Module) -> AbstractContextManager[FtpClient]:
    """At the server, with its files as listed."""
    module.ctl("server", "name=ftp", "state=reset")
    return FtpClient(module.channel).use(PLAIN).session()


@pytest.fixture
def ftp(module: Module) -> Iterator[FtpClient]:
    """Logged in; the server's files as listed."""
    with logged_in(module) as client:
        yield client


def at_once(*jobs: Callable[[], None]) -> None:
    """Do all of them at the same time; the first failure is raised."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()


def digits(size: int) -> bytes:
    return (b"0123456789" * (size // 10 + 1))[:size]


def test_lists_and_directories(ftp: FtpClient) -> None:
    assert ftp.names() == ("dat_000", "data.zip", "xlog.zip")
    assert ftp.details()[0] == FtpEntry("dat_000", 1037, False, "Aug  5 09:45")
    assert (ftp.size_of("data.zip"), ftp.size_of("not there")) == (21_041, None)
    ftp.mkdir("uploads")
    assert [one.name for one in ftp.details() if one.is_directory] == ["uploads"]
    ftp.change("uploads")
    assert ftp.names() == ()
    ftp.change("..")
    ftp.rmdir("uploads")
    ftp.rename("xlog.zip", "other.zip")
    ftp.delete("other.zip")
    assert ftp.names() == ("dat_000", "data.zip")
    assert ftp.last_error() == (0, 0)


def both_ways(ftp: FtpClient, name: str) -> None:
    """Put past the module's file system, and got back the same way; both from an offset."""
    data, patch = secrets.token_bytes(2000), b"\n" + secrets.token_bytes(1000) + b"\r\nOK\r\n" * 10 + b"+++x"
    ftp.put(name, data)
    ftp.put_direct(name, patch, offset=250)
    assert ftp.get(name) == data[:250] + patch + data[250 + len(patch):]
    with pytest.raises(NotPossible, match="add one byte"):
        ftp.put_direct(name, b"ends in +++")
    with pytest.raises(ClientError, match="no such file"):
        ftp.get_direct("not there", size=10)


def test_direct_link_both_ways(modules: dict[str, Module]) -> None:
    with contextlib.ExitStack() as held:
        clients = {name: held.enter_context(logged_in(module)) for name, module in modules.items()}
        at_once(*(partial(both_ways, client, f"stored-{name}") for name, client in clients.items()))


def broken_off(module: Module) -> None:
    """The host leaves a file that is still coming."""
    with logged_in(module) as ftp:
        module.ctl("server", "name=ftp", "state=slow")
        with ftp.open_get("data.zip") as link:
            assert link.read(10, 20.0)
            assert link.leave() is False
        assert ftp.last_error() != (0, 0)
        module.ctl("server", "name=ftp", "state=up")
        assert ftp.names()


def explicit_tls(module: Module) -> None:
    """The same client over TLS, and a server that has none."""
    ftp, data = FtpClient(module.channel).use(SECURE), secrets.token_bytes(3000)
    with ftp.session():
        ftp.put_direct("secret.bin", data, check=False)
        assert ftp.get("secret.bin") == data
        ftp.delete("secret.bin")
    module.ctl("server", "name=ftps", "state=no-tls")
    try:
        with pytest.raises(ClientError, match="secure socket") as refused:
            ftp.login()
        assert (refused.value.kind, refused.value.code) == (8, 63)
    finally:
        module.ctl("server", "name=ftps", "state=up")


def test_a_link_broken_off_and_one_over_tls(modules: dict[str, Module]) -> None:
    """Two servers, so that neither disturbs the other."""
    at_once(partial(broken_off, modules["r6"]), partial(explicit_tls, modules["r8"]))


def service_is_named_when_dead(module: Module, state: str) -> None:
    """The service, not the unit; and it works again afterwards."""
    place = yaml.safe_load((Path(module.rack.directory) / "rig.yaml").read_text())["services"]["ftp"]["probe"]
    probe = ftp_probe(place["host"], place["port"])
    assert probe() == ""
    server = FtpServer("ftp.u-blox.com", password="password", timeout_s=60)
    idle = FtpClient(module.channel).use(server, probe=probe)
    module.ctl("server", "name=ftp", f"state={state}")
    try:
        with pytest.raises(ClientServiceError) as dead:
            idle.login()
        assert isinstance(dead.value, ServiceError)
    finally:
        module.ctl("server", "name=ftp", "state=up")
    with idle.session():
        assert idle.names()


def test_a_mute_server_and_a_link_over_tls(modules: dict[str, Module]) -> None:
    at_once(partial(service_is_named_when_dead, modules["r8"], "mute"), partial(explicit_tls, modules["r6"]))


def test_a_server_that_is_down(module: Module) -> None:
    service_is_named_when_dead(module, "down")


def test_a_link_that_the_server_ends(ftp: FtpClient, module: Module) -> None:
    """The module leaves by itself; its last words are no part of the file."""
    with ftp.open_get("broken-dies") as link:
        got = link.receive(60_000, 20.0)
        assert link.ended_by_module
        assert link.leave() is False
        assert b"DISCONNECT" not in got + link.unread
    assert module.channel.send("AT").ok
    ftp.login()
    with pytest.raises(ClientError, match="reset by the peer"):
        ftp.get_direct("broken-dies", size=60_000)
    ftp.login()


def files_by_way_of_the_module(module: Module) -> None:
    name = f"{module.name}.bin"
    with FtpClient(module.channel).use(PLAIN).session() as ftp:
        data, progress = b"\n" + secrets.token_bytes(39_999), []  # no line end of the command in front of it
        ftp.put(name, data, progress=lambda done, whole: progress.append((done, whole)))
        assert progress == [(32_768, 40_000), (40_000, 40_000)]
        assert ftp.get(name) == data
        assert ftp.get(name, resume=data[:15_000]) == data
        patch = secrets.token_bytes(300)
        ftp.put(name, patch, offset=250)
        held = ftp.get(name)
        assert (held[250:300], held[300:]) == (patch[250:], data[300:])
        assert not [name for name in Files(module.channel).list() if name.startswith("cellbench")]


def units_errors_have_their_meaning(module: Module) -> None:
    idle = FtpClient(module.channel).use(PLAIN)
    with pytest.raises(ClientError, match="wrong use of the FTP client"):
        idle.names()
    with pytest.raises(ClientError, match="not logged in") as wrong:
        idle.use(FtpServer("ftp.u-blox.com", "nobody", secret := secrets.token_hex(6))).login()
    assert (wrong.value.kind, wrong.value.code) == (0, 530)
    assert secret.encode() not in b"".join(record.data for record in module.transcript.records())
    idle.use(PLAIN)
    module.channel.send("AT+UFTP=2")
    with pytest.raises(ClientError, match="no user name"):
        idle.login()
    with idle.use(PLAIN).session(), pytest.raises(ClientError, match="there is no such file in the module"):
        idle.put_file("not there", "x")


def settings_are_read_back(module: Module) -> None:
    idle = FtpClient(module.channel)
    idle.use(FtpServer("195.34.89.241", "me", "secret", port=2121, passive=False, security=2, timeout_s=60))
    shown = {tuple(line) for line in module.channel.send("AT+UFTP?").fields("+UFTP")}
    assert {(0, "195.34.89.241"), (1, ""), (2, "me"), (5, 60), (6, 0), (7, 2121), (8, 1, 2), (12, 1)} <= shown
    idle.use(PLAIN)
    shown = {tuple(line) for line in module.channel.send("AT+UFTP?").fields("+UFTP")}
    assert {(0, ""), (1, "ftp.u-blox.com"), (5, 0), (6, 1), (7, 21), (8, 0), (12, 0)} <= shown
    assert "secret" not in repr(FtpServer("h", password="secret", account="secret"))


def without_a_context_it_is_the_network(module: Module) -> None:
    idle = FtpClient(module.channel).use(PLAIN)
    module.channel.send("AT+CFUN=4")
    try:
        with pytest.raises(ClientNetworkError) as caught:
            idle.login()
        assert (caught.value.kind, caught.value.code) == (8, 12)
    finally:
        module.channel.send("AT+CFUN=1")
        assert wait_registered(module.channel)
        module.channel.send("AT+CGACT=1,1")
    with idle.session():
        assert idle.names()


def full_file_system_is_the_units(module: Module) -> None:
    """Nothing half-written, and room again afterwards."""
    files = Files(module.channel)
    files.put("filler", b"x" * (files.free() - 10_000), check=False)
    try:
        with FtpClient(module.channel).use(PLAIN).session() as ftp:
            with pytest.raises(ClientError, match="file system is full"):
                ftp.get("data.zip")
            assert not files.has(ftp.local_file)
            files.delete("filler")
            assert len(ftp.get("data.zip")) == 21_041
    finally:
        files.delete("filler", missing_ok=True)


@pytest.mark.parametrize("check", [
    files_by_way_of_the_module, units_errors_have_their_meaning, settings_are_read_back,
    without_a_context_it_is_the_network, full_file_system_is_the_units])
def test_on_both_series_at_once(modules: dict[str, Module], check: Callable[[Module], None]) -> None:
    """What leaves the other's files at the server alone."""
    modules["r8"].ctl("server", "name=ftp", "state=reset")
    at_once(*(partial(check, module) for module in modules.values()))


def test_a_module_that_contradicts_itself(channel: Channel, peer: Any) -> None:
    peer.on("AT+UFTPC=14", b"\r\nOK\r\n\r\n+UUFTPCD: 14,7,\"short\"\r\n\r\n+UUFTPCR: 14,1\r\n")
    with pytest.raises(UnitError, match="announced"):
        FtpClient(channel).names()
    peer.on('AT+UDELFILE="cellbench_ftp"', b"\r\n+CME ERROR: 1612\r\n")
    peer.on('AT+ULSTFILE=2,"cellbench_ftp"', b"\r\n+CME ERROR: 1612\r\n")
    peer.on('AT+UFTPC=4,"a","cellbench_ftp"', b"\r\nOK\r\n\r\n+UUFTPCR: 4,1\r\n")
    with pytest.raises(UnitError, match="has stored no file"):
        FtpClient(channel).get("a")


def test_a_list_in_several_parts(channel: Channel, peer: Any) -> None:
    parts = b'\r\n+UUFTPCD: 14,4,"a"\r\n"\r\n\r\n+UUFTPCD: 14,3,"b\r\n"\r\n\r\n+UUFTPCR: 14,1\r\n'
    peer.on("AT+UFTPC=14", b"\r\nOK\r\n" + parts)
    assert FtpClient(channel).names() == ('a"', "b")


@pytest.mark.parametrize("name", ["", 'a"b', "a\rb", "n" * 257])
def test_names_that_cannot_be_sent(channel: Channel, name: str) -> None:
    with pytest.raises(NotPossible):
        FtpClient(channel).mkdir(name)


def test_long_lists_in_the_usual_form() -> None:
    assert entries_of(LISTING) == (
        FtpEntry("dat_000", 1037, False, "Aug  5 09:45"), FtpEntry("up loads", 4096, True, "Aug  5 09:48"),
        FtpEntry("link", 7, False, "Jan 01  2020"))


def test_every_known_class_and_code_has_a_meaning_with_its_source() -> None:
    assert all(meaning.text and meaning.source.where for meaning in (*REPLIES.values(), *CODES.values()))
    for kind in range(9):
        assert ftp_meaning(kind, 999).source.where
    assert "secure socket" in ftp_meaning(8, 63).text
    assert "server's reply 999" in ftp_meaning(0, 999).text
