"""A channel kept from other threads' commands for a while, and ports that know when another one is busy."""

from __future__ import annotations

import threading

from cellbench.host.channel import Channel
from cellbench.host.portgroup import PortGroup


def test_a_turn_is_had_while_no_command_is_under_way(channel: Channel) -> None:
    with channel.turn(0.1) as mine:
        assert mine
        assert channel.send("AT").ok


def test_a_turn_is_refused_in_time_while_another_thread_has_it(channel: Channel) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with channel.turn(10.0):
            held.set()
            let_go.wait(30.0)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(10.0)
        with channel.turn(0.05) as mine:
            assert not mine
    finally:
        let_go.set()
        holder.join(10.0)
    with channel.turn(10.0) as mine:
        assert mine


def test_ports_of_a_module_know_of_each_others_commands() -> None:
    group = PortGroup()
    group.enter("uart", 100.0)
    assert group.busy_beside("at0")
    assert not group.busy_beside("uart")
    group.leave("uart", 50.0)
    assert not group.busy_beside("at0")
