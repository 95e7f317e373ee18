"""An AT conversation over a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.base.trace import TraceSink
from cellbench.catalogue.modules.model import ModuleProfile
from cellbench.host.answer import Answer
from cellbench.host.urclog import UrcEvent, UrcLog
from cellbench.io.pipe import Pipe


class Expectation:
    """A URC that is waited for; armed from its creation on, so nothing that comes later is missed."""

    def wait(self, timeout_s: float) -> UrcEvent:
        """The first URC that fits. Raises UrcTimeout (UnitError)."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop listening."""
        raise NotImplementedError


class Channel:
    """An AT conversation: commands, typed answers, URCs, death signs. Safe to use from several threads;
    one command at a time, one reader at a time."""

    urcs: UrcLog

    def __init__(self, pipe: Pipe, profile: ModuleProfile, *, trace: TraceSink, name: str,
                 clock: Clock = SYSTEM_CLOCK, gap_s: float | None = None) -> None:
        """``gap_s`` replaces the profile's pause between commands (seconds)."""
        raise NotImplementedError

    def start(self) -> None:
        """Open the pipe and begin to read. Raises PortMissing."""

    def stop(self) -> None:
        """Stop reading and close the pipe."""

    def move(self, pipe: Pipe) -> None:
        """Go on over another pipe (after re-enumeration, into a mux); settings (echo, CMEE) are kept and told
        to the module at the next sync()."""

    def send(self, line: str, *, payload: bytes | None = None, timeout_s: float | None = None,
             check: bool = True) -> Answer:
        """Send one command line ("AT+CGDCONT?") and wait for its final result code.

        ``payload`` is given at the prompt. The time-out is the greatest declared response time of the line's
        commands. With ``check``, a refusal raises CmeError, CmsError, NoCarrier or AtError.
        Raises AtTimeout, UnexpectedReset, PortLost, FrameworkError (a line that cannot be sent).
        """
        raise NotImplementedError

    def sync(self, timeout_s: float) -> float:
        """Send AT until OK comes (in autobauding the first one is swallowed); the seconds it took.
        Raises AtTimeout."""
        raise NotImplementedError

    def expect(self, prefix: str, where: Callable[[UrcEvent], bool] | None = None) -> Expectation:
        """Wait for a URC ("+UUSORD"); armed at once; a context manager."""
        raise NotImplementedError

    def set_rate(self, bit_s: int) -> None:
        """The host's own bit rate (send +IPR yourself first)."""

    def set_line(self, name: str, on: bool) -> None:
        """Drive "dtr" or "rts". Raises NotPossible on a port without lines."""

    def lines(self) -> Mapping[str, bool]:
        """"cts", "dsr", "dcd", "ri". Raises NotPossible on a port without lines."""
        raise NotImplementedError

    @contextmanager
    def declare_reboot(self, timeout_s: float) -> Iterator[None]:
        """Inside the block (at most ``timeout_s`` seconds) a greeting or a vanished port is no death sign."""
        yield
