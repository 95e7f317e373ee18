"""The module as the operator's telephone network knows it: its number, whether it can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cellbench.virtual.device.network import RadioState
from cellbench.virtual.device.telephony.calls import Calls
from cellbench.virtual.device.telephony.messages import Messages
from cellbench.virtual.net.telephone.fields import Address
from cellbench.virtual.net.telephone.network import (
    ABSENT,
    CallEnd,
    NetworkCall,
    Outside,
    TelephoneNetwork,
    number_of,
)
from cellbench.virtual.net.telephone.tpdu import Submit

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_SHORTEST_NO_ANSWER_S = 8.0


class Subscriber:
    """One module's place in the network, for as long as the module exists."""

    def __init__(self, module: Module, network: TelephoneNetwork) -> None:
        self._module = module
        self.network = network
        self.outside = Outside.ANSWERS
        network.join(self)

    def power_on(self) -> None:
        """A boot: calls and messages begin, what waits comes at the registration."""
        module = self._module
        module.subsystem(Messages)
        module.subsystem(Calls)
        module.radio.watch(self._radio_moved)

    def _radio_moved(self, state: RadioState) -> None:
        if state is RadioState.REGISTERED:
            self._forward()
        else:
            calls = self._module.running(Calls)
            if calls is not None:
                calls.network_lost()

    def memory_available(self) -> None:
        """A message would find room again (24.011 5.3.2.3: RP-SMMA)."""
        if self.reachable and self.network.centre.waiting(self.number):
            self._forward()

    def _forward(self) -> None:
        self.later(0.5, lambda: self.network.centre.forward(self.number))

    # the network's view
    @property
    def number(self) -> str:
        """International digits, "" without a card."""
        sim = self._module.sim
        if not sim.present:
            return ""
        imsi, told = sim.imsi, sim.profile.numbers
        if told and imsi == sim.profile.imsi:
            return told[0][1].removeprefix("+")
        return number_of(imsi)

    @property
    def reachable(self) -> bool:
        """True while the module is on and registered."""
        return self._module.running(Messages) is not None and self._module.radio.registered

    @property
    def no_answer_s(self) -> float:
        """How long a call may ring, true seconds."""
        wanted = self._module.config.behaviour.call_no_answer_s
        return max(self._module.pace.own(wanted), min(wanted, _SHORTEST_NO_ANSWER_S))

    def later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """At the module's pace."""
        return self._module.pace.later(seconds, action)

    def later_true(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """In true seconds."""
        return self._module.pace.later_true(seconds, action)

    def deliver(self, tpdu: bytes, centre: Address) -> int | None:
        """A message comes in: the radio connection is set up for it."""
        messages = self._module.running(Messages)
        if messages is None:
            return ABSENT
        self._module.radio.activity()
        return messages.incoming(tpdu, centre)

    def ring(self, call: NetworkCall) -> int | None:
        """A call comes in."""
        calls = self._module.running(Calls)
        return ABSENT if calls is None else calls.ring(call)

    # what the module asks of the network
    def submit(self, submit: Submit) -> None:
        """Send a message. Raises Rejected, Unanswered."""
        self.network.centre.submit(self, submit, self._module.network.quarters)

    def dial(self, end: CallEnd, to: Address, *, withheld: bool) -> NetworkCall:
        """Call a number."""
        return self.network.dial(self, end, to, withheld=withheld)
