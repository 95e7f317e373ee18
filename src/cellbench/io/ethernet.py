"""IP packets straight onto a network interface of this host, past its own network stack (packet(7)).

It takes CAP_NET_RAW, and CAP_NET_ADMIN for an interface that is down.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import time
from types import TracebackType

from cellbench.base.errors import NotPossible

_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914  # include/uapi/linux/sockios.h
_IFF_UP = 0x1
_ETH_P_IP = 0x0800
_IFREQ = struct.Struct("16sH22x")
_EVERYBODY = b"\xff" * 6
_LARGEST = 2048


class EthernetPort:
    """IPv4 on one interface, inside a ``with`` block; an interface that was down is down again afterwards."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hardware = b""
        """The interface's own Ethernet address, once open."""
        self._socket: socket.socket | None = None
        self._was_down = False

    def __enter__(self) -> EthernetPort:
        """Raises NotPossible without the rights, or without the interface."""
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
            self._was_down = not self._flags() & _IFF_UP
            if self._was_down:
                self._set_flags(self._flags() | _IFF_UP)
            self._socket.bind((self.name, _ETH_P_IP))
            self.hardware = bytes(self._socket.getsockname()[4])
        except OSError as error:
            self.close()
            raise NotPossible(f"{self.name}: {error.strerror or error}",
                              remedy="run as root, or in the interface's network namespace") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the interface."""
        if self._socket is not None:
            if self._was_down:
                with contextlib.suppress(OSError):  # it may have gone with its device
                    self._set_flags(self._flags() & ~_IFF_UP)
            self._socket.close()
            self._socket = None

    def broadcast(self, packet: bytes) -> None:
        """Send an IP packet to every station. Raises OSError while the interface is gone."""
        assert self._socket is not None
        self._socket.sendto(packet, (self.name, _ETH_P_IP, 0, 0, _EVERYBODY))

    def receive(self, timeout_s: float) -> bytes | None:
        """The next IP packet of another station; None when none came in time."""
        assert self._socket is not None
        until = time.monotonic() + timeout_s
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                packet, sender = self._socket.recvfrom(_LARGEST)
            except TimeoutError:
                return None
            if sender[2] != socket.PACKET_OUTGOING:
                return packet
        return None

    def _flags(self) -> int:
        assert self._socket is not None
        asked = fcntl.ioctl(self._socket, _SIOCGIFFLAGS, _IFREQ.pack(self.name.encode(), 0))
        return int(_IFREQ.unpack(asked)[1])

    def _set_flags(self, flags: int) -> None:
        assert self._socket is not None
        fcntl.ioctl(self._socket, _SIOCSIFFLAGS, _IFREQ.pack(self.name.encode(), flags))
