"""What the web and security procedures share: servers by role, commands as printed, answers read back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from cellbench.api import Dut, HttpServer, Limit, Recorder, Service

WEB = ("network", "service:dns", "service:http")
SECURE = ("network", "service:dns", "service:https")
URC_S = 120.0
SHORT_S = 30  # the shortest time-out of +UHTTP: a negative check need not wait longer


def nonce() -> str:
    """Text that no earlier run can have left behind; only characters that the command takes unquoted."""
    return secrets.token_hex(8)


def server_of(service: Service, **more: object) -> HttpServer:
    """The declaration of a service, by its name where it has one."""
    return HttpServer(str(service.name or service.host), service.port,
                      **{"timeout_s": SHORT_S, **more})  # type: ignore[arg-type]


def place_of(service: Service) -> str:
    """Operation 1 and the name, or 0 and the address where the service has no name."""
    return f'1,"{service.name}"' if service.name else f'0,"{service.host}"'


def setup(dut: Dut, service: Service, *lines: str) -> None:
    """The first rows of the guides' tables: profile 0 reset, server and port, and what else is given."""
    dut.send("AT+CMEE=2")
    dut.send("AT+UHTTP=0")
    dut.send(f"AT+UHTTP=0,{place_of(service)}")
    for line in lines:
        dut.send(line)
    dut.send(f"AT+UHTTP=0,5,{service.port}")


def request(dut: Dut, command: int, path: str, file: str, more: str = "", *, profile: int = 0) -> int:
    """AT+UHTTPC, after its answer file was deleted; <result> of its +UUHTTPCR."""
    dut.files.delete(file, missing_ok=True)
    with dut.at.expect("+UUHTTPCR", lambda event: event.fields[:2] == (profile, command)) as result:
        dut.send(f'AT+UHTTPC={profile},{command},"{path}","{file}"{more}')
        found = result.wait(URC_S).fields
    assert len(found) == 3, f"+UUHTTPCR has {len(found)} fields"
    return int(found[2])


def stored(dut: Dut, file: str) -> tuple[str, str]:
    """Head and body of an answer file; the file is deleted."""
    head, blank, body = dut.files.get(file).partition(b"\r\n\r\n")
    assert blank, f"{file} is no HTTP answer: {head[:60]!r}"
    dut.files.delete(file)
    return head.decode("latin-1"), body.decode("utf-8")


def no_error(dut: Dut, record: Recorder, profile: int = 0) -> None:
    """Class and code of the profile's last request are 0."""
    found = dut.http(profile).last_error()
    record.measure("+UHTTPER", f"{found[0]},{found[1]}",
                   limit=Limit(equals="0,0", source="LARA-R6 guide 10.3"))


Services = Mapping[str, Service]
