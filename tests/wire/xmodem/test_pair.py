"""Both machines against each other over a line that damages and swallows bytes, on a clock of our own.

What arrives is never wrong, and no end says that all came when it did not. The property holds without luck:
the check sequences are held to what they promise (one hit of at most 16 bits in a block is always seen), and
a reply, which nothing guards, is never turned into another one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.wire.xmodem.block import Check, Mode
from cellbench.wire.xmodem.events import Event, Failed, Finished, Taken
from cellbench.wire.xmodem.receiver import CHECKSUM_ONLY, STANDARD, U_BLOX, Receiver, ReceiverSettings
from cellbench.wire.xmodem.sender import Sender

STEP_S = 0.01
LONGEST_S = 20_000.0
CONTROLS = b"\x01\x02\x04\x06\x15\x18C"


@dataclass
class Noise:
    """Hits one byte of a piece, or swallows the piece, each with a probability."""

    seed: int
    hit: float
    swallow: float
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def __call__(self, wire: bytes) -> bytes:
        if self.random.random() < self.swallow:
            return b""
        if self.random.random() < self.hit:
            place = self.random.randrange(len(wire))
            octet = wire[place] ^ self.random.randrange(1, 256)
            if len(wire) == 1 and octet in CONTROLS:
                octet = ord("?")
            return wire[:place] + bytes((octet,)) + wire[place + 1:]
        return wire


@dataclass
class Run:
    """A transfer on a clock that jumps to the next thing that happens."""

    sender: Sender
    receiver: Receiver
    noise: Noise
    late_s: float = 0.0  # when the sender begins
    pieces: int = 4096
    now: float = 0.0
    came: bytearray = field(default_factory=bytearray)
    ends: dict[str, Finished | Failed] = field(default_factory=dict)

    def play(self) -> None:
        self.receiver.start(0.0)
        self.pass_on()
        while len(self.ends) < 2:
            dues = [due for due in (self.sender.due, self.receiver.due) if due is not None]
            if self.sender.state.value == "not started":
                dues.append(self.late_s)
            assert dues, (self.sender.state, self.receiver.state)
            self.now = max(self.now, min(dues))
            assert self.now < LONGEST_S
            if self.sender.state.value == "not started" and self.now >= self.late_s:
                self.sender.start(self.now)
            self.note("sender", self.sender.tick(self.now))
            self.note("receiver", self.receiver.tick(self.now))
            self.pass_on()

    def pass_on(self) -> None:
        """What either has said, until both are silent."""
        while True:
            said = False
            for name, one, other in (("receiver", self.sender, self.receiver),
                                     ("sender", self.receiver, self.sender)):
                wire = one.outgoing()
                if isinstance(one, Sender):
                    one.prepare()
                if not wire or (other is self.sender and self.sender.state.value == "not started"):
                    continue
                said = True
                self.now += STEP_S
                wire = self.noise(wire)
                for at in range(0, len(wire), self.pieces):
                    self.note(name, other.receive(wire[at:at + self.pieces], self.now))
            if not said:
                return

    def note(self, name: str, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Taken):
                self.came += event.data
            elif isinstance(event, Finished | Failed):
                self.ends[name] = event


WINDOWS = st.sampled_from([STANDARD, CHECKSUM_ONLY, U_BLOX])


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=6000), mode=st.sampled_from(list(Mode)), windows=WINDOWS,
       pieces=st.sampled_from([1, 50, 4096]), late_s=st.floats(0.0, 60.0))
def test_whole_lines(data: bytes, mode: Mode, windows: tuple[tuple[Check, float], ...], pieces: int,
                     late_s: float) -> None:
    run = Run(Sender(data, mode), Receiver(ReceiverSettings(windows=windows)), Noise(0, 0.0, 0.0), late_s,
              pieces)
    run.play()
    assert run.ends == {"sender": Finished(), "receiver": Finished()}
    assert run.came[:len(data)] == data
    assert len(run.came) % 128 == 0
    assert set(run.came[len(data):]) <= {0x1A}
    assert len(run.came) - len(data) < 128
    assert run.sender.acknowledged == run.sender.total == len(data)
    assert run.sender.repeats == run.receiver.repeats == 0
    assert run.sender.check in (run.receiver.check, None)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(min_size=1, max_size=5000), mode=st.sampled_from(list(Mode)), windows=WINDOWS,
       seed=st.integers(0, 2**32), hit=st.floats(0.0, 0.5), swallow=st.floats(0.0, 0.3),
       late_s=st.floats(0.0, 60.0))
def test_bad_lines(data: bytes, mode: Mode, windows: tuple[tuple[Check, float], ...], seed: int, hit: float,
                   swallow: float, late_s: float) -> None:
    run = Run(Sender(data, mode), Receiver(ReceiverSettings(windows=windows)), Noise(seed, hit, swallow),
              late_s)
    run.play()
    sender, receiver = run.ends["sender"], run.ends["receiver"]
    if isinstance(receiver, Finished):
        assert run.came[:len(data)] == data
        assert set(run.came[len(data):]) <= {0x1A}
    else:  # all blocks may have come, and the end not
        assert data.startswith(run.came[:len(data)])
    if isinstance(sender, Finished):
        assert run.came[:len(data)] == data


@pytest.mark.parametrize("mode", list(Mode))
def test_ten_percent_of_hits_are_survived(mode: Mode) -> None:
    """Each tenth piece, either way, is hit: at least 19 of 20 transfers get through."""
    through = 0
    for seed in range(40):
        data = random.Random(seed).randbytes(20_000)
        run = Run(Sender(data, mode), Receiver(ReceiverSettings(windows=U_BLOX)), Noise(seed, 0.1, 0.0))
        run.play()
        through += isinstance(run.ends["receiver"], Finished) and isinstance(run.ends["sender"], Finished)
    assert through >= 38
