"""The ports of a slot while its module is in update mode, where it answers no AT.

Ordinarily a port on USB is confirmed by AT when it is opened, and AT tells compositions apart that look
alike. Here the composition from before the update counts, and nothing is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import NotPossible
from cellbench.catalogue.modules.model import UsbComposition
from cellbench.host.channel import Channel
from cellbench.host.firmware.line import UpdateLine
from cellbench.io.pipe import HasRate, LinePort, PortLost, PortMissing
from cellbench.io.usb_port import PortPlace, UsbSerialPort
from cellbench.rig.slot import Slot
from cellbench.rig.usb_view import ROLE, UsbAbsent, UsbTrouble, UsbView

_POLL_S = 0.03
_UART_BACK_S = 10.0  # an adapter or its server that went away
UARTS = ("uart", "aux_uart")


def composition_of(slot: Slot) -> UsbComposition | None:
    """What the module shows on USB now, told apart by AT where needed; None without USB."""
    if slot.model.ports.usb is None:
        return None
    try:
        return slot.ports.view().composition
    except (UsbAbsent, UsbTrouble):
        return None


def role_of(slot: Slot, channel: Channel) -> str:
    """The role of an open channel. NotPossible when it is none of the slot's."""
    for role, one in slot.channels.items():
        if one is channel:
            return role
    raise NotPossible(f"slot {slot.name}: {channel.name} is no port of this slot",
                      remedy="update over a port that the rig file names")


def line_of(slot: Slot, role: str, composition: UsbComposition | None) -> UpdateLine:
    """The line of an open channel for an update; its home rate is the host's rate now."""
    channel = slot.channels[role]
    pipe = channel.link.current().pipe
    rate = pipe.rate if isinstance(pipe, HasRate) and pipe.rate else slot.uart_rate
    return UpdateLine(channel, rate, reopener(slot, role, channel, composition))


def reopener(slot: Slot, role: str, channel: Channel, composition: UsbComposition | None
             ) -> Callable[[float], None]:
    """Opens the port of a role anew under its channel, without a word to the module. Raises PortMissing when
    it does not come back in the time given."""

    def reopen(timeout_s: float) -> None:
        deadline = Deadline.after(min(timeout_s, _UART_BACK_S) if role in UARTS else timeout_s)
        while True:
            try:
                channel.move(unasked(slot, role, composition))
                return
            except (PortLost, PortMissing):
                if deadline.expired:
                    raise
            time.sleep(_POLL_S)

    return reopen


def listen(slot: Slot, role: str, composition: UsbComposition | None) -> Channel:
    """The channel of a role, opened without a word to the module. Raises as the port does."""
    held = slot.channels.get(role)
    if held is not None:
        if not held.is_up:
            held.move(unasked(slot, role, composition))
        return held
    if role in UARTS:
        return slot.channel(role)
    ports = slot.ports
    channel = Channel(unasked(slot, role, composition), slot.profile, trace=slot.trace,
                      name=f"{slot.name}.{role}", group=ports.group, wear=ports.wear)
    channel.start(ports.next_record.get(role, 0))
    ports.channels[role] = channel
    return channel


def unasked(slot: Slot, role: str, composition: UsbComposition | None) -> LinePort:
    """The port of a role, not yet opened."""
    if role in UARTS:
        return slot.ports.pipe(role)
    return UsbSerialPort(f"{slot.name}.{role}", lambda: _place(slot, role, composition))


def _place(slot: Slot, role: str, composition: UsbComposition | None) -> PortPlace:
    try:
        view = slot.ports.scene().view()
    except (UsbAbsent, UsbTrouble) as error:
        raise PortMissing(error.message, remedy=error.remedy) from error
    if composition in view.candidates:
        assert composition is not None
        view = UsbView(view.device, (composition,), view.nodes, view.nets)
    return PortPlace(_node(slot, view, role), view.device.location, view.device.devnum)


def _node(slot: Slot, view: UsbView, role: str) -> Path:
    found = ROLE.fullmatch(role)
    ports = view.of_role(found[1]) if found else ()
    number = int(found[2] or 0) if found else 0
    if number >= len(ports):
        raise PortMissing(f"slot {slot.name}: {view.device.words} shows {view.composition.name!r} now, "
                          f"which has no port {role}")
    return ports[number].node


def rejoin(slot: Slot, roles: list[str], keep: Channel, timeout_s: float) -> None:
    """Open the other ports anew after a restart; those that the module no longer has are left closed.
    ``keep`` stays the same object."""
    for role in roles:
        channel = slot.channels.get(role)
        if channel is None:
            continue
        if channel is keep:
            slot.ports.sync(role, timeout_s)
            continue
        slot.ports.drop(role)
        if role in slot.roles():
            slot.channel(role).sync(timeout_s)

