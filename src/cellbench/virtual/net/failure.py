"""Error numbers of sockets as the module reports them (+USOER, +USOCTL=n,1): the BSD list."""

from __future__ import annotations

import enum
import errno


class SocketError(enum.IntEnum):
    """The numbers that this module can meet; evidence: the family's appendix, 104 also LARA-R6 guide 5.8."""

    NONE = 0
    AGAIN = 11  # the queue is full
    INVALID = 22
    BROKEN_PIPE = 32
    NO_DESTINATION = 89
    WRONG_TYPE = 91
    NO_OPTION = 92
    NO_PROTOCOL = 93
    NOT_SUPPORTED = 95
    FAMILY = 97
    IN_USE = 98
    CANNOT_ASSIGN = 99
    NETWORK_DOWN = 100
    UNREACHABLE = 101
    RESET = 104
    NO_BUFFERS = 105
    CONNECTED = 106
    NOT_CONNECTED = 107
    SHUT_DOWN = 108
    TIMED_OUT = 110
    REFUSED = 111
    NO_ROUTE = 113
    ALREADY = 114
    IN_PROGRESS = 115
    NOT_A_NAME = 120


class NetFailure(Exception):
    """Something on the way failed; ``number`` is what the module's socket remembers."""

    def __init__(self, number: SocketError) -> None:
        super().__init__(number.name)
        self.number = number


_BY_HOST_NUMBER = {
    errno.ECONNRESET: SocketError.RESET,
    errno.EPIPE: SocketError.RESET,
    errno.ECONNREFUSED: SocketError.REFUSED,
    errno.ETIMEDOUT: SocketError.TIMED_OUT,
    errno.EADDRINUSE: SocketError.IN_USE,
    errno.EADDRNOTAVAIL: SocketError.CANNOT_ASSIGN,
    errno.EHOSTUNREACH: SocketError.NO_ROUTE,
}


def number_of(error: OSError) -> SocketError:
    """What an error of the host's own socket is for the module."""
    return _BY_HOST_NUMBER.get(error.errno or 0, SocketError.UNREACHABLE)
