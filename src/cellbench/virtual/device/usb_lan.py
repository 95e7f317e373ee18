"""The module's end of the Ethernet link on USB (ECM, RNDIS): ARP, DHCP, and the way into the network (LENA-R8
guide 5.5).

In bridge mode the host gets the address that the network gave the context, in router mode a private one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device.clients.outward import Outward
from cellbench.virtual.net import dhcp
from cellbench.virtual.net.ip.gateway import Addresses, Gateway
from cellbench.virtual.net.ip.packets import UDP, build, packed, parse, parse_udp, text, udp
from cellbench.virtual.net.route import Source

if TYPE_CHECKING:
    from cellbench.virtual.device.contexts import Context
    from cellbench.virtual.device.module import Module

_BROADCAST = b"\xff" * 6
_IPV4, _ARP = b"\x08\x00", b"\x08\x06"
_ARP_IPV4 = bytes.fromhex("000108000604")  # Ethernet, IPv4 (RFC 826)
_ARP_REQUEST, _ARP_REPLY = b"\0\1", b"\0\2"
_ANY, _ALL = bytes(4), b"\xff" * 4
_LEASE_S = 3600
_BRIDGE = 0


class UsbLan:
    """The Ethernet station inside a module; ``transmit`` takes frames for the host while there is a link.

    What the host sends through it counts as the traffic of the first context that is the user's and active.
    """

    def __init__(self, module: Module) -> None:
        self.transmit: Callable[[bytes], None] | None = None
        self._module = module
        # locally administered (IEEE 802), another one for each module
        self._hardware = b"\x02\x01" + int(module.config.imei).to_bytes(7, "big")[-4:]
        self._host = _BROADCAST  # learned from its frames
        self._gateway: tuple[int, int, Gateway] | None = None  # with context and its activation
        self.bridge = module.settings.number("nat_cfg", _BRIDGE) == _BRIDGE
        """Bridge or router mode, as it was at the boot."""

    def power_off(self) -> None:
        """The module goes off, or shows itself without the link."""
        self._hang_up()
        self._host = _BROADCAST

    def receive(self, frame: bytes) -> None:
        """A frame of the host."""
        if len(frame) < 14 or not self._module.power.running or frame[:6] not in (self._hardware, _BROADCAST):
            return
        kind, payload = frame[12:14], frame[14:]
        self._host = frame[6:12]
        if kind == _ARP:
            self._arp(payload)
        elif kind == _IPV4 and not self._dhcp(payload):
            gateway = self._way()
            if gateway is not None:
                gateway.from_host(payload)

    def _context(self) -> Context | None:
        contexts = self._module.contexts
        return next((one for one in contexts.active()
                     if one.ipv4 is not None and contexts.usable(one.cid) is not None), None)

    def _lease(self) -> dhcp.Lease | None:
        """What the host may have now."""
        context, behaviour = self._context(), self._module.config.behaviour
        if self.bridge and (context is None or context.ipv4 is None):
            return None
        dns = tuple(server for server in context.dns if ":" not in server) if context is not None else ()
        if self.bridge and context is not None and context.ipv4 is not None:
            router = context.gateway or context.ipv4
            prefix = _common_prefix(packed(context.ipv4), packed(router))
            return dhcp.Lease(context.ipv4, router, prefix, dns, behaviour.network_mtu, _LEASE_S)
        net = behaviour.usb_private_net
        return dhcp.Lease(f"{net}.100", f"{net}.1", 24, dns, behaviour.network_mtu, _LEASE_S)

    def _dhcp(self, packet: bytes) -> bool:
        """Take a packet for the DHCP server; True when it was one."""
        piece = parse(packet)
        datagram = parse_udp(piece) if piece is not None and piece.protocol == UDP else None
        if piece is None or datagram is None or datagram.target_port != dhcp.SERVER_PORT:
            return False
        asked, lease = dhcp.parse(datagram.data), self._lease()
        said = dhcp.answer(asked, lease) if asked is not None else None
        if said is None:
            return True
        source = packed(lease.router) if lease is not None else _ANY
        self._send(_BROADCAST, _IPV4, build(udp((source, dhcp.SERVER_PORT), (_ALL, dhcp.CLIENT_PORT), said)))
        return True

    def _arp(self, payload: bytes) -> None:
        """Answer for every address that is not the host's: all else lies behind the module."""
        if len(payload) < 28 or payload[:8] != _ARP_IPV4 + _ARP_REQUEST:
            return
        asker, target, lease = payload[14:18], payload[24:28], self._lease()
        own = lease is not None and text(target) == lease.address
        if own or asker in (target, _ANY):  # the host probes its own address (RFC 5227)
            return
        body = _ARP_IPV4 + _ARP_REPLY + self._hardware + target + payload[8:18]
        self._send(self._host, _ARP, body)

    def _send(self, to: bytes, kind: bytes, payload: bytes) -> None:
        if self.transmit is not None:
            self.transmit((to + self._hardware + kind + payload).ljust(60, b"\0"))

    def _way(self) -> Gateway | None:
        """The gateway of the context in use; another one since the last packet gets a fresh one."""
        context, module = self._context(), self._module
        lease, internet = self._lease(), module.internet
        if context is None or lease is None or internet is None:
            self._hang_up()
            return None
        if self._gateway is not None and self._gateway[:2] == (context.cid, context.order):
            return self._gateway[2]
        self._hang_up()
        gateway = Gateway(
            internet.node(module.name), Source(context.cid, context.ipv4 or "", context.apn, host=True),
            Addresses(lease.address, lease.router, context.ipv4, None), module.config.behaviour.network_mtu,
            lambda packet: self._send(self._host, _IPV4, packet), module.pace.loop,
            kept=module.subsystem(Outward).owns_port, traffic=module.contexts.traffic)
        self._gateway = (context.cid, context.order, gateway)
        return gateway

    def _hang_up(self) -> None:
        if self._gateway is not None:
            self._gateway[2].close()
            self._gateway = None


def _common_prefix(one: bytes, other: bytes) -> int:
    """The longest prefix, 30 at most, that two addresses share with room for both."""
    apart = (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_length()
    return min(30, 32 - apart)
