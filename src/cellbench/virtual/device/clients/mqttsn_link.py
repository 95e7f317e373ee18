"""The way of the MQTT-SN client to its gateway: datagrams, in the clear or over DTLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device.clients.outward import Outward, OutwardFailure, Stage, Wanted
from cellbench.virtual.device.secure import SecureConnections
from cellbench.virtual.net.failure import NetFailure, SocketError
from cellbench.virtual.net.route import Peer
from cellbench.virtual.net.secure import SecureDatagrams, SecureFailure
from cellbench.virtual.net.udp import UdpPort

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module


class GatewayLink:
    """Datagrams to and from one gateway; ``heard`` takes what comes, ``broken`` hears of the end of DTLS."""

    def __init__(self, module: Module, heard: Callable[[bytes], None], broken: Callable[[], None]) -> None:
        self.cid = 0
        self._module = module
        self._heard = heard
        self._broken = broken
        self._gateway: Peer | None = None
        self._port: UdpPort | None = None
        self._secure: SecureDatagrams | None = None

    async def open(self, wanted: Wanted) -> None:
        """Find the gateway, open a port, do the DTLS handshake where one is wanted; OutwardFailure."""
        module, outward = self._module, self._module.subsystem(Outward)
        source, ipv6 = outward.source(wanted.cid, wanted.ipv6)
        self._gateway = Peer(await outward.address(wanted.host, source, ipv6=ipv6), wanted.port)
        try:
            self._port = outward.open_udp(source, self._arrived)
        except NetFailure as failure:
            raise OutwardFailure(Stage.CONNECT, failure.number) from None
        self.cid = source.cid
        if wanted.secure:
            try:
                await module.subsystem(SecureConnections).over_udp(
                    wanted.profile, self._begun, self._out, self._heard, self._failed)
            except SecureFailure as failure:
                raise OutwardFailure(Stage.SECURE, failure.number) from None

    def send(self, datagram: bytes) -> None:
        """Send one datagram; lost when the link is closed, as any other may be."""
        if self._secure is not None:
            self._secure.send(datagram)
        else:
            self._out(datagram)

    def close(self) -> None:
        """Nothing is heard any more."""
        secure, self._secure = self._secure, None
        if secure is not None:
            secure.close()
            self._module.subsystem(SecureConnections).over(secure)
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _begun(self, secure: SecureDatagrams) -> None:
        self._secure = secure

    def _out(self, datagram: bytes) -> None:
        if self._port is None or self._gateway is None:
            return
        self._module.contexts.traffic()
        try:
            self._port.send(datagram, self._gateway)
        except NetFailure:
            return  # the link stands still and its queue is full: a datagram is lost

    def _arrived(self, datagram: bytes, peer: Peer) -> None:
        if peer != self._gateway:
            return
        if self._secure is not None:
            self._secure.received(datagram)
        else:
            self._heard(datagram)

    def _failed(self, number: SocketError) -> None:
        """The gateway ended DTLS, or it broke."""
        self._broken()
