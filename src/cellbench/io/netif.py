"""A network interface of this host by its name: its hardware address and its IPv4 address (netdevice(7))."""

from __future__ import annotations

import fcntl
import socket
import struct

_SIOCGIFADDR, _SIOCGIFHWADDR = 0x8915, 0x8927  # include/uapi/linux/sockios.h
_NAME_BYTES = 15
_IFREQ = struct.Struct("16s24x")
_FAMILY_AND_PORT = 4  # of a struct sockaddr_in, before the address


def hardware_address(name: str) -> str | None:
    """``02:00:00:00:00:01``; None when this host has no such interface."""
    answer = _ask(_SIOCGIFHWADDR, name)
    return answer[18:24].hex(":") if answer is not None else None


def ipv4_address(name: str) -> str | None:
    """The address of an interface, None while it has none or is not there."""
    answer = _ask(_SIOCGIFADDR, name)
    begin = 16 + _FAMILY_AND_PORT
    return socket.inet_ntoa(answer[begin:begin + 4]) if answer is not None else None


def _ask(request: int, name: str) -> bytes | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            return fcntl.ioctl(any_socket, request, _IFREQ.pack(name.encode()[:_NAME_BYTES]))
        except OSError:
            return None
