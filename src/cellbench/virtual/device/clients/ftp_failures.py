"""What an operation of the FTP client fails by: class and code of +UFTPER (facts sheet internet 9.3, 16)."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Coroutine
from typing import Any, TypeVar

from cellbench.virtual.device.clients.outward import OutwardFailure, Stage

T = TypeVar("T")


class ErrorClass(enum.IntEnum):
    """Classes of +UFTPER (facts sheet internet 16)."""

    REPLY = 0
    CLIENT = 1
    FILES = 4
    DNS = 5
    SOCKET = 6
    USE = 8


class ClientCode(enum.IntEnum):
    """Codes of class 1. The guides print the first alone; the others are guesses."""

    USER_MISSING = 1
    SERVER_MISSING = 2
    TIMEOUT = 3
    NO_REPLY = 4  # what the server says is no FTP
    ABORTED = 5  # the host left the direct link before the end


class UseCode(enum.IntEnum):
    """Codes of class 8: 12 and 63 are printed; 1 is a guess."""

    STATE = 1  # not logged in, logged in already, another operation runs
    NO_CONTEXT = 12
    SECURE = 63


_NOT_RESOLVED = 1  # class 5; a guess


class FtpFailure(Exception):
    """An operation failed, with its class and code."""

    def __init__(self, kind: ErrorClass, code: int) -> None:
        super().__init__(f"{kind.name} {code}")
        self.kind = kind
        self.code = code


def failure_of(outward: OutwardFailure) -> FtpFailure:
    """Class and code of what a connection failed by."""
    if outward.stage is Stage.CONTEXT:
        return FtpFailure(ErrorClass.USE, UseCode.NO_CONTEXT)
    if outward.stage is Stage.NAME:
        return FtpFailure(ErrorClass.DNS, _NOT_RESOLVED)
    if outward.stage is Stage.SECURE:
        return FtpFailure(ErrorClass.USE, UseCode.SECURE)
    return FtpFailure(ErrorClass.SOCKET, int(outward.number))


async def bounded(limit: float | None, work: Coroutine[Any, Any, T], late: FtpFailure | None = None) -> T:
    """Do something that may fail or take too long; both are FtpFailure."""
    try:
        async with asyncio.timeout(limit):
            return await work
    except TimeoutError:
        raise late or FtpFailure(ErrorClass.CLIENT, ClientCode.TIMEOUT) from None
    except OutwardFailure as failure:
        raise failure_of(failure) from None
