"""What the CoAP procedures share: the server by role, the printed setup, a request and its URCs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cellbench.api import CoapServer, CoapTransport, Dut, Service

COAP = ("network", "service:dns", "service:coap")
URC_S = 130.0  # 93 s (RFC 7252 4.8.2) and what a loaded bench takes
INVALID = "15,17"
LONGEST_URI = 785
LONGEST_PART = 255
LONGEST_PAYLOAD = 512
PROFILES = 4
HEADERS = 5  # options 0 to 4 of operation 2: host, port, path, query, content format

Services = Mapping[str, Service]


def nonce() -> str:
    """Text that no earlier run can have left behind; a valid part of a path and of a query."""
    return secrets.token_hex(8)


def server_of(service: Service, **more: object) -> CoapServer:
    """The declaration of a service, by its name where it has one."""
    return CoapServer(str(service.name or service.host), service.port, **more)  # type: ignore[arg-type]


def uri_of(service: Service, path: str, transport: CoapTransport = CoapTransport.UDP) -> str:
    """A plain URI on a service."""
    return server_of(service, transport=transport).uri(path)


def setup(dut: Dut, *lines: str) -> None:
    """The rows of the current configuration as printed, messages confirmable, and what else is given."""
    dut.send("AT+CMEE=2")
    dut.send("AT+UCOAP=4,1")
    for option in range(HEADERS):
        dut.send(f"AT+UCOAP=2,{option},1")
    dut.send("AT+UCOAP=2,5,0")
    for line in lines:
        dut.send(line)


def ask(dut: Dut, line: str) -> tuple[list[tuple[int | str | None, ...]], tuple[int | str | None, ...]]:
    """A request as printed; the fields of its +UCOAPCD in their order, and of the +UCOAPCR that ends it."""
    with dut.at.expect(("+UCOAPCD", "+UCOAPCR")) as told:
        dut.send(line)
        data: list[tuple[int | str | None, ...]] = []
        while not (event := told.wait(URC_S)).begins("+UCOAPCR"):
            data.append(event.fields)
        assert not told.heard, f"{told.heard[0].text} came after the result"
    return data, event.fields


def read(dut: Dut) -> dict[str, object]:
    """AT+UCOAP?: the current profile by the names of its lines."""
    return {str(fields[0]): fields[1] for fields in dut.send("AT+UCOAP?").fields("+UCOAP")}


def error_of(dut: Dut) -> str:
    """AT+UCOAPER: class and code as printed."""
    return ",".join(str(value) for value in dut.send("AT+UCOAPER").value("+UCOAPER"))


@contextmanager
def kept_profiles(dut: Dut) -> Iterator[None]:
    """The current profile is set anew afterwards: whatever the procedure left does no harm."""
    try:
        yield
    finally:
        setup(dut, "AT+UCOAP=8,0", f"AT+UCOAP=20,{dut.cid},0")
