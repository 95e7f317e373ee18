"""A dial-up connection through the module, ended on this host in user space: no root, no route changed.

``with PppLink(channel, PppDial(1)) as link:`` dials, negotiates, and gives ICMP, UDP, TCP, DNS and HTTP over
the module's data connection. The channel is taken for as long as the link is in data mode; other ports of
the module answer AT meanwhile.
"""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.base.errors import CellbenchError, FrameworkError, NotPossible
from cellbench.host.answer import Answer
from cellbench.host.channel import Channel
from cellbench.host.datamode import DataMode
from cellbench.host.errors import AtError, UnexpectedReset
from cellbench.host.ppp_carrier import CarrierWatch
from cellbench.host.ppp_model import (
    EndKind,
    Escape,
    HangUp,
    PppAuth,
    PppAuthRefused,
    PppDial,
    PppEnd,
    PppFailed,
    PppLost,
    PppNoAnswer,
)
from cellbench.host.ppp_net import PppNet
from cellbench.host.ppp_pump import PppPump
from cellbench.wire.at.events import Finished
from cellbench.wire.ppp.auth import Credentials
from cellbench.wire.ppp.engine import PppSettings
from cellbench.wire.ppp.events import Authenticated, LinkOpened, PppEvent, Why
from cellbench.wire.ppp.hdlc import stuffed
from cellbench.wire.ppp.packets import Protocol

_WAYS = {PppAuth.PAP: Protocol.PAP, PppAuth.CHAP: Protocol.CHAP}
E = TypeVar("E", LinkOpened, Authenticated)
_END_S = 20.0  # Terminate-Request unanswered (2 x 3 s), the module's own restart time, its result code
_GIVE_UP_S = 10.0
_REST_S, _REST_WAIT_S = 1.0, 30.0


class PppLink(PppNet):
    """One data call. ``address``, ``dns`` and ``peer`` are what the module gave; ``end`` is how the call
    ended, None while it goes on."""

    def __init__(self, channel: Channel, dial: PppDial, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.channel = channel
        self.dial = dial
        credentials = Credentials(dial.user, dial.password) if dial.user else None
        if not (dial.ipv4 or dial.ipv6):
            raise FrameworkError("a data call without IPv4 and IPv6 carries nothing")
        ways = tuple(_WAYS[way] for way in dial.auth)
        self._settings = PppSettings(credentials, ways, dial.ipv4, dial.ipv6, dial.mru, echo_s=dial.echo_s)
        super().__init__(self._new_pump(clock), self._must_carry)
        self._data: DataMode | None = None
        self._paused = False
        self.connect_text = ""

    # -- life --------------------------------------------------------------------------------------------

    def open(self) -> PppLink:
        """Dial and negotiate. Raises what the dial is refused with (NoCarrier, CmeError), PppAuthRefused,
        PppFailed, PppLost; the port is back in command mode then."""
        self._learn_secrets()
        self._data = self.channel.open_data(self.dial.line)
        self.connect_text = self._data.text
        pump = self._pump
        pump.engine.start(pump.now())
        pump.run(self._data)
        try:
            pump.flush()
            self._negotiated()
        except BaseException:
            self._abandon()
            raise
        return self

    def __enter__(self) -> PppLink:
        return self.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self.end is not None:
            self._come_back()
        elif kind is None:
            self.hang_up()
        else:
            self._abandon()

    def hang_up(self, by: HangUp = HangUp.LCP) -> PppEnd:
        """End the call and give the port back to commands. Raises AtTimeout, PppFailed when the module stays
        in data mode, NotPossible for DTR on a port without it. A call that is over is left as it is."""
        if self.end is None:
            if by is HangUp.ATH:
                self._hang_up_by_command()
            else:
                self._hang_up_in_data_mode(by)
        self._come_back()
        assert self.end is not None
        return self.end

    def pause(self, by: Escape = Escape.PLUS, *, timeout_s: float = 10.0) -> Finished:
        """To online command mode (LENA-R8 guide 5.8.2): the channel takes commands, the call goes on. What
        the module answers, ``timeout_s`` seconds at most after the escape. Raises AtTimeout, UnitError,
        PppLost."""
        data = self._in_data_mode()
        if by is Escape.PLUS:
            # connections that are just closing come to rest first: what the far end sends again breaks the
            # silence each time
            self._pump.wait(lambda: data.silent_s >= _REST_S, self._until(_REST_WAIT_S))
        self._pump.stop()
        self._must_stand()
        if by is Escape.PLUS:
            finished = data.escape(timeout_s, both_ways=True)
        else:
            finished = data.escape_by(lambda: self.channel.set_line("dtr", False), timeout_s)
            self.channel.set_line("dtr", True)
        self._paused = True
        self._pump.take_rest(data)
        return finished

    def resume(self, line: str = "ATO") -> str:
        """Back to data mode; the module's CONNECT line. Raises NoCarrier when the call is gone."""
        if not self._paused:
            raise FrameworkError("the data call is not in online command mode")
        try:
            self._data = self.channel.open_data(line)
        except AtError as error:
            self._paused = False
            self._pump.end(EndKind.CARRIER_LOST, f"{line}: {error.final.text}")
            raise
        self._paused = False
        self._pump.run(self._data)
        return self._data.text

    def await_end(self, timeout_s: float) -> PppEnd:
        """Wait until the call ends. Raises PppNoAnswer when it goes on."""
        if not self._pump.wait(lambda: self._pump.ended is not None, self._until(timeout_s)):
            raise PppNoAnswer(f"the data call still stands after {timeout_s:g} s")
        self._pump.stop()
        assert self.end is not None
        return self.end

    def write_octets(self, octets: bytes) -> None:
        """Octets on the line outside any frame, as a careless host would send them: +++ inside the guard
        time is data. Raises PortLost."""
        self._in_data_mode()
        self._pump.write_octets(octets)

    # -- what the call is --------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """True while packets can go."""
        return self.end is None and not self._paused and self._data is not None

    @property
    def silent_s(self) -> float:
        """Seconds for which no byte has passed in either direction."""
        return self._data.silent_s if self._data is not None else 0.0

    @property
    def asked_for(self) -> PppAuth | None:
        """How the module asked for user and password; None when it did not."""
        opened = self._last(LinkOpened)
        way = opened.authentication if opened is not None else None
        return next((auth for auth, protocol in _WAYS.items() if protocol is way), None)

    @property
    def welcome(self) -> str:
        """The words with which user and password were taken."""
        found = self._last(Authenticated)
        return found.message if found is not None else ""

    @property
    def events(self) -> tuple[PppEvent, ...]:
        """What PPP has reported so far, packets left out."""
        with self._pump.news:
            return tuple(self._pump.events)

    # -- inside ------------------------------------------------------------------------------------------

    def _new_pump(self, clock: Clock) -> PppPump:
        settings = self.channel.settings
        watch = CarrierWatch(settings.greeting, numeric=settings.verbose == 0)
        return PppPump(self._settings, watch, clock, self.channel.name)

    def _learn_secrets(self) -> None:
        """The password as it may stand in a trace: with its length before it, octets escaped or not."""
        password = self.dial.password.encode()
        if not password:
            return
        for plain in (password, bytes((len(password),)) + password):
            self.channel.secrets.learn(plain)
            self.channel.secrets.learn(stuffed(plain))

    def _negotiated(self) -> None:
        pump = self._pump
        wanted = {Protocol.IPCP} if self.dial.ipv4 else set()
        wanted |= {Protocol.IPV6CP} if self.dial.ipv6 else set()
        pump.wait(lambda: wanted <= pump.settled or pump.ending is not None, self._until(self.dial.timeout_s))
        ending = pump.ending
        if ending is None:
            self._must_stand()
            if not wanted <= pump.settled:
                raise PppFailed(f"{self.dial.line}: nothing was agreed on within {self.dial.timeout_s:g} s")
            if pump.stack.ipv4 is not None or pump.stack.slaac is not None:
                return
            raise PppFailed(f"{self.dial.line}: no network protocol was agreed on")
        said = f"{self.dial.line}: {ending.why.value}" + (f": {ending.text}" if ending.text else "")
        if ending.why is Why.REFUSED or (ending.why is Why.PEER and self._unanswered_auth()):
            raise PppAuthRefused(said, remedy="look at user and password of the APN")
        raise PppFailed(said)

    def _unanswered_auth(self) -> bool:
        """True when the module ended the link while it waited for user and password."""
        return self.asked_for is not None and self._last(Authenticated) is None

    def _last(self, kind: type[E]) -> E | None:
        return next((event for event in reversed(self.events) if isinstance(event, kind)), None)

    def _in_data_mode(self) -> DataMode:
        self._must_stand()
        if self._data is None or self._paused:
            raise FrameworkError("the data call is not in data mode")
        return self._data

    def _must_stand(self) -> None:
        """Raise what ended the call, when it has ended."""
        end = self.end
        if end is None:
            return
        if self._pump.failure is not None:
            raise self._pump.failure
        if end.kind is EndKind.RESET:
            raise UnexpectedReset(end.text)
        raise PppLost(f"{self.dial.line}: {end.kind.value} ({end.text})", end)

    def _must_carry(self) -> None:
        """Raise what keeps packets from travelling."""
        self._must_stand()
        if self._paused:
            raise NotPossible("the data call is in online command mode", remedy="resume() first")

    def _hang_up_in_data_mode(self, by: HangUp) -> None:
        if self._paused:
            self.resume()
        pump = self._pump
        if by is HangUp.LCP:
            with pump.news:
                pump.engine.terminate(pump.now())
            pump.flush()
        else:
            pump.mute()
            self.channel.set_line("dtr", False)
        try:
            over = pump.wait(lambda: pump.ended is not None, self._until(_END_S))
        finally:
            if by is HangUp.DTR:
                self.channel.set_line("dtr", True)
        if not over:
            raise PppFailed(f"{self.dial.line}: no NO CARRIER within {_END_S:g} s of hanging up "
                            f"({by.value})")
        if by is HangUp.DTR and pump.ended is not None and pump.ended.kind is EndKind.CARRIER_LOST:
            pump.ended = PppEnd(EndKind.HUNG_UP, pump.ended.text)

    def _hang_up_by_command(self) -> None:
        if not self._paused:
            self.pause()
        answer: Answer = self.channel.send("ATH")
        self._paused = False
        self._pump.end(EndKind.HUNG_UP, answer.final.text)

    def _abandon(self) -> None:
        """Get the port back to commands whatever state it is in; nothing is raised."""
        try:
            if self._paused:
                self._hang_up_by_command()
            elif self.end is None and self._data is not None and self._data.active:
                self._hang_up_in_data_mode(HangUp.LCP)
            elif self.end is None:
                self._hang_up_blindly()
        except CellbenchError as error:
            self._pump.end(EndKind.CARRIER_LOST, error.message)
        self._come_back()

    def _hang_up_blindly(self) -> None:
        """An escape went out and was not answered: the module may be in either mode."""
        pump = self._pump
        pump.engine.terminate(pump.now())
        with self.channel.expect("NO CARRIER") as heard:
            self.channel.write_raw(pump.engine.outgoing())
            self.channel.wait_until(lambda: bool(heard.heard), _GIVE_UP_S)
        self.channel.sync(_GIVE_UP_S)
        if not heard.heard:
            self.channel.send("ATH", check=False)
        pump.end(EndKind.HUNG_UP, "after an escape without an answer")

    def _come_back(self) -> None:
        """The call is over: where the module has not left data mode by itself, it is led out of it."""
        self._pump.stop()
        data = self._data
        if data is None or not data.active or not self.channel.is_up:
            return
        try:
            data.escape(_GIVE_UP_S, patience_s=_GIVE_UP_S)
            self.channel.send("ATH", check=False)
        except CellbenchError:
            data.end()
