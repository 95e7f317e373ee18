"""Limits by client and in total; an attack is dropped, a client within its limits never is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cellbench.services.guard import Guard, Limits


class Clock:
    """A time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def guard(**limits: float) -> tuple[Guard, Clock]:
    clock = Clock()
    return Guard(Limits(**limits), clock), clock  # type: ignore[arg-type]


def test_connections_of_one_client_and_of_all() -> None:
    """Each has its share; what ends makes room."""
    found, _ = guard(connections=4, connections_per_client=2, new_connections_s=100)
    assert [found.connected("a") for _ in range(3)] == [True, True, False]
    assert found.connected("b")
    assert found.connected("c")
    assert not found.connected("d")
    found.disconnected("a")
    assert found.connected("a")
    assert found.report()["connections"] == "4"
    assert found.report()["refused connections of one client"] == "1"


def test_new_connections_come_at_a_rate() -> None:
    """A burst, then one by one; another client is not held up."""
    found, clock = guard(new_connections_s=2.0, burst_s=2.0, connections_per_client=100)
    taken = [found.connected("a") for _ in range(5)]
    assert taken == [True] * 4 + [False]
    assert found.connected("b")
    clock.now += 0.5
    assert found.connected("a")
    assert not found.connected("a")


def test_nothing_is_amplified() -> None:
    """An answer larger than the question is dropped, and so is one to somebody who asked nothing."""
    found, _ = guard()
    assert not found.answer("victim", 1)
    assert found.datagram("a", 100)
    assert found.answer("a", 60)
    assert not found.answer("a", 41)
    assert found.answer("a", 40)
    assert found.report()["refused answers"] == "2"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 3000)), max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_client_ever_gets_more_than_it_sent(steps: list[tuple[str, bool, int]]) -> None:
    """Whatever the order."""
    found, clock = guard(datagrams_per_client_s=20.0)
    sent, got = dict.fromkeys("abc", 0), dict.fromkeys("abc", 0)
    for client, asks, amount in steps:
        clock.now += 0.01
        if asks:
            sent[client] += amount if found.datagram(client, amount) else 0
        else:
            got[client] += amount if found.answer(client, amount) else 0
        assert got[client] <= sent[client]


def test_datagrams_come_at_a_rate() -> None:
    """One client's flood leaves the others their share."""
    found, clock = guard(datagrams_per_client_s=10.0, burst_s=1.0, datagrams_s=1000.0)
    assert sum(found.datagram("flood", 10) for _ in range(100)) == 10
    assert found.datagram("b", 10)
    clock.now += 0.5
    assert sum(found.datagram("flood", 10) for _ in range(100)) == 5


def test_it_remembers_so_many_clients_and_no_more() -> None:
    """Addresses made up by the thousand take no memory; one with a connection is kept."""
    found, _ = guard(clients=50, datagrams_s=1e6)
    assert found.connected("kept")
    for number in range(1000):
        found.datagram(f"10.0.{number // 256}.{number % 256}", 1)
    assert int(found.report()["clients"]) == 50
    found.disconnected("kept")
    assert found.report()["connections"] == "0"
