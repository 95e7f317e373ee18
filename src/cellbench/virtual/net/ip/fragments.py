"""Packets cut into pieces and put together again (RFC 791 3.2, RFC 8200 4.5)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .packets import Packet

LIFE_S = 30.0
"""How long pieces wait for the others, in seconds."""
MOST = 16
"""Packets that may be incomplete at once."""
_HEAD4, _HEAD6, _LARGEST = 20, 48, 65535


@dataclass(slots=True)
class _Pile:
    begun: float
    total: int | None = None
    first: Packet | None = None
    pieces: dict[int, bytes] = field(default_factory=dict)


class Reassembly:
    """Collects pieces; whole packets pass."""

    def __init__(self) -> None:
        self._piles: dict[tuple[bytes, bytes, int, int], _Pile] = {}

    def take(self, packet: Packet, now: float) -> Packet | None:
        """A whole packet, when this one is, or completes one."""
        if not packet.piece:
            return packet
        self._forget(now)
        if packet.offset + len(packet.payload) > _LARGEST or (packet.more and len(packet.payload) % 8):
            return None
        protocol = 0 if packet.v6 else packet.protocol
        key = (packet.source, packet.target, protocol, packet.identifier)
        pile = self._piles.setdefault(key, _Pile(now))
        pile.pieces[packet.offset] = packet.payload
        if packet.offset == 0:
            pile.first = packet
        if not packet.more:
            pile.total = packet.offset + len(packet.payload)
        whole = _joined(pile)
        if whole is not None:
            del self._piles[key]
        return whole

    def _forget(self, now: float) -> None:
        for key in [key for key, pile in self._piles.items() if now - pile.begun > LIFE_S]:
            del self._piles[key]
        while len(self._piles) >= MOST:
            del self._piles[next(iter(self._piles))]


def _joined(pile: _Pile) -> Packet | None:
    if pile.total is None or pile.first is None:
        return None
    data = bytearray()
    for offset in sorted(pile.pieces):
        if offset > len(data):
            return None
        data[offset:] = pile.pieces[offset]
    if len(data) != pile.total:
        return None
    return replace(pile.first, payload=bytes(data), more=False, offset=0)


def cut(packet: Packet, mtu: int, identifier: int) -> list[Packet]:
    """The packet, or pieces of it that an MTU lets pass."""
    head = 40 if packet.v6 else _HEAD4
    if head + len(packet.payload) <= mtu:
        return [packet]
    room = (mtu - (_HEAD6 if packet.v6 else _HEAD4)) // 8 * 8
    data = packet.payload
    return [replace(packet, payload=data[place:place + room], offset=place, whole=False,
                    identifier=identifier, more=place + room < len(data))
            for place in range(0, len(data), room)]
