"""Socket options of +USOSO and +USOGO (sibling's manual; 65535,8 and 6,2 also LARA-R6 guide 5.4)."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cellbench.virtual.device.behaviour import Behaviour
from cellbench.virtual.device.sockets_model import AnySocket, TcpSocket

IP, TCP, SOCKET = 0, 6, 65535
KEEP_ALIVE, KEEP_IDLE, LINGER = (SOCKET, 8), (TCP, 2), (SOCKET, 128)


@dataclass(frozen=True, slots=True)
class Option:
    """One option: inclusive range of each of its numbers, and their values at creation."""

    ranges: tuple[tuple[int, int], ...]
    default: tuple[int, ...]


OPTIONS: Mapping[tuple[int, int], Option] = MappingProxyType({
    (IP, 1): Option(((0, 255),), (0,)),  # type of service
    (IP, 2): Option(((0, 255),), (255,)),  # time to live
    (TCP, 1): Option(((0, 1),), (0,)),  # no delay
    KEEP_IDLE: Option(((0, 2147483647),), (7200000,)),  # ms
    (SOCKET, 4): Option(((0, 1),), (0,)),  # reuse address
    KEEP_ALIVE: Option(((0, 1),), (0,)),
    (SOCKET, 32): Option(((0, 1),), (0,)),  # broadcast
    LINGER: Option(((0, 1), (0, 32767)), (0, 0)),  # on, ms
    (SOCKET, 512): Option(((0, 1),), (0,)),  # reuse port
})


def set_option(one: AnySocket, key: tuple[int, int], values: tuple[int, ...], facts: Behaviour) -> bool:
    """Set an option; False when this module refuses it."""
    option = OPTIONS.get(key)
    if option is None or key in facts.socket_options_refused or not 1 <= len(values) <= len(option.ranges):
        return False
    if any(not low <= value <= high for value, (low, high) in zip(values, option.ranges, strict=False)):
        return False
    if key[0] == TCP and not isinstance(one, TcpSocket):
        return False
    if key == LINGER and values[0] == facts.linger_refused:
        return False
    if key == KEEP_IDLE:
        values = (max(values[0], facts.keep_idle_floor_ms),)
    one.options[key] = (*values, *option.default[len(values):])
    apply_all(one)
    return True


def get_option(one: AnySocket, key: tuple[int, int], facts: Behaviour) -> str | None:
    """An option's numbers as +USOGO prints them; None when this module refuses it."""
    option = OPTIONS.get(key)
    if option is None or key in facts.socket_options_refused:
        return None
    if key[0] == TCP and not isinstance(one, TcpSocket):
        return None
    if key in facts.usogo_empty_options:
        return ""
    return ",".join(str(value) for value in one.options.get(key, option.default))


def apply_all(one: AnySocket) -> None:
    """Bring what can be had of the options to the kernel's socket of a connection."""
    link = one.link if isinstance(one, TcpSocket) else None
    if link is None:
        return
    if KEEP_ALIVE in one.options:
        link.set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, one.options[KEEP_ALIVE][0])
    if KEEP_IDLE in one.options:
        # "the module will send dummy TCP packets every 30000 ms" (LARA-R6 guide 5.4)
        seconds = min(max(1, one.options[KEEP_IDLE][0] // 1000), 32767)
        link.set_option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        link.set_option(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, seconds)
    if (IP, 2) in one.options and one.options[(IP, 2)][0]:
        link.set_option(socket.IPPROTO_IP, socket.IP_TTL, one.options[(IP, 2)][0])
    if (IP, 1) in one.options:
        link.set_option(socket.IPPROTO_IP, socket.IP_TOS, one.options[(IP, 1)][0])
