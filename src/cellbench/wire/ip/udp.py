"""UDP (RFC 768)."""

from __future__ import annotations

from dataclasses import dataclass

from cellbench.wire.ip.checksum import Address, checksum, pseudo_header
from cellbench.wire.ip.packets import BadPacket, IpPacket, IpProtocol

HEADER = 8


@dataclass(frozen=True, slots=True)
class UdpDatagram:
    """One datagram."""

    source_port: int
    destination_port: int
    data: bytes

    def encode(self, source: Address, destination: Address) -> bytes:
        """The datagram with its checksum; 0 means that there is none, so a sum of 0 goes as all ones."""
        length = HEADER + len(self.data)
        head = (self.source_port.to_bytes(2, "big") + self.destination_port.to_bytes(2, "big")
                + length.to_bytes(2, "big"))
        covered = pseudo_header(source, destination, IpProtocol.UDP, length) + head + b"\0\0" + self.data
        return head + (checksum(covered) or 0xFFFF).to_bytes(2, "big") + self.data


def parse_udp(packet: IpPacket) -> UdpDatagram:
    """The datagram in a packet. Raises BadPacket."""
    data = packet.payload
    length = int.from_bytes(data[4:6], "big")
    if len(data) < HEADER or not HEADER <= length <= len(data):
        raise BadPacket(f"{len(data)} bytes, {length} announced: no UDP")
    data = data[:length]
    if any(data[6:8]):
        covered = pseudo_header(packet.source, packet.destination, IpProtocol.UDP, length) + data
        if checksum(covered):
            raise BadPacket("wrong UDP checksum")
    elif packet.is_v6:
        raise BadPacket("UDP without checksum in IPv6")  # RFC 8200 8.1
    return UdpDatagram(int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"), data[HEADER:])


def ports_of(payload: bytes) -> tuple[int, int] | None:
    """Source and destination port of a quoted UDP or TCP header; None when it is cut before them."""
    if len(payload) < 4:
        return None
    return int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
