"""The responder of the multiplexer (27.010 5.4, 5.8): octets and times in, events and octets out.

    WAITING --SABM 0--> RUNNING --DISC 0, CLD, silence of the peer--> CLOSED
    WAITING --no SABM in time--> CLOSED

Each DLC of its own (5.4.1, 5.4.2): DISCONNECTED --SABM--> CONNECTED --DISC--> DISCONNECTED, and
CONNECTED --our DISC--> DISCONNECTING --UA, DM, T1 N2 times--> DISCONNECTED.

No clock and no I/O inside: times are seconds of any monotonic clock, octets to send pile up in ``output``.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, field

from cellbench.virtual.front.cmux.control import ControlChannel
from cellbench.virtual.front.cmux.events import Changed, Down, Ended, Event, Opened, Taken, Terms
from cellbench.virtual.front.cmux.frames import FLAG, Deframer, Frame, Kind, encode
from cellbench.virtual.front.cmux.messages import Signals

CONTROL = 0
MAX_HELD = 4 * 1024 * 1024
"""Octets kept for a channel whose peer stopped it; later ones are lost."""
_WAKING = bytes((FLAG,)) * 4


class LinkState(enum.Enum):
    """Of the multiplexer as a whole."""

    WAITING = "waiting for SABM on DLCI 0"
    RUNNING = "running"
    CLOSED = "closed"


class DlcState(enum.Enum):
    """Of one data link connection."""

    DISCONNECTED = "disconnected"
    CONNECTED = "connected"
    DISCONNECTING = "disconnecting"


@dataclass(slots=True)
class _Dlc:
    state: DlcState = DlcState.DISCONNECTED
    mine: Signals = field(default_factory=Signals)
    theirs: Signals = field(default_factory=Signals)
    n1: int = 0
    """Own frames are no longer, by parameter negotiation; 0: as the multiplexer's."""
    held: bytearray = field(default_factory=bytearray)
    tries: int = 0
    due: float | None = None


class Responder:
    """The module's end. ``receive``, ``expire`` give events; ``output`` gives the octets to send."""

    def __init__(self, terms: Terms, now: float) -> None:
        self.terms = terms
        self.state = LinkState.WAITING
        self.frames = Counter[str]()
        """Frames by what became of them: in, out, wrong-role, refused, ignored."""
        self.lost = 0
        """Octets lost because the peer held a channel for too long."""
        self.peer_stopped = False
        """FCoff of the peer is in force (5.4.6.3.6)."""
        self.rtr_holds = False
        """RTR off in the peer's signals of a channel holds that channel, as FC does."""
        self._deframer = Deframer(terms.n1)
        self._dlcs = {dlci: _Dlc() for dlci in terms.dlcis}
        self._control = ControlChannel(self)
        self._events: list[Event] = []
        self._out = bytearray()
        self._wait_until: float | None = now + terms.sabm_wait_s
        self._gap_until: float | None = None
        self._now = now

    @property
    def losses(self) -> dict[str, int]:
        """Counts of what could not be used."""
        losses = self._deframer.losses
        return {"damaged": losses.damaged, "too_long": losses.too_long, "stray": losses.stray,
                "lost": self.lost}

    def channel_state(self, dlci: int) -> DlcState:
        """The state of a data channel."""
        dlc = self._dlcs.get(dlci)
        return DlcState.DISCONNECTED if dlc is None else dlc.state

    def open_channels(self) -> list[int]:
        """Data channels that are connected."""
        return [dlci for dlci, dlc in self._dlcs.items() if dlc.state is DlcState.CONNECTED]

    def signals(self, dlci: int) -> tuple[Signals, Signals]:
        """Own and the peer's signals of a channel. KeyError when there is no such channel."""
        dlc = self._dlcs[dlci]
        return dlc.mine, dlc.theirs

    def output(self) -> bytes:
        """The octets to send, each once."""
        out = bytes(self._out)
        self._out.clear()
        return out

    # from the peer
    def receive(self, data: bytes, now: float) -> list[Event]:
        """Octets from the peer."""
        if self.state is LinkState.CLOSED:
            return []
        self._now = now
        if self._control.wake():
            self._out += _WAKING
        self._take(self._deframer.receive(data))
        self._gap_until = now + self.terms.frame_gap_s if self._deframer.within else None
        return self._given()

    def forget_flag(self) -> None:
        """The closing flag of the last frame opens no other."""
        self._deframer.forget_flag()

    def next_expiry(self) -> float | None:
        """When ``expire`` is due, None when nothing runs."""
        if self.state is LinkState.CLOSED:
            return None
        times = [self._wait_until, self._gap_until, self._control.next_expiry()]
        times += [dlc.due for dlc in self._dlcs.values()]
        return min((one for one in times if one is not None), default=None)

    def expire(self, now: float) -> list[Event]:
        """Do what is due at ``now``."""
        self._now = now
        if self._wait_until is not None and now >= self._wait_until:
            self.down("no SABM on DLCI 0")
        if self._gap_until is not None and now >= self._gap_until:
            self._take(self._deframer.give_up())
            self._gap_until = now + self.terms.frame_gap_s if self._deframer.within else None
        if self.state is not LinkState.CLOSED:
            self._control.expire(now)
            for dlci, dlc in self._dlcs.items():
                if dlc.due is not None and now >= dlc.due:
                    self._repeat_disc(dlci, dlc)
        return self._given()

    def _given(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _take(self, frames: list[Frame]) -> None:
        for frame in frames:
            if self.state is LinkState.CLOSED:
                return
            self.frames["in"] += 1
            # commands of the initiator and its responses (5.2.1.2, table 1)
            command = frame.kind not in (Kind.UA, Kind.DM)
            if frame.cr is not command and self.terms.checks_cr:
                self.frames["wrong-role"] += 1
            else:
                self._frame(frame)

    def _frame(self, frame: Frame) -> None:
        if not frame.kind.carries and not frame.pf:
            self.frames["ignored"] += 1  # P and F are set in these (5.4.1, 5.4.2)
        elif frame.kind is Kind.SABM:
            self._sabm(frame.dlci)
        elif frame.kind is Kind.DISC:
            self._disc(frame.dlci)
        elif frame.kind.carries:
            self._information(frame)
        else:
            self._acknowledged(frame.dlci)

    def _sabm(self, dlci: int) -> None:
        """Establishment (5.4.1); a repeated SABM is answered again and changes nothing."""
        if dlci == CONTROL:
            self._send(CONTROL, Kind.UA, pf=True)
            self.state, self._wait_until = LinkState.RUNNING, None
            return
        dlc = self._dlcs.get(dlci)
        if self.state is not LinkState.RUNNING or dlc is None:
            self._refuse(dlci, pf=True)
            return
        self._send(dlci, Kind.UA, pf=True)
        if dlc.state is not DlcState.CONNECTED:
            self._dlcs[dlci] = _Dlc(state=DlcState.CONNECTED)
            self._events.append(Opened(dlci))
            if self.terms.opens_with_msc:
                self._control.tell_signals(dlci, self._dlcs[dlci].mine, self._now)

    def _disc(self, dlci: int) -> None:
        """Release (5.4.2); that of DLCI 0 ends the multiplexer (5.8.2)."""
        if dlci == CONTROL and self.state is LinkState.RUNNING:
            self._send(CONTROL, Kind.UA, pf=True)
            self.down("DISC on DLCI 0")
            return
        dlc = self._dlcs.get(dlci)
        if dlc is None or (dlc.state is DlcState.DISCONNECTED and self.terms.answers_disc):
            self._refuse(dlci, pf=True)
            return
        if dlc.state is DlcState.DISCONNECTED:
            return
        if self.terms.answers_disc:
            self._send(dlci, Kind.UA, pf=True)
        self._end(dlci, dlc)

    def _acknowledged(self, dlci: int) -> None:
        """UA or DM to our own DISC; else nobody asked for it."""
        dlc = self._dlcs.get(dlci)
        if dlc is not None and dlc.state is DlcState.DISCONNECTING:
            self._end(dlci, dlc)
        else:
            self.frames["ignored"] += 1

    def _information(self, frame: Frame) -> None:
        if frame.dlci == CONTROL and self.state is LinkState.RUNNING:
            self._control.receive(frame.info, self._now)
            return
        dlc = self._dlcs.get(frame.dlci)
        if dlc is None or dlc.state is DlcState.DISCONNECTED:
            self._refuse(frame.dlci, pf=frame.pf)
        elif dlc.state is DlcState.CONNECTED and frame.info:
            self._events.append(Taken(frame.dlci, frame.info))

    def _refuse(self, dlci: int, *, pf: bool) -> None:
        self.frames["refused"] += 1
        self._send(dlci, Kind.DM, pf=pf)

    # to the peer
    def send(self, dlci: int, data: bytes) -> None:
        """Octets of a data channel; they wait while the peer has stopped it, are lost when it is not open."""
        dlc = self._dlcs.get(dlci)
        if dlc is None or dlc.state is not DlcState.CONNECTED:
            return
        if self._holds(dlc) or dlc.held:
            room = max(0, MAX_HELD - len(dlc.held))
            self.lost += max(0, len(data) - room)
            dlc.held += data[:room]
            return
        self._send_data(dlci, dlc, data)

    def waiting(self, dlci: int) -> int:
        """Octets that wait because the peer stopped the channel."""
        dlc = self._dlcs.get(dlci)
        return 0 if dlc is None else len(dlc.held)

    def set_signals(self, dlci: int, signals: Signals, now: float) -> None:
        """Own signals of a channel; told to the peer when they changed."""
        dlc = self._dlcs.get(dlci)
        if dlc is not None and dlc.mine != signals:
            dlc.mine = signals
            if dlc.state is DlcState.CONNECTED:
                self._control.tell_signals(dlci, signals, now)

    def stop_peer(self, stopped: bool, now: float) -> None:
        """FCoff or FCon: whether the peer may send on any data channel (5.4.6.3.5, 5.4.6.3.6)."""
        self._control.tell_flow(stopped, now)

    def disconnect(self, dlci: int, now: float) -> None:
        """Release a data channel from this end; KeyError when there is no such channel."""
        dlc = self._dlcs[dlci]
        if dlc.state is DlcState.CONNECTED:
            dlc.state = DlcState.DISCONNECTING
            dlc.tries, dlc.due = 1, now + self.terms.t1_s
            self._send(dlci, Kind.DISC, pf=True, command=True)

    def close_down(self, now: float) -> None:
        """CLD from this end; the multiplexer is over with its answer, or N2 repetitions later (5.8.2)."""
        if self.state is LinkState.RUNNING:
            self._control.tell_close(now)

    def _repeat_disc(self, dlci: int, dlc: _Dlc) -> None:
        """T1 is over: again, up to N2 times (5.7.2, 5.7.4)."""
        if dlc.tries > self.terms.n2:
            self._end(dlci, dlc)
            return
        dlc.tries += 1
        dlc.due = self._now + self.terms.t1_s
        self._send(dlci, Kind.DISC, pf=True, command=True)

    def _send_data(self, dlci: int, dlc: _Dlc, data: bytes) -> None:
        size = dlc.n1 or self.terms.n1
        for place in range(0, len(data), size):
            self._send(dlci, Kind.UIH, info=bytes(data[place:place + size]), command=True)

    def _send(self, dlci: int, kind: Kind, *, pf: bool = False, info: bytes = b"",
              command: bool = False) -> None:
        """The responder's commands have C/R 0, its responses 1 (5.2.1.2, table 1)."""
        self.frames["out"] += 1
        self._out += encode(Frame(dlci, kind, not command, pf, info))

    # for the control channel
    def send_control(self, info: bytes) -> None:
        """Messages on DLCI 0."""
        self._send(CONTROL, Kind.UIH, info=info, command=True)

    def peer_signals(self, dlci: int, signals: Signals) -> None:
        """MSC of the peer for a channel that is open."""
        dlc = self._dlcs[dlci]
        before, dlc.theirs = dlc.theirs, signals
        if before != signals:
            self._events.append(Changed(dlci, signals))
        self.resume()

    def peer_flow(self, stopped: bool) -> None:
        """FCoff or FCon of the peer."""
        self.peer_stopped = stopped
        self.resume()

    def limit(self, dlci: int, n1: int) -> int:
        """The longest frame that was negotiated for a channel; what will be used."""
        dlc = self._dlcs.get(dlci)
        taken = max(1, min(n1, self.terms.n1))
        if dlc is not None:
            dlc.n1 = taken
        return taken

    def _holds(self, dlc: _Dlc) -> bool:
        return self.peer_stopped or dlc.theirs.stopped or (self.rtr_holds and not dlc.theirs.receiving)

    def resume(self) -> None:
        """Send what waited, where nothing holds it any more."""
        for dlci, dlc in self._dlcs.items():
            if dlc.held and not self._holds(dlc):
                held = bytes(dlc.held)
                dlc.held.clear()
                self._send_data(dlci, dlc, held)

    def _end(self, dlci: int, dlc: _Dlc) -> None:
        dlc.state, dlc.due = DlcState.DISCONNECTED, None
        dlc.held.clear()
        self._control.forget(dlci)
        self._events.append(Ended(dlci))

    def down(self, cause: str) -> None:
        """The multiplexer ends: all channels first."""
        for dlci, dlc in self._dlcs.items():
            if dlc.state is not DlcState.DISCONNECTED:
                self._end(dlci, dlc)
        self.state = LinkState.CLOSED
        self._events.append(Down(cause))
