"""The stub resolver against the real resolvers of the park."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from cellbench.virtual.net.internet import Internet
from cellbench.virtual.net.resolver import LookupTrouble, Patience, Trouble, lookup, reverse
from cellbench.virtual.net.route import Source

Play = Callable[[Callable[[Internet], Awaitable[None]]], None]

SOURCE = Source(1, "10.15.164.174")
QUICK = Patience(next_s=0.05, rounds=2, total_s=1.0)


def test_addresses_and_names(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        found = await lookup(node, SOURCE, node.resolvers, "www.google.com", patience=QUICK)
        assert found == ("216.239.59.147", "216.58.206.68")
        found = await lookup(node, SOURCE, node.resolvers, "echo.u-blox.com", ipv6=True, patience=QUICK)
        assert found == ("2001:db8:0:2::241",)
        name = await reverse(node, SOURCE, node.resolvers, "195.34.89.241", patience=QUICK)
        assert name == "ftp.u-blox.com"
        assert (node.flows["dns"].cid, node.flows["dns"].remote_port) == (1, 53)
        assert "dns-primary" in node.flows
        assert "dns-secondary" not in node.flows

    play(scenario)


def test_unknown_names_are_known_not_to_exist_at_once(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        with pytest.raises(LookupTrouble) as trouble:
            await lookup(node, SOURCE, node.resolvers, "no-such-host.invalid", patience=Patience())
        assert trouble.value.trouble is Trouble.NO_SUCH_NAME

    play(scenario)


@pytest.mark.parametrize("state", ["mute", "down"])
def test_the_secondary_answers_for_a_silent_primary(play: Play, state: str) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        await internet.park.set_state("dns-primary", state)
        found = await lookup(node, SOURCE, node.resolvers, "ftp.u-blox.com", patience=QUICK)
        assert found == ("195.34.89.241",)
        assert {"dns-primary", "dns-secondary"} <= set(node.flows)

    play(scenario)


@pytest.mark.parametrize("state", ["mute", "down"])
def test_nobody_answers(play: Play, state: str) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        await internet.park.set_state("dns", state)
        with pytest.raises(LookupTrouble) as trouble:
            await lookup(node, SOURCE, node.resolvers, "ftp.u-blox.com", patience=Patience(0.05, 2, 0.4))
        assert trouble.value.trouble is Trouble.NO_ANSWER
        found = await lookup(node, SOURCE, ("8.8.8.8",), "ftp.u-blox.com", patience=QUICK)
        assert found == ("195.34.89.241",)

    play(scenario)


def test_servers_that_are_nowhere_are_passed_over(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        servers = ("198.51.100.7", "203.0.113.1", "8.8.8.8")
        assert await lookup(node, SOURCE, servers, "ftp.u-blox.com", patience=QUICK) == ("195.34.89.241",)

    play(scenario)


def test_a_late_answer_of_the_primary_is_good(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        await internet.park.set_state("dns-primary", "slow")
        await internet.park.set_state("dns-secondary", "mute")
        found = await lookup(node, SOURCE, node.resolvers, "slow.u-blox.com", patience=Patience(0.05, 2, 7.0))
        assert len(found) == 1

    play(scenario)


def test_a_blocked_link_asks_nobody(play: Play) -> None:
    async def scenario(internet: Internet) -> None:
        node = internet.node("m")
        node.set_blocked(True)
        with pytest.raises(LookupTrouble) as trouble:
            await lookup(node, SOURCE, node.resolvers, "ftp.u-blox.com", patience=Patience(0.05, 2, 0.2))
        assert trouble.value.trouble is Trouble.NO_ANSWER
        assert internet.park.report("dns")["queries"] == "0"

    play(scenario)
