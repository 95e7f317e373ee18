"""The attach budget: a token bucket on disk."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellbench.base.errors import Owner
from cellbench.guardian.budget import AttachBudget, Bucket, BudgetExhausted

MINUTE = 60_000_000_000


@dataclass
class HandClock:
    """A clock that the test sets."""

    now_ns: int = 1_795_000_000_000_000_000

    def monotonic(self) -> float:
        return self.now_ns / 1e9

    def utc_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock():
    return HandClock()


def budget(tmp_path: Path, clock: HandClock, **changes: object) -> AttachBudget:
    settings = {"sim": "8988", "network": "22288", "capacity": 3, "refill_per_hour": 6.0, **changes}
    return AttachBudget.open(directory=tmp_path, clock=clock, **settings)


def spend_all(place: AttachBudget) -> int:
    count = 0
    while True:
        try:
            place.spend("attach")
        except BudgetExhausted:
            return count
        count += 1


def test_it_stops_the_run_and_says_when_to_go_on(tmp_path, clock):
    tokens = budget(tmp_path, clock)
    for cause in ("attach", "reboot", "attach"):
        tokens.spend(cause)
    with pytest.raises(BudgetExhausted) as refused:
        tokens.spend("CFUN cycle")
    assert refused.value.owner is Owner.OPERATOR
    assert "SIM 8988 on network 22288 is used up, no CFUN cycle now" in str(refused.value)
    assert "(in 600 s)" in str(refused.value)
    assert tokens.spent() == {"attach": 2, "reboot": 1}
    clock.now_ns += 9 * MINUTE
    with pytest.raises(BudgetExhausted, match=r"in 60 s"):
        tokens.spend("attach")
    clock.now_ns += 1 * MINUTE
    tokens.spend("attach")
    assert tokens.left() == 0


def test_it_survives_runs_and_holds_for_this_sim_on_this_network_alone(tmp_path, clock):
    assert spend_all(budget(tmp_path, clock)) == 3
    assert budget(tmp_path, clock).left() == 0
    assert budget(tmp_path, clock, sim="other").left() == 3
    assert budget(tmp_path, clock, network="other").left() == 3


def test_it_never_holds_more_than_its_capacity(tmp_path, clock):
    tokens = budget(tmp_path, clock)
    tokens.spend("attach")
    clock.now_ns += 100 * 60 * MINUTE
    assert tokens.left() == 3
    assert budget(tmp_path, clock, capacity=1).left() == 1


def test_a_clock_set_back_gains_nothing(tmp_path, clock):
    tokens = budget(tmp_path, clock)
    spend_all(tokens)
    clock.now_ns -= 1000 * 60 * MINUTE
    with pytest.raises(BudgetExhausted):
        tokens.spend("attach")


def test_a_torn_file_counts_as_used_up(tmp_path, clock):
    tokens = budget(tmp_path, clock)
    tokens.spend("attach")
    (path,) = tmp_path.glob("*.budget")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(BudgetExhausted):
        tokens.spend("attach")


def test_concurrent_runs_share_the_tokens(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        counts = pool.map(_spender, [str(tmp_path)] * 4)
    assert sum(counts) == 50


def _spender(place: str) -> int:
    tokens = AttachBudget.open(sim="s", network="n", capacity=50, refill_per_hour=1e-6, directory=Path(place))
    return spend_all(tokens)


@given(st.lists(st.tuples(st.integers(-10**12, 10**13), st.booleans()), max_size=40))
def test_tokens_stay_between_zero_and_capacity_and_spending_is_bounded(steps):
    bucket, start = Bucket(5.0, 0), 0
    spent, highest = 0, 0
    for advance, wants in steps:
        start += advance
        bucket = bucket.at(start, 5, 20.0)
        highest = max(highest, start)
        if wants and bucket.tokens >= 1.0:
            bucket = bucket.less("attach")
            spent += 1
        assert 0.0 <= bucket.tokens <= 5.0
    forward = sum(max(0, advance) for advance, _ in steps)
    assert spent <= 5 + forward * 20.0 / 3.6e12 + 1e-6
