"""The bytes themselves: what the ordinary channel hides from its callers (echo, silence, rubbish)."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cellbench.base.trace import Direction
from cellbench.host.channel import Channel
from cellbench.host.transcript import Transcript

_SLICE_S = 0.02


@dataclass(frozen=True, slots=True)
class RawTalk:
    """A look at one channel's bytes; the transcript must be the one that the channel records to."""

    channel: Channel
    transcript: Transcript

    def echo_of(self, line: str) -> str:
        """What came back before the answer to a line: its echo, or ""."""
        mark = self.transcript.mark()
        self.channel.send(line)
        heard = self.heard_since(mark)
        # with echo the command comes back as it was sent, CR included (V.250 6.2.4)
        before, carriage, _ = heard.partition(b"\r")
        return before.decode("latin-1") if carriage and before else ""

    def write(self, data: bytes) -> None:
        """Write bytes that belong to no command."""
        self.channel.write_raw(data)

    def listen(self, seconds: float) -> bytes:
        """Everything that comes within ``seconds``."""
        mark = self.transcript.mark()
        self.channel.wait_until(lambda: False, seconds)
        return self.heard_since(mark)

    def wait_quiet(self, quiet_s: float, at_most_s: float) -> None:
        """Return when nothing has come for ``quiet_s`` seconds, or after ``at_most_s``."""
        until = time.monotonic() + at_most_s
        while time.monotonic() < until and self.listen(quiet_s):
            continue

    def wait_for(self, text: bytes, at_most_s: float) -> bool:
        """True as soon as ``text`` has come."""
        mark, until = self.transcript.mark(), time.monotonic() + at_most_s
        while time.monotonic() < until:
            self.channel.wait_until(lambda: False, _SLICE_S)
            if text in self.heard_since(mark):
                return True
        return False

    def heard_since(self, mark: int) -> bytes:
        """What this channel received since a mark of the transcript."""
        return b"".join(record.data for record in self.transcript.records(mark)
                        if record.port == self.channel.name and record.direction is Direction.RX)
