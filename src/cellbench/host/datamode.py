"""Data mode: between CONNECT and the return to commands a port carries bytes, not lines (LENA-R8 guide
4.3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType

from cellbench.base.clock import Clock, Deadline
from cellbench.base.errors import UnitError
from cellbench.host.dialogue import Dialogue
from cellbench.host.errors import AtTimeout
from cellbench.host.escape import SEQUENCE, EscapeGuard
from cellbench.io.pipe import HasRate
from cellbench.wire.at.events import Finished
from cellbench.wire.at.grammar import Plan

_AGAIN_S = 4.0  # longer than any silence before or behind the escape
_DRIVER_BYTES = 4096  # what a driver holds when it has taken everything
_BITS = 10  # of a byte on the line, 8N1
_ENDINGS = (b"\r\nNO CARRIER\r\n", b"\r\nDISCONNECT\r\n", b"\r\nDISCONNECT\r\n\r\nOK\r\n")


class DataMode:
    """The bytes of a port in data mode. ``text`` is the CONNECT line. As a context manager it returns to
    commands by the escape sequence, unless that has happened already."""

    def __init__(self, dialogue: Dialogue, text: str, escape_plan: Plan, guard_s: float, clock: Clock,
                 monotonic: Callable[[], float], resumed: Callable[[Finished], None]) -> None:
        self.text = text
        self._dialogue = dialogue
        self._escape_plan = escape_plan
        self._clock = clock
        self._monotonic = monotonic
        self._resumed = resumed
        self._guard = EscapeGuard(guard_s, monotonic())
        self._quiet = EscapeGuard(guard_s, monotonic(), both_ways=True)
        self._tail = b""
        pipe = dialogue.link.current().pipe
        self._byte_s = _BITS / pipe.rate if isinstance(pipe, HasRate) and pipe.rate else 0.0

    @property
    def active(self) -> bool:
        """True until the port is back in command mode."""
        return self._dialogue.in_data_mode

    @property
    def ended_by_module(self) -> bool:
        """True when the last bytes read are the module's own end of data mode (NO CARRIER, DISCONNECT)."""
        return self._tail.endswith(_ENDINGS)

    @property
    def silent_s(self) -> float:
        """Seconds for which nothing was written or read."""
        return self._quiet.silent_s(self._monotonic())

    def write(self, data: bytes, timeout_s: float = 10.0) -> None:
        """Send bytes. Raises PortLost, PortStuck."""
        self._dialogue.link.current().write(data, Deadline.after(timeout_s, self._clock))
        # the line is busy until the last bit is out of the driver
        now = self._monotonic() + min(len(data), _DRIVER_BYTES) * self._byte_s
        self._guard.sent(now)
        self._quiet.sent(now)

    def read(self, limit: int, timeout_s: float) -> bytes:
        """At most ``limit`` bytes as soon as any are there; ``b""`` when none came in time. Raises
        PortLost."""
        dialogue = self._dialogue
        dialogue.link.wait(lambda: bool(dialogue.data), self._monotonic() + timeout_s)
        with dialogue.link.mutex:
            data = bytes(dialogue.data[:limit])
            del dialogue.data[:limit]
        self._tail = (self._tail + data)[-40:]
        if data:
            self._quiet.received(self._monotonic())
        return data

    def read_exactly(self, count: int, timeout_s: float) -> bytes:
        """``count`` bytes. Raises AtTimeout saying how many came."""
        until = self._monotonic() + timeout_s
        got = b""
        while len(got) < count:
            more = self.read(count - len(got), max(0.0, until - self._monotonic()))
            if not more and self._monotonic() >= until:
                raise AtTimeout(f"{count} bytes of data mode", timeout_s, (f"{len(got)} bytes",))
            got += more
        return got

    def escape(self, timeout_s: float = 10.0, *, both_ways: bool = False, patience_s: float = 60.0
               ) -> Finished:
        """Back to commands by +++ with its guard times (LENA-R8 guide 5.8.2); what the module answers.
        ``both_ways``: the line must be silent in both directions before it, and the bytes between are frames,
        to which plus signs do no harm: unanswered, they go once more. Raises AtTimeout, UnitError when the
        line is not silent within ``patience_s`` seconds."""
        self._keep_silence(both_ways, patience_s)
        return self._leave(SEQUENCE, timeout_s, again_s=_AGAIN_S if both_ways else None)

    def escape_by(self, leave: Callable[[], None], timeout_s: float = 10.0) -> Finished:
        """Back to commands by something else than bytes (DTR off with &D1); what the module answers. Raises
        AtTimeout."""
        return self._leave(b"", timeout_s, leave)

    def end(self, rest: bytes = b"") -> None:
        """Take the port for command mode: the module left data mode by itself. ``rest`` are bytes that were
        read behind its last words: they belong to command mode, as does what was not read yet."""
        dialogue = self._dialogue
        with dialogue.link.mutex:
            rest += bytes(dialogue.data)
            dialogue.reset()
            dialogue.feed(rest)

    def _keep_silence(self, both_ways: bool, patience_s: float) -> None:
        dialogue, guard = self._dialogue, self._quiet if both_ways else self._guard
        began = self._monotonic()
        while not guard.allows(now := self._monotonic()):
            if now - began > patience_s:
                raise UnitError(f"the line is not silent for {guard.guard_s:g} s within {patience_s:g} s: "
                                "no escape can be sent")
            heard = partial(self._heard_more, len(dialogue.data)) if both_ways else _nothing
            if dialogue.link.wait(heard, guard.due):
                self._quiet.received(self._monotonic())

    def _heard_more(self, than: int) -> bool:
        return len(self._dialogue.data) != than

    def _leave(self, wire: bytes, timeout_s: float, also: Callable[[], None] | None = None,
               again_s: float | None = None) -> Finished:
        finished = self._dialogue.leave_data(self._escape_plan, wire, timeout_s, also, again_s)
        self._resumed(finished)
        return finished

    def close(self) -> None:
        """Take the port for command mode without sending anything: the module left data mode by itself (DTR,
        NO CARRIER, DISCONNECT)."""
        if self.active:
            self._dialogue.reset()

    def __enter__(self) -> DataMode:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if not self.active:
            return
        if self.ended_by_module or not self._dialogue.link.is_up:
            self.close()
        else:
            self.escape()


def _nothing() -> bool:
    return False
