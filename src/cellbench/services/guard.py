"""What makes a server safe to leave on a public address: limits by client and in total.

No server here relays or amplifies: a client gets back at most what it sent (UDP), and each client and all
of them together have so many connections, bytes and datagrams a second. What is over is dropped, and
counted.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates are per second, with a burst of ``burst_s`` seconds' worth."""

    connections: int = 256
    connections_per_client: int = 16
    new_connections_s: float = 5.0
    bytes_s: float = 16 * 1024 * 1024
    bytes_per_client_s: float = 2 * 1024 * 1024
    datagrams_s: float = 2000.0
    datagrams_per_client_s: float = 50.0
    bytes_per_connection: int = 256 * 1024 * 1024
    idle_s: float = 300.0
    longest_s: float = 3600.0
    burst_s: float = 4.0
    answer_factor: float = 1.0
    """A UDP client gets so many times the bytes back that it sent."""
    clients: int = 4096
    """How many clients are remembered; beyond, the one that was silent longest is forgotten."""


@dataclass(slots=True)
class _Bucket:
    """A token bucket."""

    rate: float
    size: float
    level: float
    at: float

    def take(self, amount: float, now: float) -> bool:
        """True when ``amount`` was there."""
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < amount:
            return False
        self.level -= amount
        return True


@dataclass(slots=True)
class _Client:
    connections: int
    new: _Bucket
    data: _Bucket
    datagrams: _Bucket
    credit: float = 0.0


@dataclass(slots=True)
class Guard:
    """The limits of all servers of a host together; for one event loop."""

    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    connections: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    _clients: OrderedDict[str, _Client] = field(default_factory=OrderedDict)
    _data: _Bucket | None = None
    _datagrams: _Bucket | None = None

    def connected(self, address: str) -> bool:
        """Take a new connection; False when there are too many. ``disconnected`` ends a taken one."""
        client, limits = self._client(address), self.limits
        if self.connections >= limits.connections:
            return self._no("connections")
        if client.connections >= limits.connections_per_client:
            return self._no("connections of one client")
        if not client.new.take(1, self.clock()):
            return self._no("new connections of one client")
        client.connections += 1
        self.connections += 1
        return True

    def disconnected(self, address: str) -> None:
        """A connection that was taken has ended."""
        self.connections -= 1
        client = self._clients.get(address)
        if client is not None:
            client.connections = max(0, client.connections - 1)

    def received(self, address: str, amount: int) -> bool:
        """Bytes came over a connection; False when the client or all together are over their rate."""
        return self._take_bytes(address, amount)

    def datagram(self, address: str, amount: int) -> bool:
        """Take a datagram; False when it is to be dropped."""
        now, client = self.clock(), self._client(address)
        if self._datagrams is None:
            self._datagrams = self._bucket(self.limits.datagrams_s, now)
        if not client.datagrams.take(1, now) or not self._datagrams.take(1, now):
            return self._no("datagrams")
        if not self._take_bytes(address, amount):
            return False
        most = self.limits.bytes_per_client_s * self.limits.burst_s
        client.credit = min(most, client.credit + amount * self.limits.answer_factor)
        return True

    def answer(self, address: str, amount: int) -> bool:
        """Send a datagram of ``amount`` bytes; False when the client sent less than it would get."""
        client = self._client(address)
        if client.credit < amount:
            return self._no("answers")
        client.credit -= amount
        return True

    def report(self) -> Mapping[str, str]:
        """What is open, and what was refused, by reason."""
        facts = {"connections": str(self.connections), "clients": str(len(self._clients))}
        return facts | {f"refused {reason}": str(count) for reason, count in self.refused.items()}

    def _take_bytes(self, address: str, amount: int) -> bool:
        now = self.clock()
        if self._data is None:
            self._data = self._bucket(self.limits.bytes_s, now)
        if self._client(address).data.take(amount, now) and self._data.take(amount, now):
            return True
        return self._no("bytes")

    def _client(self, address: str) -> _Client:
        client = self._clients.get(address)
        if client is None:
            now, limits = self.clock(), self.limits
            client = _Client(0, self._bucket(limits.new_connections_s, now),
                             self._bucket(limits.bytes_per_client_s, now),
                             self._bucket(limits.datagrams_per_client_s, now))
            self._clients[address] = client
            while len(self._clients) > limits.clients:
                self._forget_one()
        self._clients.move_to_end(address)
        return client

    def _forget_one(self) -> None:
        """The client silent longest goes, of those without a connection if there is one."""
        idle = next((name for name, client in self._clients.items() if not client.connections), None)
        self._clients.pop(idle if idle is not None else next(iter(self._clients)))

    def _bucket(self, rate: float, now: float) -> _Bucket:
        size = max(1.0, rate * self.limits.burst_s)
        return _Bucket(rate, size, size, now)

    def _no(self, reason: str) -> bool:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        return False
