"""Which address a module would give the host over its USB network function: asked by DHCP, never taken."""

from __future__ import annotations

import random

from cellbench.base.clock import Deadline
from cellbench.base.errors import UnitError
from cellbench.io.ethernet import EthernetPort
from cellbench.wire.dhcp import Offer, discover, offer_in

_AGAIN_S = 1.0


def ask_for_offer(name: str, timeout_s: float) -> Offer:
    """The module's offer on a network interface of this host, whose settings stay as they are.

    Raises NotPossible without the rights to use the interface so; UnitError when no offer comes within
    ``timeout_s`` seconds.
    """
    deadline, transaction = Deadline.after(timeout_s), random.getrandbits(32)
    with EthernetPort(name) as port:
        while not deadline.expired:
            try:
                port.broadcast(discover(port.hardware, transaction))
                again = deadline.earlier(_AGAIN_S)
                while not again.expired:
                    packet = port.receive(again.remaining)
                    found = offer_in(packet, port.hardware, transaction) if packet is not None else None
                    if found is not None:
                        return found
            except OSError as error:
                raise UnitError(f"{name} has gone while it was asked for an address: {error.strerror}"
                                ) from None
    raise UnitError(f"no address is offered by DHCP on {name} within {timeout_s:g} s")
