"""What the socket procedures share: creating, connecting, exchanging, in the guides' own commands."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from cellbench.api import Dut, Service

TCP = 6
UDP = 17
ESTABLISHED = 4
DATAGRAM = ("+UUSORD", "+UUSORF")  # the guides print the first for UDP too, drivers know the second
ECHO = ("network", "service:echo")
URC_S = 15.0


def create(dut: Dut, protocol: int, *more: int) -> int:
    """AT+USOCR; the number of the new socket."""
    arguments = ",".join(str(value) for value in (protocol, *more))
    return int(dut.send(f"AT+USOCR={arguments}").value("+USOCR")[0])


@contextmanager
def socket(dut: Dut, protocol: int, *more: int) -> Iterator[int]:
    """A socket that is closed afterwards, also when the procedure failed."""
    number = create(dut, protocol, *more)
    try:
        yield number
    finally:
        dut.send(f"AT+USOCL={number}", check=False)


@contextmanager
def connected(dut: Dut, echo: Service) -> Iterator[int]:
    """A TCP socket connected to the echo server."""
    with socket(dut, TCP) as number:
        dut.send(f'AT+USOCO={number},"{echo.host}",{echo.port}')
        yield number


def nonce(length: int = 12) -> str:
    """Text that no earlier run can have left behind; only characters that base syntax allows."""
    return secrets.token_hex(length)[:length]


def read(dut: Dut, number: int, length: int) -> str:
    """AT+USORD; the data, after checking that the length answered is the length sent."""
    fields = dut.send(f"AT+USORD={number},{length}").value("+USORD")
    if len(fields) == 2 and fields[1] == "":
        return ""
    assert fields[0] == number
    data = str(fields[2])
    assert len(data) == fields[1], f"+USORD announces {fields[1]} characters and gives {len(data)}"
    return data


def unread(dut: Dut, number: int) -> int:
    """How many bytes wait in the socket's buffer (AT+USORD=<s>,0)."""
    return int(dut.send(f"AT+USORD={number},0").value("+USORD")[-1])


def control(dut: Dut, number: int, parameter: int) -> int:
    """AT+USOCTL: one numeric property of a socket."""
    fields = dut.send(f"AT+USOCTL={number},{parameter}").value("+USOCTL")
    assert fields[:2] == (number, parameter)
    return int(fields[2])
