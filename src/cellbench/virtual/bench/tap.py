"""A network interface of the kernel for a module's network function (Documentation/networking/tuntap).

It comes and goes with the module's enumeration, is down until the host's system brings it up, and gets no
address from here. Making one takes the right to administer the network (CAP_NET_ADMIN): root, or root of a
network namespace (``unshare --net``).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Callable

from cellbench.base.errors import OperatorError

_DEVICE = "/dev/net/tun"
_TUNSETIFF, _SIOCSIFHWADDR = 0x400454CA, 0x8924
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_ETHERNET = 1  # ARPHRD_ETHER
_PATTERN = b"usb%d"  # as the drivers of ECM and RNDIS name theirs
_LARGEST, _MANY = 2048, 64


class Tap:
    """One interface; ``name`` is what the kernel called it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: bytes,
                 on_frame: Callable[[bytes], None]) -> None:
        """``address`` is the host's hardware address. Raises OSError without the right to make one."""
        self._loop = loop
        self._on_frame = on_frame
        self._descriptor = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            asked = struct.pack("16sH22x", _PATTERN, _IFF_TAP | _IFF_NO_PI)
            self.name = fcntl.ioctl(self._descriptor, _TUNSETIFF, asked)[:16].rstrip(b"\0").decode()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                named = struct.pack("16sH6s16x", self.name.encode(), _ETHERNET, address)
                fcntl.ioctl(any_socket, _SIOCSIFHWADDR, named)
        except OSError:
            os.close(self._descriptor)
            raise
        self._there = True
        loop.add_reader(self._descriptor, self._readable)

    def send(self, frame: bytes) -> None:
        """A frame for the host; lost while the interface is down or gone, or its queue is full."""
        if self._there:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, frame)

    def close(self) -> None:
        """The interface is gone."""
        self._there = False
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _readable(self) -> None:
        for _ in range(_MANY):  # others of the rack want their turn too
            try:
                frame = os.read(self._descriptor, _LARGEST)
            except OSError:
                return
            self._on_frame(frame)
            if not self._there:
                return


def check() -> None:
    """OperatorError where this process cannot make such interfaces."""
    try:
        descriptor = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise OperatorError(f"{_DEVICE}: {error.strerror}", remedy="modprobe tun; in a container, pass it on"
                            ) from None
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", b"cellbench%d", _IFF_TAP | _IFF_NO_PI))
    except OSError as error:
        raise OperatorError(f"no network interface can be made here: {error.strerror}",
                            remedy="run the rack as root, or in a namespace: unshare --user --map-root-user "
                                   "--net") from None
    finally:
        os.close(descriptor)
