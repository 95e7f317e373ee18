"""One end of a multiplexer (3GPP TS 27.010), without I/O and without a clock: bytes and the time go in,
events and bytes come out. It can be either side; the DTE's is the initiator.

What it has to say is collected until ``outgoing`` takes it. ``due`` is the instant at which ``tick`` wants to
be called: T1 and T2 run out, or a frame stands still.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, replace

from cellbench.wire.cmux import control
from cellbench.wire.cmux.control import DlcParameters, Message, MessageType, Signals
from cellbench.wire.cmux.decoder import LEAST_N1, Decoded, Decoder, Outside
from cellbench.wire.cmux.dlc import TRANSITIONS, DlcAction, DlcInput, DlcState
from cellbench.wire.cmux.errors import WrongUse
from cellbench.wire.cmux.events import (
    Answered,
    Asked,
    Breach,
    Closed,
    ClosedDown,
    Event,
    FarSideBroke,
    NotSupported,
    Opened,
    Received,
    Refused,
    SignalsHeard,
    Silent,
    Unanswered,
)
from cellbench.wire.cmux.frame import LAST_DLCI, Frame, FrameKind, Framer, encode

_ANSWERS = frozenset({FrameKind.UA, FrameKind.DM})
_OF_ONE_DLC = frozenset({MessageType.MSC, MessageType.PN, MessageType.RPN, MessageType.RLS})
_SENT_BY = {DlcAction.SEND_SABM: FrameKind.SABM, DlcAction.SEND_DISC: FrameKind.DISC,
            DlcAction.SEND_UA: FrameKind.UA, DlcAction.SEND_DM: FrameKind.DM}
_INPUT_OF = {FrameKind.SABM: DlcInput.SABM, FrameKind.DISC: DlcInput.DISC, FrameKind.UA: DlcInput.UA,
             FrameKind.DM: DlcInput.DM}

_READY = Signals()
_UNHEARD = Signals(rtc=False, dv=False)  # no MSC has come yet


class Role(enum.Enum):
    """Who sent the SABM of DLCI 0 (5.2.1.2: the initiator's commands have C/R 1)."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


@dataclass(frozen=True, slots=True)
class Settings:
    """The system parameters (5.7), times in seconds.

    ``frame_gap_s``: a frame that has begun and does not go on for so long is lost. ``disc_unanswered``: the
    far side never answers DISC of a data channel, so none is awaited. ``checks_direction``: frames whose C/R
    bit is our own are not taken: they are an echo.
    """

    n1: int = 31
    t1_s: float = 0.1
    n2: int = 3
    t2_s: float = 0.3
    frame_gap_s: float = 0.5
    disc_unanswered: bool = False
    checks_direction: bool = True


@dataclass(slots=True)
class _Dlc:
    number: int
    framer: Framer
    n1: int
    state: DlcState = DlcState.DISCONNECTED
    tries: int = 0
    t1_due: float | None = None
    ours: Signals = _READY
    theirs: Signals = _UNHEARD


@dataclass(slots=True)
class _Pending:
    """A control message that is not yet answered."""

    message: Message
    due: float
    tries: int = 1


class Multiplexer:
    """``breaches`` counts what the far side did wrong; ``decoder`` what was damaged."""

    def __init__(self, role: Role, settings: Settings) -> None:
        self.role = role
        self.settings = settings
        self.decoder = Decoder(settings.n1)
        self.breaches: Counter[Breach] = Counter()
        self.up = True  # until closed down
        self._initiator = role is Role.INITIATOR
        self._dlcs: dict[int, _Dlc] = {}
        self._pending: dict[tuple[int, bytes], _Pending] = {}
        self._all_held = False  # the far side's FCoff
        self._out: list[bytes] = []
        self._gap_due: float | None = None

    # -- what can be asked ---------------------------------------------------------------------------------

    def state(self, dlci: int) -> DlcState:
        """The mode of a DLC."""
        dlc = self._dlcs.get(dlci)
        return dlc.state if dlc is not None else DlcState.DISCONNECTED

    def connected(self, dlci: int) -> bool:
        """True in connected mode."""
        return self.state(dlci) is DlcState.CONNECTED

    def held(self, dlci: int) -> bool:
        """True while the far side takes no information on a DLC: FC of its MSC, FCoff (5.4.8)."""
        return dlci != 0 and (self._all_held or self._dlc(dlci).theirs.fc)

    def signals(self, dlci: int) -> Signals:
        """The far side's signals of a DLC, as its last MSC said."""
        return self._dlc(dlci).theirs

    def own_signals(self, dlci: int) -> Signals:
        """Our signals of a DLC."""
        return self._dlc(dlci).ours

    @property
    def due(self) -> float | None:
        """When ``tick`` is to be called, None when nothing runs."""
        times = [one.due for one in self._pending.values()]
        times += [dlc.t1_due for dlc in self._dlcs.values() if dlc.t1_due is not None]
        if self._gap_due is not None:
            times.append(self._gap_due)
        return min(times, default=None)

    def outgoing(self) -> bytes:
        """What is to be sent now; asked again, it is empty."""
        wire, self._out = b"".join(self._out), []
        return wire

    @property
    def has_outgoing(self) -> bool:
        """True when ``outgoing`` would give bytes."""
        return bool(self._out)

    # -- what our user does --------------------------------------------------------------------------------

    def establish(self, dlci: int, now: float) -> None:
        """Set a DLC up; Opened, Refused or Silent follows. DLCI 0 comes first (5.4.1)."""
        if dlci and not self.connected(0):
            raise WrongUse(f"DLCI {dlci} before the control channel is set up")
        self._move(self._dlc(dlci), DlcInput.ESTABLISH, now)

    def release(self, dlci: int, now: float) -> list[Event]:
        """Release a DLC; Closed follows, from here at once where the far side never confirms it."""
        dlc = self._dlc(dlci)
        found = self._move(dlc, DlcInput.RELEASE, now)
        if self.settings.disc_unanswered and dlci and dlc.state is DlcState.DISC_SENT:
            found += self._move(dlc, DlcInput.UA, now)
        return found

    def close_down(self, now: float) -> None:
        """End multiplexer mode (CLD); ClosedDown follows, or Unanswered."""
        self.command(MessageType.CLD, b"", now)

    def negotiate(self, parameters: DlcParameters, now: float) -> None:
        """Ask for a DLC's parameters before it is set up (PN); Answered follows."""
        self.command(MessageType.PN, parameters.encode(), now)

    def set_signals(self, dlci: int, signals: Signals, now: float) -> None:
        """Show the far side our signals of a DLC (MSC); Answered follows. A break is shown once."""
        self._dlc(dlci).ours = replace(signals, break_200ms=None)
        self.command(MessageType.MSC, signals.encode(dlci), now)

    def command(self, kind: int, body: bytes, now: float) -> None:
        """Send a message on the control channel, again each T2 until it is answered (5.4.6.2). It has to be
        whole in one frame (5.4.6.1)."""
        if not self.connected(0):
            raise WrongUse("a message before the control channel is set up")
        message = Message(kind, True, body)
        if len(control.encode(message)) > max(self.settings.n1, LEAST_N1):
            raise WrongUse(f"a message with {len(body)} bytes: it has to be whole in one frame, and N1 is "
                           f"{self.settings.n1}")
        self._pending[_key(kind, body)] = _Pending(message, now + self.settings.t2_s)
        self._say(message)

    def send(self, dlci: int, data: bytes) -> None:
        """Information for a connected DLC that is not held, in frames of at most N1 bytes."""
        dlc = self._dlcs.get(dlci)
        if dlc is None or dlc.state is not DlcState.CONNECTED:
            raise WrongUse(f"information for DLCI {dlci} in {self.state(dlci).value}")
        if data:
            self._out.append(dlc.framer.frames(data, dlc.n1))

    # -- what happens --------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Bytes from the line; what they mean."""
        if not self.up:
            return [Outside(data)]
        found = self._take(self.decoder.receive(data), now)
        self._gap_due = now + self.settings.frame_gap_s if self.decoder.partial else None
        return found

    def tick(self, now: float) -> list[Event]:
        """Time has passed; what follows from it."""
        found: list[Event] = []
        if self._gap_due is not None and now >= self._gap_due:
            found += self._take(self.decoder.give_up(), now)
            self._gap_due = now + self.settings.frame_gap_s if self.decoder.partial else None
        for dlc in tuple(self._dlcs.values()):
            if dlc.t1_due is not None and now >= dlc.t1_due:
                over = dlc.tries > self.settings.n2
                found += self._move(dlc, DlcInput.N2 if over else DlcInput.T1, now)
        for key, pending in tuple(self._pending.items()):
            if now < pending.due:
                continue
            if pending.tries > self.settings.n2:
                del self._pending[key]
                found.append(Unanswered(pending.message.kind, pending.message.body))
            else:
                pending.tries += 1
                pending.due = now + self.settings.t2_s
                self._say(pending.message)
        return found

    # -- frames --------------------------------------------------------------------------------------------

    def _take(self, pieces: list[Decoded], now: float) -> list[Event]:
        found: list[Event] = []
        for piece in pieces:
            if isinstance(piece, Outside):
                found.append(piece)
            elif self.settings.checks_direction and not self._from_far_side(piece):
                found.append(self._broke(Breach.WRONG_DIRECTION, piece.dlci))
            elif piece.kind in _INPUT_OF:
                kind = FrameKind(piece.kind)
                found += self._move(self._dlc(piece.dlci), _INPUT_OF[kind], now, final=piece.final)
            elif not self.connected(piece.dlci):
                self._frame(piece.dlci, FrameKind.DM, final=piece.final)
                found.append(self._broke(Breach.NOT_CONNECTED, piece.dlci))
            elif piece.dlci:
                found.append(Received(piece.dlci, piece.info))
            else:
                found += self._hear(piece.info, now)
        return found

    def _from_far_side(self, frame: Frame) -> bool:
        """5.2.1.2, Table 1: the responder's commands have C/R 0 and its responses 1, the initiator's the
        other way round."""
        return frame.command is ((frame.kind in _ANSWERS) is self._initiator)

    def _move(self, dlc: _Dlc, what: DlcInput, now: float, *, final: bool = True) -> list[Event]:
        row = TRANSITIONS.get((dlc.state, what))
        if row is None:
            return []
        before, (dlc.state, actions) = dlc.state, row
        dlc.t1_due = None
        if dlc.state is not before:
            dlc.tries = 0
        found: list[Event] = []
        for action in actions:
            if action in _SENT_BY:
                self._frame(dlc.number, _SENT_BY[action], final=final)
                if action in (DlcAction.SEND_SABM, DlcAction.SEND_DISC):
                    dlc.tries += 1
                    dlc.t1_due = now + self.settings.t1_s
            else:
                found += self._tell(dlc, action, now, by_far_side=what in (DlcInput.DISC, DlcInput.DM))
        if dlc.state in (DlcState.SABM_SENT, DlcState.DISC_SENT) and dlc.t1_due is None:
            dlc.t1_due = now + self.settings.t1_s
        return found

    def _tell(self, dlc: _Dlc, action: DlcAction, now: float, *, by_far_side: bool) -> list[Event]:
        if action is DlcAction.TELL_OPENED:
            if dlc.number:
                dlc.theirs = _UNHEARD
                self.set_signals(dlc.number, dlc.ours, now)
            return [Opened(dlc.number)]
        if action is DlcAction.TELL_REFUSED:
            return [Refused(dlc.number)]
        if action is DlcAction.TELL_SILENT:
            return [Silent(dlc.number)]
        found: list[Event] = [Closed(dlc.number)]
        if not dlc.number:  # with the control channel multiplexer mode ends
            found += self._down(by_far_side=by_far_side)
        return found

    def _down(self, *, by_far_side: bool) -> list[Event]:
        self.up = False
        self._pending.clear()
        self._gap_due = None
        for dlc in self._dlcs.values():
            dlc.state, dlc.t1_due = DlcState.DISCONNECTED, None
        return [ClosedDown(by_far_side)]

    # -- control channel -----------------------------------------------------------------------------------

    def _hear(self, info: bytes, now: float) -> list[Event]:
        message = control.decode(info)
        if message is None:
            return [self._broke(Breach.MALFORMED, 0)]
        if message.kind == MessageType.NSC:
            return self._not_supported(message)
        return self._heard_command(message) if message.command else self._heard_answer(message)

    def _heard_answer(self, message: Message) -> list[Event]:
        if self._pending.pop(_key(message.kind, message.body), None) is None:
            return []  # to a repeat, or late
        found: list[Event] = [Answered(message.kind, message.body)]
        agreed = control.parameters_of(message.body) if message.kind == MessageType.PN else None
        if agreed is not None and agreed.n1:
            self._dlc(agreed.dlci).n1 = min(agreed.n1, self.settings.n1)
        return found + self._down(by_far_side=False) if message.kind == MessageType.CLD else found

    def _not_supported(self, message: Message) -> list[Event]:
        kind = message.body[0] & ~0x02 if message.body else 0
        for key in tuple(self._pending):
            if key[0] == kind:
                del self._pending[key]
        return [NotSupported(kind)]

    def _heard_command(self, message: Message) -> list[Event]:
        kind, body = message.kind, message.body
        if kind == MessageType.MSC:
            return self._heard_signals(body)
        if kind == MessageType.PN and (asked := control.parameters_of(body)) is not None:
            agreed = replace(asked, n1=min(asked.n1, self.settings.n1), frame_type=0, convergence=0)
            self._dlc(asked.dlci).n1 = agreed.n1
            self._say(Message(kind, False, agreed.encode()))
            return [Asked(kind, body)]
        if kind == MessageType.RPN and len(body) == 1:  # a question: these are our settings
            self._say(Message(kind, False, control.port_settings(body[0] >> 2)))
            return [Asked(kind, body)]
        if kind in (MessageType.PN, MessageType.SNC) or kind not in tuple(MessageType):
            self._say(Message(MessageType.NSC, False, bytes((kind | 0x02,))))
            return []
        self._say(Message(kind, False, body))
        if kind in (MessageType.FCON, MessageType.FCOFF):
            self._all_held = kind == MessageType.FCOFF
        if kind == MessageType.CLD:
            return self._down(by_far_side=True)
        return [Asked(kind, body)]

    def _heard_signals(self, body: bytes) -> list[Event]:
        heard = control.signals_of(body)
        if heard is None:
            return [self._broke(Breach.MALFORMED, 0)]
        if not self.connected(heard[0]):
            return [self._broke(Breach.NOT_CONNECTED, heard[0])]
        dlci, signals = heard
        self._dlc(dlci).theirs = signals
        self._say(Message(MessageType.MSC, False, body))
        return [SignalsHeard(dlci, signals)]

    def _say(self, message: Message) -> None:
        info = control.encode(message)
        self._out.append(self._dlc(0).framer.frames(info, len(info)))

    # -- inside --------------------------------------------------------------------------------------------

    def _dlc(self, dlci: int) -> _Dlc:
        if not 0 <= dlci <= LAST_DLCI:
            raise WrongUse(f"DLCI {dlci}: 0 to {LAST_DLCI} can be used")
        dlc = self._dlcs.get(dlci)
        if dlc is None:
            framer = Framer(dlci, initiator=self._initiator)
            dlc = self._dlcs[dlci] = _Dlc(dlci, framer, self.settings.n1)
        return dlc

    def _frame(self, dlci: int, kind: FrameKind, *, final: bool) -> None:
        command = (kind in _ANSWERS) is not self._initiator
        self._out.append(encode(Frame(dlci, command, kind, final, b"")))

    def _broke(self, breach: Breach, dlci: int) -> FarSideBroke:
        self.breaches[breach] += 1
        return FarSideBroke(breach, dlci)


def _key(kind: int, body: bytes) -> tuple[int, bytes]:
    """What a message and its answer have in common: the type, and the DLC where it is of one. The six bits of
    PN's DLCI stand where the others have the address."""
    if kind not in _OF_ONE_DLC or not body:
        return kind, b""
    return kind, bytes((body[0] & 0x3F if kind == MessageType.PN else body[0] >> 2,))
