"""Deadlines are passed down whole."""

from __future__ import annotations

from cellbench.base.clock import Deadline


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def utc_ns(self) -> int:
        return int(self.now * 1e9)


def test_a_deadline_counts_down_and_never_below_nothing() -> None:
    clock = Hand()
    deadline = Deadline.after(5.0, clock)
    assert deadline.remaining == 5.0
    clock.now += 3.0
    assert deadline.remaining == 2.0
    assert not deadline.expired
    clock.now += 3.0
    assert deadline.remaining == 0.0
    assert deadline.expired


def test_the_earlier_one_wins() -> None:
    clock = Hand()
    deadline = Deadline.after(5.0, clock)
    assert deadline.earlier(1.0).remaining == 1.0
    assert deadline.earlier(9.0).remaining == 5.0
