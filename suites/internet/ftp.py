"""What the FTP procedures share: settings as printed, operations with their URCs, a place on the server."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cellbench.api import CellbenchError, Dut, FtpServer, Limit, Recorder, Service

from .web import nonce, place_of

FTP = ("network", "service:dns", "service:ftp")
FTPS = ("network", "service:ftps")
OPERATION_S = 300.0
SILENCE_S = 30  # +UFTP=5 of negative checks: how long a silent server is waited for
POSITIONS = 176_673  # bytes of the file that the guides put

Logins = Callable[[str], tuple[str, str]]
_PRINTED = {"ftp": ("anonymous", "password"), "ftps": ("myname", "mypwd")}


def login_to(role: str, login_of: Logins) -> tuple[str, str]:
    """User name and password: the rig's, else as the guides print them."""
    user, password = login_of(role)
    return (user, password) if user else _PRINTED[role]


def server_of(service: Service, role: str, login_of: Logins, **more: object) -> FtpServer:
    """The declaration of a server, by its name where it has one."""
    user, password = login_to(role, login_of)
    return FtpServer(str(service.name or service.host), **{  # type: ignore[arg-type]
        "user": user, "password": password, "port": service.port or 21, **more})


def setup(dut: Dut, service: Service, login: tuple[str, str]) -> None:
    """The first rows of the guides' tables: server name, user, password, passive mode."""
    dut.send("AT+CMEE=2")
    forget(dut)
    dut.send(f"AT+UFTP={place_of(service)}")
    dut.send(f'AT+UFTP=2,"{login[0]}"')
    dut.send(f'AT+UFTP=3,"{login[1]}"')
    dut.send("AT+UFTP=6,1")
    if service.port not in (None, 21):
        dut.send(f"AT+UFTP=7,{service.port}")


def forget(dut: Dut) -> None:
    """All settings as after a boot: the op alone puts its value back."""
    for op in (0, 1, 2, 3, 4, 5, 6, 7, 8, 12):
        dut.send(f"AT+UFTP={op}")


def operation(dut: Dut, op: int, *values: str | int, ends: int = 1) -> str:
    """AT+UFTPC: OK at once, then +UUFTPCR with the result ``ends``; before it the data of a list, which is
    as long as announced."""
    told = ""
    line = f"AT+UFTPC={op}" + "".join(f',"{one}"' if isinstance(one, str) else f",{one}" for one in values)
    with dut.at.expect(("+UUFTPCR", "+UUFTPCD"), lambda event: event.fields[:1] == (op,)) as heard:
        dut.send(line)
        while (event := heard.wait(OPERATION_S)).prefix == "+UUFTPCD":
            length, text = event.fields[1:3]
            assert length == len(str(text)), f"+UUFTPCD announces {length} bytes and gives {len(str(text))}"
            told += str(text)
    assert event.fields == (op, ends), f"{line}: +UUFTPCR: {event.fields}"
    return told


def error_of(dut: Dut) -> tuple[int, int]:
    """Class and code of the last operation."""
    return dut.ftp().last_error()


def no_error(dut: Dut, record: Recorder) -> None:
    """Class and code of the last operation are 0."""
    found = error_of(dut)
    record.measure("+UFTPER", f"{found[0]},{found[1]}",
                   limit=Limit(equals="0,0", source="LARA-R6 guide 9.3"))


def refused(dut: Dut, line: str) -> None:
    """A command that must be refused at once."""
    assert not dut.send(line, check=False).ok, f"{line} was taken"


@contextmanager
def own_place(dut: Dut) -> Iterator[str]:
    """A new directory on the server, which is gone into and taken away afterwards; the module is logged in
    already, and logged out at the end."""
    name = f"cb-{nonce()}"
    operation(dut, 10, name)
    operation(dut, 8, name)
    try:
        yield name
    finally:
        with contextlib.suppress(CellbenchError, AssertionError):  # the server may be gone by now
            empty(dut)
            operation(dut, 8, "..")
            operation(dut, 11, name)
            operation(dut, 0)


def empty(dut: Dut) -> None:
    """Delete what the directory holds, one level of directories included."""
    ftp = dut.ftp()
    for entry in ftp.details():
        if entry.is_directory:
            operation(dut, 8, entry.name)
            for name in ftp.names():
                operation(dut, 2, name)
            operation(dut, 8, "..")
            operation(dut, 11, entry.name)
        else:
            operation(dut, 2, entry.name)


@contextmanager
def logged_in(dut: Dut, service: Service, login: tuple[str, str]) -> Iterator[str]:
    """Set up as printed, logged in, in a directory of one's own."""
    setup(dut, service, login)
    operation(dut, 1)
    with own_place(dut) as name:
        yield name


def text(size: int) -> bytes:
    """``size`` bytes that no earlier run can have left behind."""
    return ((nonce() + "\r\n") * (size // 18 + 1)).encode()[:size]
