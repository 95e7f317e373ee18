"""A module that reboots by itself, and slots whose supply the bench does not switch.

Such a module is expected to be on. It is begun anew by its reboot command; RESET_N, then PWR_ON, are tried
when it does not answer and the slot drives them.
"""

from __future__ import annotations

import time

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible, RigError
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout
from cellbench.io.pipe import PortLost, PortMissing
from cellbench.rig.slot import PowerState, Slot

_DOWN_S = 10.0  # a module that has answered OK to its reboot command goes down within this
_ANSWER_S = 4.0
_PAUSE_S = 0.05
_SURE_MARGIN_S = 0.05
_SHORTEST_S = 0.1
_LEAVE_PROMPT = b"\x1b\r"  # 3GPP TS 27.005 3.5.1: ESC leaves the prompt of a text


def await_reboot(slot: Slot, channel: Channel, timeout_s: float, before: int = 0) -> bool:
    """Wait until the module behind ``channel`` has gone down and answers AT again, ``timeout_s`` seconds at
    most. A port on USB is opened anew under the same channel.

    False when the module came up in a composition without that port; ``before`` is the number of its
    enumeration on USB before it went down. Raises AtTimeout, UnitError, PortMissing.
    """
    deadline = Deadline.after(timeout_s)
    _await_down(slot, channel, Deadline.after(min(_DOWN_S, timeout_s)))
    role = next((name for name, one in slot.channels.items() if one is channel), None)
    if role is not None:
        return slot.ports.sync(role, max(_SHORTEST_S, deadline.remaining), before)
    channel.sync(max(_SHORTEST_S, deadline.remaining))
    return True


def wake(slot: Slot) -> None:
    """Have a module on whose supply the bench does not switch, and begin it anew.

    RigError when it does not answer and nothing that the slot drives can start it.
    """
    if not _answers(slot):
        _start_by_lines(slot)
    slot.state = PowerState.ON
    restart(slot, "a run begins: the module starts as after power-on")


def restart(slot: Slot, cause: str) -> None:
    """Begin a module anew without cutting its supply: by command, else by RESET_N or PWR_ON.

    RigError when it cannot be reached at all.
    """
    if not _answers(slot):
        _start_by_lines(slot)
        slot.events("power", f"started by its lines: {cause}", {})
        return
    channel = slot.channel(slot.roles()[0])
    slot.budget.spend("reboot")
    wait, before = slot.timing.boot_max_s, slot.ports.enumeration
    for other in slot.channels.values():
        other.settings.forget()
    with channel.declare_reboot(wait):
        channel.send(f"AT{slot.profile.reboot_command.value}")
        stayed = await_reboot(slot, channel, wait, before)
    for role, other in tuple(slot.channels.items()):
        if other is not channel or not stayed:
            slot.ports.drop(role)
    if not stayed:
        slot.channel(slot.roles()[0]).sync(wait)
    slot.events("power", f"restarted by command: {cause}", {})


def _await_down(slot: Slot, channel: Channel, deadline: Deadline) -> None:
    """Until V_INT falls, or, where it is not read, until nothing answers."""
    reads = "v_int" in slot.model.lines.read() and slot.lease is not None
    while not deadline.expired:
        if reads and slot.lease is not None and not slot.lease.sense("v_int"):
            return
        if not channel.is_up or channel.silent():
            return
        time.sleep(0.01)


def _answers(slot: Slot) -> bool:
    """True when the module answers AT, also after having left a prompt."""
    for attempt in range(2):
        try:
            channel = slot.channel(slot.roles()[0])
            if attempt:
                channel.write_raw(_LEAVE_PROMPT)
            channel.sync(_ANSWER_S)
            return True
        except (AtTimeout, IndexError):
            continue
        except (PortLost, PortMissing, NotPossible):
            slot.close_channels()
    return False


def _start_by_lines(slot: Slot) -> None:
    driven, power = slot.model.lines.driven(), slot.profile.power
    slot.close_channels()
    for line, seconds in (("reset_n", power.reset_pulse_s.value), ("pwr_on", power.pwr_on_pulse_s.value[0])):
        if line not in driven:
            continue
        slot.pulse(line, seconds + _SURE_MARGIN_S)
        if _boots(slot):
            return
    tried = " nor to ".join(line.upper() for line in ("reset_n", "pwr_on") if line in driven)
    raise RigError(
        f"the module of slot {slot.name} does not answer AT{f', nor to {tried}' if tried else ''}, "
        f"and the bench does not switch its supply",
        remedy="switch it on by hand and see that its port is right, or name power and lines in the rig file",
    )


def _boots(slot: Slot) -> bool:
    deadline = Deadline.after(slot.timing.boot_max_s)
    while not deadline.expired:
        try:
            slot.channel(slot.roles()[0]).sync(max(0.1, deadline.remaining))
            return True
        except (CellbenchError, IndexError):
            slot.close_channels()
            time.sleep(_PAUSE_S)
    return False
