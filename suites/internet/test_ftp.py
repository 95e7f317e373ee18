"""FTP and its errors: LENA-R8 guide 9.3.2.1; LARA-R6 guide 9, 9.3."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellbench.api import (
    ClientError,
    ClientNetworkError,
    Dut,
    FarSide,
    Network,
    Recorder,
    procedure,
)

from .ftp import (
    FTP,
    POSITIONS,
    SILENCE_S,
    Logins,
    error_of,
    forget,
    logged_in,
    login_to,
    no_error,
    operation,
    refused,
    server_of,
    setup,
    text,
)
from .web import Services, nonce

BASIC = ("R8:9.3.2.1", "R6:9")
ERRORS = ("R8:9.3.2.1", "R6:9.3")


@procedure(*BASIC, title="Lists, directory, upload, download and their restarts, as printed", depends_on=FTP)
def test_as_printed(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """The table of the section, row by row, in a directory of one's own; both files carry nonces."""
    service, data, zipped = services["ftp"], text(POSITIONS), text(21_041)
    online.files.put("gps_positions", data)
    with record.step("configure and resolve"):
        setup(online, service, login_to("ftp", login_of))
        if service.name:
            assert online.resolve(str(service.name))
    with logged_in(online, service, login_to("ftp", login_of)):
        with record.step("file list"):
            before = operation(online, 13)
        with record.step("directory creation, file list again"):
            operation(online, 10, "uploads")
            assert "uploads" in operation(online, 13)[len(before):]
        with record.step("change directory, upload, restart from byte 250"):
            operation(online, 8, "uploads")
            operation(online, 5, "gps_positions", "gps_positions")
            operation(online, 5, "gps_positions", "gps_positions", 250)
        with record.step("file list with the size, list of names"):
            assert f" {POSITIONS} " in operation(online, 13)
            assert operation(online, 14) == "gps_positions\r\n"
            assert online.ftp().get("gps_positions") == data
        with record.step("back in the parent directory"):
            operation(online, 8, "..")
            assert "uploads" in operation(online, 14)
        with record.step("download, restart behind what is there"):
            online.ftp().put("data.zip", zipped, check=False)
            online.files.delete("data.zip", missing_ok=True)
            operation(online, 4, "data.zip", "data.zip")
            assert online.files.get("data.zip") == zipped
            operation(online, 4, "data.zip", "data.zip", 1)
            assert online.files.get("data.zip") == zipped
        no_error(online, record)
    for name in ("gps_positions", "data.zip"):
        online.files.delete(name)


@procedure(*BASIC, title="Delete, rename, remove a directory", depends_on=FTP)
def test_changes(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """Each is seen in the list of names."""
    ftp, mark = online.ftp(), nonce()
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        ftp.put("a", mark.encode())
        operation(online, 3, "a", "b")
        assert ftp.names() == ("b",)
        assert ftp.get("b") == mark.encode()
        operation(online, 2, "b")
        assert ftp.names() == ()
        operation(online, 10, mark)
        assert [(one.name, one.is_directory) for one in ftp.details()] == [(mark, True)]
        operation(online, 11, mark)
        assert ftp.names() == ()
        no_error(online, record)


@procedure(*BASIC, title="The server writes a restarted upload from the byte indicated", depends_on=FTP)
def test_upload_restart(online: Dut, services: Services, login_of: Logins) -> None:
    """What is before the byte stays as it was, what comes from the module is what it holds from there on."""
    first, second = text(1000), text(600)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        ftp = online.ftp()
        ftp.put("restarted", first)
        ftp.put("restarted", second, offset=250)
        assert ftp.get("restarted") == first[:250] + second[250:] + first[600:]


@procedure(*BASIC, title="A restarted download goes on behind the latest byte in the module", depends_on=FTP)
def test_download_restart(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """The beginning that is there already is kept as it is, not fetched again; without the last parameter
    the whole file comes."""
    whole, other = text(3000), text(1200)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        ftp = online.ftp()
        ftp.put("whole", whole)
        with record.step("behind the beginning"):
            assert ftp.get("whole", resume=whole[:1200]) == whole
        with record.step("the beginning is not fetched again"):
            assert ftp.get("whole", resume=other) == other + whole[1200:]
        with record.step("from the start"):
            assert ftp.get("whole") == whole


@procedure(*BASIC, title="Passive and active mode", depends_on=FTP,
           needs=("far-side:report", "far-side:server"))
@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
def test_modes(online: Dut, services: Services, login_of: Logins, far_side: FarSide, passive: bool) -> None:
    """+UFTP=6: who opens the data connection, by the server's log; a file goes over either way."""
    data = text(2000)
    ftp = online.ftp().use(server_of(services["ftp"], "ftp", login_of, passive=passive))
    name = f"cb-{nonce()}"
    with ftp.session():
        ftp.put(name, data)
        log = " ".join(far_side.report("ftp").values())
        ftp.delete(name)
    assert ("PASV" in log or "EPSV" in log) is passive
    assert ("PORT" in log or "EPRT" in log) is not passive


@procedure("R6:9", title="The client is mapped to another context", depends_on=FTP,
           needs=("far-side:report",))
def test_other_context(online: Dut, services: Services, login_of: Logins, network: Network,
                       far_side: FarSide) -> None:
    """AT+UFTP=20,2,1: context 2, IPv6 preferred; the far side sees the flow on it."""
    service = services["ftp"]
    online.ensure(f'AT+CGDCONT=2,"IPV4V6","{network.apn}"')
    online.send("AT+CGACT=1,2")
    try:
        setup(online, service, login_to("ftp", login_of))
        online.send("AT+UFTP=20,2,1")
        operation(online, 1)
        assert operation(online, 13)
        assert far_side.report("flow", service="ftp")["cid"] == "2"
        operation(online, 0)
    finally:
        online.send("AT+UFTP=20")
        online.send("AT+CGACT=0,2", check=False)


@procedure("R8:9.3", *BASIC, title="Without a packet data connection the log in is refused",
           depends_on=("network",))
def test_without_context(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """Class 8, code 12; with the context back it passes."""
    ftp = online.ftp().use(server_of(services["ftp"], "ftp", login_of))
    online.send("AT+CFUN=4")
    try:
        with pytest.raises((ClientNetworkError, ClientError)) as failed:
            ftp.login()
        record.note(str(failed.value))
        assert error_of(online)[0] == 8
    finally:
        online.spend_attach("+CFUN=4 and back")
        online.send("AT+CFUN=1")
        online.register()
        online.activate()
    with ftp.session():
        assert ftp.listing() is not None


@procedure("R6:9.3", "R8:9.3.2.1", title="A log in without a user name fails with class 1, code 1",
           depends_on=FTP)
def test_user_missing(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """As printed: +UUFTPCR: 1,0 and +UFTPER: 1,1; with the user it passes and the error is gone."""
    user, password = login_to("ftp", login_of)
    setup(online, services["ftp"], (user, password))
    online.send("AT+UFTP=2")
    operation(online, 1, ends=0)
    assert error_of(online) == (1, 1)
    online.send(f'AT+UFTP=2,"{user}"')
    operation(online, 1)
    no_error(online, record)
    operation(online, 0)


@procedure(*ERRORS, title="A log in that cannot be: wrong name, port, user, no server", depends_on=FTP)
@pytest.mark.parametrize("what", ["name", "port", "user", "no server"])
def test_wrong_login(online: Dut, services: Services, login_of: Logins, record: Recorder, what: str) -> None:
    """The result is 0 and +UFTPER tells a class for it; the right log in passes afterwards."""
    service = services["ftp"]
    right = server_of(service, "ftp", login_of, timeout_s=SILENCE_S)
    user, _ = login_to("ftp", login_of)
    wrong = {"name": replace(right, host="no-such-host.invalid"), "port": replace(right, port=22),
             "user": replace(right, user=nonce(), password=nonce())}
    ftp = online.ftp()
    if what in wrong:
        ftp.use(wrong[what])
    else:
        forget(online)
        online.send(f'AT+UFTP=2,"{user}"')
    with pytest.raises(ClientError) as failed:
        ftp.login()
    record.note(str(failed.value))
    assert (failed.value.kind, failed.value.code) != (0, 0)
    if what == "user":
        assert (failed.value.kind, failed.value.code) == (0, 530), "the server's reply"
    with ftp.use(right).session():
        assert ftp.last_error() == (0, 0)


@procedure(*ERRORS, title="What the server refuses is told with its reply, and the session goes on",
           depends_on=FTP)
def test_refused_by_server(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """Files and directories that are not there: the result is 0, class 0 with the reply 550."""
    missing = nonce()
    online.files.delete(missing, missing_ok=True)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        for op, values in ((2, (missing,)), (3, (missing, "other")), (4, (missing, missing)), (8, (missing,)),
                           (11, (missing,))):
            with record.step(f"operation {op}"):
                operation(online, op, *values, ends=0)
                assert error_of(online) == (0, 550)
        assert not online.files.has(missing), "a download that was refused left a file"
        operation(online, 14)
        no_error(online, record)


@procedure(*ERRORS, title="A file that is not in the module cannot be put", depends_on=FTP)
def test_local_file_missing(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """A failure, and nothing on the server."""
    missing = nonce()
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        with pytest.raises(ClientError) as failed:
            online.ftp().put_file(missing, "never")
        record.note(str(failed.value))
        assert online.ftp().names() == ()


@procedure(*BASIC, title="A full file system: the download fails and leaves nothing half-written",
           depends_on=FTP)
def test_file_system_full(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """Neither a new file nor a change of the one that is there; with room it passes."""
    data, kept = text(40_000), text(100)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        ftp = online.ftp()
        ftp.put("large", data)
        online.files.put("kept", kept)
        online.files.put("filler", b"x" * (online.files.free() - 20_000), check=False)
        try:
            for local in ("fresh", "kept"):
                with pytest.raises(ClientError) as failed:
                    ftp.get_file("large", local)
                record.note(str(failed.value))
            assert not online.files.has("fresh"), "a part of the file was written"
            assert online.files.get("kept") == kept, "a file was changed by a download that failed"
        finally:
            online.files.delete("filler", missing_ok=True)
        ftp.get_file("large", "kept")
        assert online.files.get("kept") == data
        online.files.delete("kept")


@procedure(*ERRORS, title="Operations out of their order are refused", depends_on=FTP)
def test_order(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """Without a log in everything else, when logged in another log in; class 8 in +UFTPER."""
    setup(online, services["ftp"], login_to("ftp", login_of))
    with record.step("without a log in"):
        for line in ("0", "13", "14", '2,"x"', '8,"x"', '10,"x"'):
            refused(online, f"AT+UFTPC={line}")
            assert error_of(online)[0] == 8
    operation(online, 1)
    with record.step("logged in already"):
        refused(online, "AT+UFTPC=1")
        assert error_of(online)[0] == 8
    operation(online, 0)
    with record.step("logged out"):
        refused(online, "AT+UFTPC=13")


@procedure(*BASIC, title="Parameters out of range are refused", depends_on=())
@pytest.mark.parametrize("line", [
    "AT+UFTP=6,2", "AT+UFTP=7,0", "AT+UFTP=7,65536", "AT+UFTP=8,2", "AT+UFTP=8,1,5", "AT+UFTP=12,2",
    "AT+UFTP=9,1", "AT+UFTPC=9", "AT+UFTPC=12", "AT+UFTPC=2", 'AT+UFTPC=3,"one"', 'AT+UFTPC=4,"one"',
    'AT+UFTPC=4,"a","b",2', f'AT+UFTPC=2,"{"n" * 257}"'])
def test_refusals(dut: Dut, line: str) -> None:
    """Modes and TLS 0 and 1, ports 1 to 65535, security profiles 0 to 4, names of 1 to 256 characters."""
    refused(dut, line)


@procedure(*BASIC, title="Settings are shown and put back", depends_on=())
def test_settings(dut: Dut) -> None:
    """AT+UFTP? has a line for each; the password is not shown; the op alone puts its value back."""
    forget(dut)
    factory = dut.send("AT+UFTP?").fields("+UFTP")
    secret = nonce()
    for line in ('1,"ftp.u-blox.com"', '2,"anonymous"', f'3,"{secret}"', "5,60", "6,1", "7,2121"):
        dut.send(f"AT+UFTP={line}")
    shown = dut.send("AT+UFTP?")
    values = [line[:2] for line in shown.fields("+UFTP")]
    for one in ((1, "ftp.u-blox.com"), (2, "anonymous"), (5, 60), (6, 1), (7, 2121)):
        assert one in values
    assert secret not in "".join(shown.info), "the password is shown"
    forget(dut)
    assert dut.send("AT+UFTP?").fields("+UFTP") == factory


@procedure(*ERRORS, title="A server that is down or silent is a failure; when it is back the log in passes",
           depends_on=("network", "service:dns"), needs=("far-side:server",))
@pytest.mark.parametrize("state", ["down", "mute"])
def test_server_down(online: Dut, services: Services, login_of: Logins, far_side: FarSide, record: Recorder,
                     state: str) -> None:
    """Within the inactivity time-out of +UFTP=5."""
    ftp = online.ftp().use(server_of(services["ftp"], "ftp", login_of, timeout_s=SILENCE_S))
    far_side.act("server", name="ftp", state=state)
    try:
        with pytest.raises(ClientError) as failed:
            ftp.login()
        record.note(str(failed.value))
        assert (failed.value.kind, failed.value.code) != (0, 0)
    finally:
        far_side.act("server", name="ftp", state="up")
    with ftp.session():
        assert ftp.last_error() == (0, 0)


@procedure(*ERRORS, title="A server that drops the session: the next operation fails, then log in again",
           depends_on=("network", "service:dns"), needs=("far-side:server",))
def test_session_dropped(online: Dut, services: Services, login_of: Logins, far_side: FarSide,
                         record: Recorder) -> None:
    """The module tells nothing by itself."""
    ftp = online.ftp().use(server_of(services["ftp"], "ftp", login_of))
    ftp.login()
    with online.at.expect(("+UUFTPCR", "+UUFTPCD")) as heard:
        far_side.act("server", name="ftp", state="down")
        far_side.act("server", name="ftp", state="up")
        online.send("AT")
        assert heard.heard == (), "a URC though no operation ran"
    with pytest.raises(ClientError) as failed:
        ftp.names()
    record.note(str(failed.value))
    with ftp.session():
        assert ftp.listing() is not None


@procedure(*BASIC, title="While an operation runs another one is refused, and the first one ends well",
           depends_on=("network", "service:dns"), needs=("far-side:server",))
def test_busy(online: Dut, services: Services, login_of: Logins, far_side: FarSide) -> None:
    """One operation at a time, and no setting changes meanwhile."""
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        online.ftp().put("small", data := text(400))
        far_side.act("server", name="ftp", state="slow")
        try:
            with online.at.expect("+UUFTPCR", lambda event: event.fields[:1] == (4,)) as ended:
                online.files.delete("small", missing_ok=True)
                online.send('AT+UFTPC=4,"small","small"')
                refused(online, "AT+UFTPC=14")
                assert ended.wait(60.0).fields == (4, 1)
        finally:
            far_side.act("server", name="ftp", state="up")
        assert online.files.get("small") == data
        online.files.delete("small")


@procedure(*ERRORS, title="A connection that breaks in the middle of a file fails, and the next one passes",
           depends_on=("network", "service:dns"), needs=("far-side:server",))
def test_broken_in_the_middle(online: Dut, services: Services, login_of: Logins, far_side: FarSide,
                              record: Recorder) -> None:
    """The server goes down while a file comes; afterwards what came can be continued from."""
    ftp = online.ftp().use(server_of(services["ftp"], "ftp", login_of, timeout_s=SILENCE_S))
    name, data = f"cb-{nonce()}", text(5000)
    with ftp.session():
        ftp.put(name, data)
        online.files.delete(name, missing_ok=True)
        far_side.act("server", name="ftp", state="slow")
        try:
            with online.at.expect("+UUFTPCR", lambda event: event.fields[:1] == (4,)) as ended:
                online.send(f'AT+UFTPC=4,"{name}","{name}"')
                far_side.act("server", name="ftp", state="down")
                assert ended.wait(120.0).fields == (4, 0)
        finally:
            far_side.act("server", name="ftp", state="up")
        record.note(f"+UFTPER: {error_of(online)}")
        assert error_of(online) != (0, 0)
        ftp.login()
        ftp.get_file(name, name, resume=True)
        assert online.files.get(name) == data
        online.files.delete(name)
        ftp.delete(name)
