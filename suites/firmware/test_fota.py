"""Firmware over the air: LENA-R8 guide 11.2 to 11.2.2, Tables 49 to 52; LARA-R6 by its application note."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cellbench.api import (
    AtError,
    ClientError,
    Dut,
    DutState,
    Equipment,
    FarSide,
    Limit,
    Method,
    NoRoom,
    NotPossible,
    PackageKind,
    PackageNotOffered,
    Packages,
    PackageStore,
    Recorder,
    Served,
    Stage,
    UpdateEvent,
    UrcEvent,
    procedure,
    served_package,
)

from ..internet.ftp import operation
from ..internet.ftp import setup as set_ftp
from ..internet.web import Services, nonce
from ..internet.web import setup as set_http
from .fota import (
    BOTH,
    NAME,
    TAG,
    UPDATE_S,
    UPDATES,
    URC_S,
    Updaters,
    as_package,
    bring,
    fetched,
    judge_course,
    judge_md5,
    must_be_gone,
    must_be_listed,
    must_be_refused,
    promised,
    run_release,
    spoilt,
    store_by_serial,
    version,
)
from .preservation import quick_port

FTP = ("R8:11.2.1.1", "R8:11.2.1.1.1", "R8:11.2.1.1.2", "R8:11.2.1.1.3")
HTTP = ("R8:11.2.1.2", "R8:11.2.1.2.1", "R8:11.2.1.2.2", "R8:11.2.1.2.3")
SERIAL = ("R8:11.2.1.3", "R8:11.2.1.3.1")
INSTALL = ("R8:11.2.2",)
BY_FTP = ("network", "service:ftp-firmware")
BY_HTTP = ("network", "service:http-firmware")
BY_EITHER = ("network", "service:ftp-firmware", "service:http-firmware")
NO_PACKAGE = frozenset({5000})
GENERAL = frozenset({129, 247})  # a failure, or a failed check, without its reason
MOST = 1_000_000  # bytes in one +UDWNFILE
OTHER = "otherPackage.bin"
At = Callable[[DutState], Dut]
Offered = Callable[[Method], Served]


@pytest.fixture
def served(equipment: Equipment, slot_name: str, package: Packages) -> Offered:
    """``served(Method.FTP)``: what the rig's server offers for this slot."""
    return lambda method: served_package(equipment, slot_name, method, package.all())


@procedure("R8:11", "R8:11.2", *INSTALL, title="A package without its maker's signature is refused",
           series=BOTH, depends_on=BY_FTP, needs=UPDATES, timeout_s=UPDATE_S)
def test_unsigned_package(online: Dut, served: Offered, updater: Updaters, record: Recorder,
                          tmp_path: Path) -> None:
    """Validation checks the content and its signature. The rig's server offers such a package; a module that
    does not run its starting release may refuse it for that."""
    offered = served(Method.FTP)
    path = offered.place.path(f"{offered.package.series.value.lower()}-unsigned")
    data = fetched(offered, path)
    judge_md5(record, bring(online, offered, data, path=path).md5, data)
    fits = version(online) == offered.package.start
    must_be_refused(online, record, updater, as_package(offered.package, data, tmp_path / "unsigned"),
                    Method.FTP, "unsigned", GENERAL | {173, 227} | (set() if fits else {168}))


@procedure(*FTP, *INSTALL, title="By FTP as printed: download, MD5, installation, new version", series=BOTH,
           depends_on=BY_FTP, needs=UPDATES, timeout_s=UPDATE_S)
def test_by_ftp(dut_at: At, served: Offered, package: Packages, updater: Updaters,
                record: Recorder) -> None:
    """Table 49 row by row, then Table 52: the package lies under its fixed name and tag without a word of the
    host, and +UFWINSTALL finds it there."""
    offered = served(Method.FTP)
    run_release(dut_at(DutState.READY), package, updater, offered.package.start)
    dut = dut_at(DutState.ONLINE)
    PackageStore(dut.at).discard()
    login = offered.place.user or "username", offered.place.password or "password"
    with record.step("profile and log in"):
        set_ftp(dut, offered.place, login)
        operation(dut, 1)
    with record.step("download"), dut.at.expect("+UUFTPCR", _of_package) as ended:
        dut.send(f'AT+UFTPC=100,"{offered.path}"')
        result = ended.wait(URC_S).fields
        assert result[:2] == (100, 1), f"+UUFTPCR: {result}"
        judge_md5(record, result[-1], offered.package.data())
        must_be_listed(dut)
    operation(dut, 0)
    with record.step("installation"):
        one = updater(dut)
        judge_course(record, one.install(offered.package, method=Method.FTP), offered.package,
                     promised=promised(one))


@procedure(*SERIAL, *INSTALL, title="Over the serial port as printed: download, installation, new version",
           series=BOTH, needs=UPDATES, timeout_s=UPDATE_S)
def test_by_serial(dut: Dut, package: Packages, updater: Updaters, record: Recorder) -> None:
    """Tables 51 and 52; the bytes are counted on their way, and a leftover is gone before."""
    chosen, seen = package(PackageKind.DELTA), list[UpdateEvent]()
    data = chosen.data()
    with record.step("a leftover, deleted"):
        store_by_serial(dut, b"left over")
        dut.send(f'AT+UDELFILE="{NAME}","{TAG}"')
        must_be_gone(dut)
    with record.step("download"):
        stored = store_by_serial(dut, chosen, seen.append)
        must_be_listed(dut)
    places = [event.at or 0 for event in seen]
    assert places == sorted(places), f"the download goes back: {places}"
    assert (places[0], places[-1]) == (0, len(data))
    record.measure("download over the serial port", stored.seconds, "s")
    with record.step("installation"):
        one = updater(dut)
        judge_course(record, one.install(chosen, method=Method.SERIAL), chosen, promised=promised(one))
    must_be_gone_or_noted(dut, record)


@procedure(*HTTP, *INSTALL, title="By HTTP as printed: download, MD5, installation, new version", series=BOTH,
           depends_on=BY_HTTP, needs=UPDATES, timeout_s=UPDATE_S)
def test_by_http(dut_at: At, served: Offered, package: Packages, updater: Updaters,
                 record: Recorder) -> None:
    """Table 50 row by row, then Table 52."""
    offered = served(Method.HTTP)
    run_release(dut_at(DutState.READY), package, updater, offered.package.start)
    dut = dut_at(DutState.ONLINE)
    PackageStore(dut.at).discard()
    user, password = offered.place.user or "username", offered.place.password or "password"
    with record.step("profile"):
        set_http(dut, offered.place, f'AT+UHTTP=0,2,"{user}"', f'AT+UHTTP=0,3,"{password}"')
    with record.step("download"), dut.at.expect("+UUHTTPCR", _of_package) as ended:
        dut.send(f'AT+UHTTPC=0,100,"{offered.path}"')
        result = ended.wait(URC_S).fields
        assert result[:4] == (0, 100, 1, 200), f"+UUHTTPCR: {result}"
        judge_md5(record, result[-1], offered.package.data())
        must_be_listed(dut)
    with record.step("installation"):
        one = updater(dut)
        judge_course(record, one.install(offered.package, method=Method.HTTP), offered.package,
                     promised=promised(one))


def must_be_gone_or_noted(dut: Dut, record: Recorder) -> None:
    """No document says whether an installed package stays; it is told, and not left behind."""
    held = PackageStore(dut.at).held()
    record.note(f"after the installation the package {'stays' if held else 'is gone'}")
    PackageStore(dut.at).discard()


@procedure("R8:11.2", *INSTALL, title="A package that begins from another release is refused", series=BOTH,
           needs=UPDATES, timeout_s=UPDATE_S)
def test_wrong_start(dut: Dut, package: Packages, updater: Updaters, record: Recorder) -> None:
    """"The starting release of delta package shall correspond to the current firmware running on the
    module." """
    installed = version(dut)
    foreign = [one for one in package.all(PackageKind.DELTA) if one.start != installed]
    if not foreign:
        raise NotPossible(f"every delta of the catalogue begins from {installed}",
                          remedy="add one that begins from another release")
    unfit = min(foreign, key=lambda one: one.end == installed)  # best one that would show in the version
    store_by_serial(dut, unfit)
    must_be_refused(dut, record, updater, unfit, Method.SERIAL, f"from {unfit.start}", GENERAL | {168, 174})


@procedure("R8:11.2", *INSTALL, title="A package that is not whole is refused", series=BOTH, needs=UPDATES,
           timeout_s=UPDATE_S)
@pytest.mark.parametrize("what", ["a byte changed", "cut off"])
def test_not_whole(dut: Dut, package: Packages, updater: Updaters, record: Recorder, tmp_path: Path,
                   what: str) -> None:
    """One that fits, with a byte changed, or its last quarter missing. The firmware stays."""
    change, codes = {"a byte changed": (_flip, frozenset({140, 148, 158, 173})),
                     "cut off": (_cut, frozenset({148, 158, 173, 180}))}[what]
    unfit = spoilt(package(PackageKind.DELTA), tmp_path, change, "spoilt")
    store_by_serial(dut, unfit)
    must_be_refused(dut, record, updater, unfit, Method.SERIAL, what, GENERAL | codes)


@procedure(*INSTALL, "R8:11.2.1.1.2", "R8:11.2.1.2.2",
           title="Only the fixed name below the tag FOAT is installed", series=BOTH, needs=UPDATES,
           timeout_s=UPDATE_S)
def test_wrong_place(dut: Dut, package: Packages, updater: Updaters, record: Recorder) -> None:
    """The same bytes among the user's files, and under another name below the tag: nothing to install."""
    fits = package(PackageKind.DELTA)
    PackageStore(dut.at).discard()
    places = ((NAME, "", "the tag of the user's files"), (OTHER, f',"{TAG}"', "another name"))
    for name, tag, what in places:
        with record.step(what):
            line = f'AT+UDWNFILE="{name}",{fits.size}{tag}'
            quick_port(dut).send(line, payload=fits.data(), timeout_s=URC_S)
            try:
                must_be_refused(dut, record, updater, fits, Method.SERIAL, what, NO_PACKAGE)
            finally:
                dut.send(f'AT+UDELFILE="{name}"{tag}', check=False)


@procedure("R8:11.2.1.1.3", "R8:11.2.1.2.3", title="A file that the server lacks: told, no package is left",
           series=BOTH, depends_on=BY_EITHER)
@pytest.mark.parametrize("method", [Method.FTP, Method.HTTP], ids=["ftp", "http"])
def test_missing_file(online: Dut, served: Offered, record: Recorder, method: Method) -> None:
    """The result is 0 with class and code; the next download passes."""
    offered = served(method)
    data = offered.package.data()
    with pytest.raises(ClientError) as failed:
        bring(online, offered, data, path=f"{offered.path}-{nonce()}")
    record.note(str(failed.value))
    assert (failed.value.kind, failed.value.code) != (0, 0)
    must_be_gone(online)
    judge_md5(record, bring(online, offered, data).md5, data)
    PackageStore(online.at).discard()


@procedure("R8:11.2.1.1.1", "R8:11.2.1.1.3", title="A user whom the server does not know gets no package",
           series=BOTH, depends_on=BY_FTP)
def test_wrong_user(online: Dut, served: Offered, record: Recorder) -> None:
    """The log in fails with the server's reply, and without it there is no download."""
    offered = served(Method.FTP)
    set_ftp(online, offered.place, (nonce(), nonce()))
    operation(online, 1, ends=0)
    record.measure("+UFTPER", ",".join(map(str, online.ftp().last_error())),
                   limit=Limit(equals="0,530", source="the server's reply, RFC 959"))
    answer = online.send(f'AT+UFTPC=100,"{offered.path}"', check=False)
    assert not answer.ok, "a download without a log in was taken"
    must_be_gone(online)


@procedure("R8:11.2.1.1.3", "R8:11.2.1.2.3", series=BOTH,
           title="A server that goes while the package comes: nothing is left", depends_on=BY_EITHER,
           needs=("far-side:server",))
@pytest.mark.parametrize("method", [Method.FTP, Method.HTTP], ids=["ftp", "http"])
def test_server_gone(online: Dut, served: Offered, far_side: FarSide, record: Recorder,
                     method: Method) -> None:
    """What had come is no package: there is no resuming. When the server is back the download begins anew."""
    offered = served(method)
    data, seen = offered.package.data(), list[UpdateEvent]()

    def go(event: UpdateEvent) -> None:
        seen.append(event)
        if len(seen) == 2:
            far_side.act("server", name=offered.role, state="down")

    far_side.act("server", name=offered.role, state="slow")
    try:
        with pytest.raises((ClientError, PackageNotOffered)) as failed:
            bring(online, offered, data, go)
        record.note(str(failed.value))
        assert {event.stage for event in seen} == {Stage.DOWNLOADING}
        must_be_gone(online)
    finally:
        far_side.act("server", name=offered.role, state="up")
    judge_md5(record, bring(online, offered, data).md5, data)
    PackageStore(online.at).discard()


@procedure("R8:11.2.1", "R8:11.2.1.1.3", "R8:11.2.1.2.3", *SERIAL,
           title="A package for which there is no room comes by no way", series=BOTH, depends_on=BY_EITHER)
def test_too_large(online: Dut, served: Offered, record: Recorder) -> None:
    """The file system is filled up to a piece of the package's size: each way is refused and leaves
    nothing."""
    port = quick_port(online)
    offered = [served(method) for method in (Method.FTP, Method.HTTP)]
    data, files = offered[0].package.data(), online.over(port).files
    PackageStore(port).discard()
    for size in _pieces(files.free() - len(data) // 2):
        port.send(f'AT+UDWNFILE="filler",{size}', payload=bytes(size), timeout_s=URC_S)
    ways = (partial(bring, online, offered[0], data), partial(bring, online, offered[1], data),
            partial(store_by_serial, online, data))
    try:
        for way in ways:
            with pytest.raises((ClientError, NoRoom)) as refused:
                way()
            record.note(str(refused.value))
            must_be_gone(online)
    finally:
        files.delete("filler", missing_ok=True)


@procedure("R8:11.2.1", title="One way of download at a time", series=BOTH, depends_on=BY_EITHER,
           needs=("far-side:link",))
@pytest.mark.parametrize("method", [Method.FTP, Method.HTTP], ids=["ftp", "http"])
def test_one_at_a_time(online: Dut, served: Offered, services: Services, far_side: FarSide, record: Recorder,
                       method: Method) -> None:
    """While one stands still the others are tried, by FTP a direct link, too. That they are refused is a
    relative's word: what is taken is noted. The download itself must come to its end all the same."""
    ftp, http = served(Method.FTP), served(Method.HTTP)
    data, echo = ftp.package.data(), services["echo"]
    PackageStore(online.at).discard()
    set_ftp(online, ftp.place, (ftp.place.user or "username", ftp.place.password or "password"))
    set_http(online, http.place)
    operation(online, 1)
    ways = {Method.FTP: ("+UUFTPCR", f'AT+UFTPC=100,"{ftp.path}"'),
            Method.HTTP: ("+UUHTTPCR", f'AT+UHTTPC=0,100,"{http.path}"')}
    with online.sockets.tcp() as one, online.at.expect(ways[method][0], _of_package) as ended:
        one.connect(echo.address, echo.port or 7)
        far_side.act("link", state="blocked")
        try:
            online.send(ways[method][1])
            others = [ways[Method.FTP][1], ways[Method.HTTP][1], f'AT+UDWNFILE="{OTHER}",1,"{TAG}"']
            for line in (*others, *((f"AT+USODL={one.number}",) if method is Method.FTP else ())):
                record.note(f"{line}: {_tried(online, line)}")
        finally:
            far_side.act("link", state="ok")
        result = ended.wait(URC_S).fields
    assert 1 in result[1:3], f"{ways[method][0]}: {result}"
    judge_md5(record, result[-1], data)
    online.send(f'AT+UDELFILE="{OTHER}","{TAG}"', check=False)
    must_be_listed(online)
    operation(online, 0)
    PackageStore(online.at).discard()


def _tried(dut: Dut, line: str) -> str:
    """What became of a command that may be refused; a direct link is left at once."""
    if "+USODL" not in line:
        return dut.send(line, payload=b"x" if "+UDWNFILE" in line else None, check=False).final.text
    try:
        with dut.at.open_data(line):
            return "CONNECT"
    except AtError as refused:
        return refused.final.text


def _of_package(event: UrcEvent) -> bool:
    """A result of operation 100, of whichever client."""
    return 100 in event.fields[:2]


def _flip(data: bytearray) -> None:
    data[len(data) // 2] ^= 0xFF


def _pieces(size: int) -> list[int]:
    """The sizes of commands that write a long file."""
    return [min(MOST, size - begin) for begin in range(0, size, MOST)]


def _cut(data: bytearray) -> None:
    del data[len(data) * 3 // 4:]
