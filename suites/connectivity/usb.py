"""What the procedures on USB share: a module in another configuration for a while, its AT ports asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cellbench.api import Dut

READY_S = 10.0


def stored(dut: Dut, name: str) -> int:
    """A value of +SYSNV."""
    return int(dut.send(f'AT+SYSNV=0,"{name}"').value("+SYSNV")[1])


@contextmanager
def settings_kept(dut: Dut, *names: str) -> Iterator[None]:
    """The +SYSNV settings are afterwards as they were, with a reboot if something differs."""
    before = {name: stored(dut, name) for name in names}
    try:
        yield
    finally:
        changed = [dut.ensure(f'AT+SYSNV=1,"{name}",{value}') for name, value in before.items()]
        if any(changed):
            dut.reboot()


def at_ports_answer(dut: Dut, count: int) -> None:
    """Each of the AT ports is the module's."""
    for number in range(count):
        channel = dut.port(f"at{number}")
        channel.sync(READY_S)
        assert channel.send("AT+CGMM").text.startswith(dut.profile.model_prefix)
