"""What the control room can make the far side do: data, closing, connecting, the states of the servers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..control.verbs import Answer, ControlRefusal, Verb, only, want, want_int
from ..device.sockets_engine import SocketEngine
from ..device.sockets_model import AnySocket, TcpSocket, UdpSocket
from .failure import NetFailure, SocketError
from .route import Peer
from .secure import Link

if TYPE_CHECKING:
    from ..rack import Rack, VirtualSlot

_MAX_SOCKET = 63
_PATTERN = b"0123456789"
_MAX_BYTES = 1024 * 1024


def _slot(slot: VirtualSlot | None) -> VirtualSlot:
    if slot is None:
        raise ControlRefusal("this verb needs --slot")
    return slot


def _socket(slot: VirtualSlot, values: Mapping[str, str]) -> AnySocket:
    """The module's socket that ``socket=N`` names."""
    number = want_int(values, "socket", 0, _MAX_SOCKET)
    found = slot.module.subsystem(SocketEngine).sockets.get(number)
    if found is None:
        raise ControlRefusal(f"{slot.name} has no socket {number}")
    return found


def _link(slot: VirtualSlot, values: Mapping[str, str]) -> Link:
    """The connection of the module's TCP socket."""
    found = _socket(slot, values)
    if not isinstance(found, TcpSocket):
        raise ControlRefusal(f"socket {found.number} of {slot.name} is UDP: there is no connection")
    if found.link is None:
        raise ControlRefusal(f"socket {found.number} of {slot.name} is not connected")
    return found.link


def _bytes(text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise ControlRefusal(f"hex={text} is not a string of hexadecimal digits") from None
    if not data:
        raise ControlRefusal("hex= is empty")
    return data


def _default_peer(rack: Rack, one: UdpSocket) -> Peer:
    """Who sends to a UDP socket: its connected peer, else whom it wrote to last, else the echo server."""
    if one.peer is not None:
        return one.peer
    if one.port is not None and one.port.last_peer is not None:
        return one.port.last_peer
    for place in rack.world.servers["echo"].places:
        for address in rack.world.addresses_of(place.host):
            if (":" in address) is one.ipv6:
                return Peer(address, place.port or 0)
    return Peer(rack.world.remote_host, 7)


async def _remote_send(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "socket", "hex")
    chosen = _slot(slot)
    data = _bytes(want(values, "hex"))
    one = _socket(chosen, values)
    if isinstance(one, TcpSocket):
        link = _link(chosen, values)
        if one.remote_closed:
            raise ControlRefusal(f"the peer of socket {one.number} has closed already")
        link.inject(data)
    elif one.port is not None:
        one.port.inject(data, _default_peer(rack, one))
    return None


async def _remote_close(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "socket")
    _link(_slot(slot), values).inject_end()
    return None


async def _remote_reset(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "socket")
    _link(_slot(slot), values).inject_reset()
    return None


async def _remote_connect(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "port", "bytes", "hex")
    chosen = _slot(slot)
    port = want_int(values, "port", 1, 65535)
    amount = want_int(values, "bytes", 0, _MAX_BYTES, 0)
    data = _bytes(values["hex"]) if "hex" in values else (_PATTERN * (amount // 10 + 1))[:amount]
    try:
        await rack.internet.node(chosen.module.name).visit(port, data)
    except NetFailure as failure:
        reason = {SocketError.REFUSED: f"nothing listens on port {port} of {chosen.name}",
                  SocketError.RESET: f"{chosen.name} has no socket left for the connection"}
        other = f"{chosen.name} takes no connection: {failure}"
        raise ControlRefusal(reason.get(failure.number, other)) from None
    return None


async def _server(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "name", "state")
    name = want(values, "name")
    state = want(values, "state", "up", "down", "mute", "slow", "no-tls", "reset")
    try:
        await rack.internet.park.set_state(name, state)
    except KeyError:
        raise ControlRefusal(f"no server {name}; there are {', '.join(sorted(rack.world.servers))}") from None
    except ValueError as error:
        raise ControlRefusal(str(error)) from None
    return None


async def _flow(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "what", "service")
    chosen = _slot(slot)
    flows = rack.internet.node(chosen.module.name).flows
    service = want(values, "service")
    flow = flows.get(service)
    if flow is None:
        seen = f"; there was {', '.join(sorted(flows))}" if flows else ""
        raise ControlRefusal(f"{chosen.name} had no data flow of {service}{seen}")
    return {"cid": str(flow.cid), "local_port": str(flow.local_port), "remote_port": str(flow.remote_port)}


async def _mqtt(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "what", "service")
    service = values.get("service", "mqtt")
    if service not in ("mqtt", "mqtts"):
        raise ControlRefusal(f"service={service}: it is mqtt or mqtts")
    return rack.internet.park.report(service)


async def _ftp(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "what", "service")
    service = values.get("service", "ftp")
    if service not in ("ftp", "ftps", "ftp-firmware"):
        raise ControlRefusal(f"service={service}: it is ftp, ftps or ftp-firmware")
    return rack.internet.park.report(service)


async def _server_report(rack: Rack, slot: VirtualSlot | None, values: Mapping[str, str]) -> Answer:
    only(values, "what", "name")
    name = want(values, "name")
    try:
        return rack.internet.park.report(name)
    except KeyError:
        raise ControlRefusal(f"no server {name}; there are {', '.join(sorted(rack.world.servers))}") from None


VERBS: Mapping[str, Verb] = MappingProxyType({
    "remote-send": Verb("socket=N hex=BYTES: the peer of the module's socket N sends those bytes (one "
                        "segment or datagram)", True, _remote_send),
    "remote-close": Verb("socket=N: the peer closes its end in order", True, _remote_close),
    "remote-reset": Verb("socket=N: the peer resets the connection", True, _remote_reset),
    "remote-connect": Verb("port=P bytes=N|hex=BYTES: a remote host connects to the module's port P and "
                           "sends N bytes, or those", True, _remote_connect),
    "server": Verb("name=NAME state=up|down|mute|slow|no-tls|reset: down refuses, mute takes and never "
                   "answers, slow delays, up ends all of these", False, _server),
})

REPORTS: Mapping[str, Verb] = MappingProxyType({
    "ftp": Verb("[service=ftp|ftps|ftp-firmware]: the commands of the last control connection by number, "
                "facts of TLS", False, _ftp),
    "flow": Verb("service=S: the last data flow of that service", True, _flow),
    "server": Verb("name=N: what a server saw last: requests, facts of the TLS handshake", False,
                   _server_report),
    "mqtt": Verb("[service=mqtt|mqtts]: the broker's last topic, quiet time before the last PINGREQ and more",
                 False, _mqtt),
})
