"""A PPP link at work: bytes of data mode, the engine of PPP, the IP stack and their timers, in a thread.

Everything of engine and stack is touched with ``news`` held (a condition, so that callers can wait for what
the thread brings); bytes go out in order under a lock of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from ipaddress import IPv4Address

from cellbench.base.clock import Clock
from cellbench.base.errors import CellbenchError, FrameworkError
from cellbench.host.datamode import DataMode
from cellbench.host.ppp_carrier import CarrierWatch
from cellbench.host.ppp_model import EndKind, PppEnd
from cellbench.io.pipe import PortLost
from cellbench.wire.ip.stack import IpStack
from cellbench.wire.ppp.engine import PppEngine, PppSettings
from cellbench.wire.ppp.events import (
    Arrived,
    Ended,
    Ipv4Opened,
    Ipv6Opened,
    LinkOpened,
    NetworkClosed,
    PppEvent,
    Why,
)
from cellbench.wire.ppp.packets import Protocol

_READ = 65_536
_LONGEST_S = 0.1  # how late a timer may be noticed that another thread set
_WRITE_S = 30.0  # how long the module may hold the line by flow control


class PppPump:
    """``ended`` is how the call ended, None while it goes on; ``settled`` the network protocols that came
    about or will not."""

    def __init__(self, settings: PppSettings, watch: CarrierWatch, clock: Clock, name: str) -> None:
        self.news = threading.Condition(threading.RLock())
        self.engine = PppEngine(settings)
        self.stack = IpStack()
        self.peer: IPv4Address | None = None
        self.dns: tuple[IPv4Address, ...] = ()
        self.ended: PppEnd | None = None
        self.failure: CellbenchError | None = None  # what the port itself said
        self.settled: set[Protocol] = set()
        self.events: list[PppEvent] = []
        self._mru = settings.mru
        self._watch = watch
        self._clock = clock
        self._name = name
        self._data: DataMode | None = None
        self._writing = threading.Lock()
        self._stopping = self._mute = False
        self._thread: threading.Thread | None = None

    def now(self) -> float:
        """Seconds of the clock that everything here goes by."""
        return self._clock.monotonic()

    @property
    def ending(self) -> Ended | None:
        """Why PPP ends, as soon as it is known; the module may still have data mode to leave."""
        return self.engine.ending

    # -- life --------------------------------------------------------------------------------------------

    def run(self, data: DataMode) -> None:
        """Work on a port in data mode, from now on."""
        self._data = data
        self._stopping = self._mute = False
        self._thread = threading.Thread(target=self._work, args=(data,), name=f"ppp {self._name}",
                                        daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop working; the port stays as it is. Stopping twice is allowed."""
        thread, self._thread = self._thread, None
        self._stopping = True
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def mute(self) -> None:
        """Send nothing more, and return when what is being sent is out: a module that leaves data mode takes
        a frame behind that moment for a command line, and repeats it."""
        with self._writing:
            self._mute = True

    def take_rest(self, data: DataMode) -> None:
        """Bytes that came while nobody worked: they are PPP's."""
        with self.news:
            while piece := data.read(_READ, 0.0):
                self._events(self.engine.receive(piece, self.now()))
            self.engine.resync()

    def flush(self) -> None:
        """Send what engine and stack have to send. Raises PortLost, PortStuck."""
        with self._writing:
            with self.news:
                self._hand_over()
                wire = self.engine.outgoing()
            if wire and self._data is not None and self.ended is None and not self._mute:
                self._data.write(wire, _WRITE_S)

    def write_octets(self, octets: bytes) -> None:
        """Octets outside any frame. Raises PortLost, PortStuck."""
        with self._writing:
            assert self._data is not None
            self._data.write(octets, _WRITE_S)

    def wait(self, ready: Callable[[], bool], until: float) -> bool:
        """Wait for what the thread brings, until the instant ``until``; whether it is ready. An end of the
        call ends the wait."""
        with self.news:
            while not ready():
                left = until - self.now()
                if left <= 0 or self.ended is not None:
                    return ready()
                self.news.wait(min(left, _LONGEST_S))
        return True

    def end(self, kind: EndKind, text: str, failure: CellbenchError | None = None) -> None:
        """The call is over; the first cause counts."""
        with self.news:
            if self.ended is None:
                self.ended, self.failure = PppEnd(kind, text), failure
            self.news.notify_all()

    # -- the thread --------------------------------------------------------------------------------------

    def _work(self, data: DataMode) -> None:
        try:
            while not self._stopping and self.ended is None:
                piece = data.read(_READ, self._patience())
                with self.news:
                    self._step(data, piece)
                    self.news.notify_all()
                self.flush()
        except CellbenchError as error:
            kind = EndKind.PORT_LOST if isinstance(error, PortLost) else EndKind.CARRIER_LOST
            self.end(kind, error.message, error)
        except Exception as error:  # a fault of ours must not leave those waiting who use the link
            self.end(EndKind.CARRIER_LOST, repr(error), FrameworkError(f"PPP on {self._name}: {error!r}"))
            raise

    def _patience(self) -> float:
        with self.news:
            due = [at for at in (self.engine.deadline, self.stack.deadline) if at is not None]
        return min(max(0.0, min(due) - self.now()), _LONGEST_S) if due else _LONGEST_S

    def _step(self, data: DataMode, piece: bytes) -> None:
        now = self.now()
        if piece:
            self._events(self.engine.receive(piece, now))
        self._events(self.engine.tick(now))
        self.stack.tick(now)
        if not piece and not self._watch.is_suspicious:
            return
        found = self._watch.find(self.engine.open_octets, now)
        if found is not None:
            self._left(data, *found)

    def _left(self, data: DataMode, words: str, rest: bytes) -> None:
        """The module has left data mode by itself."""
        data.end(rest)
        done = self.engine.ending
        if words == self._watch.greeting:
            self.end(EndKind.RESET, f"the module restarted: {words}")
        elif done is not None and done.why is Why.ASKED:
            self.end(EndKind.HUNG_UP, words)
        elif done is not None and done.why is Why.PEER:
            said = f": {done.text}" if done.text else ""
            self.end(EndKind.TERMINATED, f"{done.why.value}{said}; {words}")
        elif done is not None:
            self.end(EndKind.NEGOTIATION, f"{done.why.value}; {words}")
        else:
            self.end(EndKind.CARRIER_LOST, words)

    def _events(self, events: tuple[PppEvent, ...]) -> None:
        for event in events:
            match event:
                case Arrived():
                    self.stack.receive(event.packet, self.now())
                    continue
                case LinkOpened():
                    self.stack.mtu = min(event.mru, self._mru)
                case Ipv4Opened():
                    self.stack.ipv4, self.peer, self.dns = event.address, event.peer, event.dns
                    self.settled.add(Protocol.IPCP)
                case Ipv6Opened():
                    self.stack.configure_ipv6(event.identifier, self.now())
                    self.settled.add(Protocol.IPV6CP)
                case NetworkClosed():
                    self.settled.add(event.protocol)
            self.events.append(event)

    def _hand_over(self) -> None:
        for packet in self.stack.outgoing():
            self.engine.send(Protocol.IPV6 if packet[0] >> 4 == 6 else Protocol.IP, packet)
