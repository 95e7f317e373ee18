"""FTP by direct link: LENA-R8 guide 9.3.2.2.1 to 9.3.2.2.4; LARA-R6 guide 9.1.1 to 9.1.4."""

from __future__ import annotations

import pytest

from cellbench.api import ClientError, Dut, FarSide, FtpLink, Recorder, procedure

from .ftp import FTP, Logins, error_of, logged_in, login_to, no_error, server_of, text
from .web import Services, nonce

RETRIEVE = ("R8:9.3.2.2.1", "R6:9.1.1")
ABORT = ("R8:9.3.2.2.2", "R6:9.1.2")
STORE = ("R8:9.3.2.2.3", "R6:9.1.3")
ESCAPE = ("R8:9.3.2.2.4", "R6:9.1.4")
FROM_SERVER, TO_SERVER = "file_to_retrieve", "file_to_store"
DATA_S = 60.0
GUARD_S = 2.5  # more than the 2 s of silence that make an escape
GAP_S = 0.8  # more than the 500 ms that may lie between its characters


def stays(link: FtpLink, seconds: float) -> None:
    """The module is still in the direct link after a while, and says nothing."""
    assert link.read(100, seconds) == b"", "something came where nothing was due"
    assert not link.ended_by_module


@procedure(*RETRIEVE, title="A file is retrieved, whole and from byte 250, as printed", depends_on=FTP)
def test_retrieve(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """CONNECT and the bytes; the module does not leave by itself; +++ brings DISCONNECT, OK and the
    result 1."""
    data = text(1000)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        ftp = online.ftp()
        ftp.put(FROM_SERVER, data)
        for offset in (0, 250):
            with record.step(f"from byte {offset}"), ftp.open_get(FROM_SERVER, offset) as link:
                got = link.receive(len(data) - offset, DATA_S)
                stays(link, GUARD_S)
                assert link.leave() is True, "+UUFTPCR: 6,0"
                assert got == data[offset:]
        no_error(online, record)


@procedure(*RETRIEVE, title="A file that is not there gives no CONNECT", depends_on=FTP)
def test_retrieve_nothing(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """An error with the server's reply; the session goes on."""
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        with pytest.raises(ClientError) as failed:
            online.ftp().open_get(nonce())
        record.note(str(failed.value))
        assert (failed.value.kind, failed.value.code) == (0, 550)
        assert online.ftp().names() == ()


@procedure(*RETRIEVE, *STORE, title="Without a log in there is no direct link", depends_on=())
@pytest.mark.parametrize("op", [6, 7])
def test_link_without_login(dut: Dut, op: int) -> None:
    """Refused; class 8 in +UFTPER."""
    assert not dut.send(f'AT+UFTPC={op},"x"', check=False).ok
    assert error_of(dut)[0] == 8


@procedure(*ABORT, title="+++ before the end breaks the retrieval off, as printed",
           depends_on=("network", "service:dns"), needs=("far-side:server",))
def test_abort(online: Dut, services: Services, login_of: Logins, far_side: FarSide, record: Recorder
               ) -> None:
    """DISCONNECT, OK, the result 0; the session goes on and the file can be had afterwards."""
    data = text(3000)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        ftp = online.ftp()
        ftp.put(FROM_SERVER, data)
        far_side.act("server", name="ftp", state="slow")
        try:
            with ftp.open_get(FROM_SERVER) as link:
                got = link.receive(10, DATA_S)
                assert link.leave() is False, "+UUFTPCR: 6,1 though the file was not whole"
        finally:
            far_side.act("server", name="ftp", state="up")
        assert data.startswith(got)
        record.note(f"+UFTPER: {error_of(online)}")
        assert ftp.get_direct(FROM_SERVER, size=len(data)) == data
        no_error(online, record)


@procedure(*STORE, title="A file is stored, whole and from byte 250, as printed", depends_on=FTP)
def test_store(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """CONNECT, the bytes, +++, DISCONNECT, OK, the result 1; the server writes from the byte indicated."""
    data, patch = text(1000), text(300)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        ftp = online.ftp()
        with record.step("whole"):
            ftp.put_direct(TO_SERVER, data, check=False)
            assert ftp.get(TO_SERVER) == data
        with record.step("from byte 250"):
            ftp.put_direct(TO_SERVER, patch, offset=250, check=False)
            assert ftp.get(TO_SERVER) == data[:250] + patch + data[550:]
        no_error(online, record)


@procedure(*STORE, title="Any byte goes over a direct link unchanged", depends_on=FTP)
def test_any_bytes(online: Dut, services: Services, login_of: Logins) -> None:
    """All byte values, result codes and commands as content, both ways."""
    mark = nonce().encode()
    data = mark + bytes(range(256)) * 4 + b"\r\nOK\r\n\r\nNO CARRIER\r\nAT+UFTPC=0\r+++ " + mark
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        online.ftp().put_direct(TO_SERVER, data)


@procedure(*ESCAPE, title="+++ is data without two seconds of silence, with gaps, and with a byte behind it",
           depends_on=FTP)
def test_no_escape(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """Three cases that leave the link as it is; all characters reach the server."""
    data = text(100)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        with online.ftp().open_put(TO_SERVER) as link:
            with record.step("right behind other data"):
                link.write(data)
                link.write(b"+++")
                stays(link, GUARD_S)
            with record.step("more than 500 ms between the characters"):
                for _ in range(3):
                    link.write(b"+")
                    stays(link, GAP_S)
                stays(link, GUARD_S)
            with record.step("a payload that ends in +++, with the additional byte"):
                link.write(b"+++.")
                stays(link, GUARD_S)
            with record.step("a true escape"):
                assert link.leave() is True
        assert online.ftp().get(TO_SERVER) == data + b"+++" * 2 + b"+++."


@procedure(*ESCAPE, title="The escape is sent while CTS is asserted", depends_on=FTP)
def test_escape_with_cts(online: Dut, services: Services, login_of: Logins, record: Recorder) -> None:
    """After a long upload the host waits for CTS; where the port has no lines, for the bytes alone."""
    data = text(60_000)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        with online.ftp().open_put(TO_SERVER) as link:
            for begin in range(0, len(data), 4096):
                link.write(data[begin:begin + 4096], DATA_S)
            assert link.leave() is True
        assert online.ftp().get(TO_SERVER) == data
        no_error(online, record)


@procedure("R6:9.1.4", title="ATS2 sets another escape character", depends_on=FTP)
def test_other_escape_character(online: Dut, services: Services, login_of: Logins) -> None:
    """With "#" (35) +++ is data and ### is the escape; "+" again by ATS2=43."""
    data = text(50)
    with logged_in(online, services["ftp"], login_to("ftp", login_of)):
        online.send("ATS2=35")
        try:
            with online.ftp().open_put(TO_SERVER) as link:
                link.write(data)
                stays(link, GUARD_S)
                link.write(b"+++")
                stays(link, GUARD_S)
                link.write(b"###")
                link.receive(None, 20.0)
                assert link.ended_by_module
                assert link.leave() is True
        finally:
            online.send("ATS2=43")
        assert online.ftp().get(TO_SERVER) == data + b"+++"


@procedure(*RETRIEVE, *STORE, title="A server that goes ends the direct link, with the result 0",
           depends_on=("network", "service:dns"), needs=("far-side:server",))
def test_link_broken(online: Dut, services: Services, login_of: Logins, far_side: FarSide, record: Recorder
                     ) -> None:
    """The module leaves data mode by itself; the next session passes."""
    ftp, name = online.ftp().use(server_of(services["ftp"], "ftp", login_of)), f"cb-{nonce()}"
    ftp.login()
    with ftp.open_put(name) as link:
        link.write(text(100))
        far_side.act("server", name="ftp", state="down")
        far_side.act("server", name="ftp", state="up")
        link.receive(None, 30.0)
        assert link.ended_by_module
        assert link.leave() is False
    record.note(f"+UFTPER: {error_of(online)}")
    assert error_of(online) != (0, 0)
    with ftp.session():
        ftp.delete(name, missing_ok=True)
