"""The ports of a slot: which roles it has now, where each is, the channels that are open.

USB ports are found anew at every opening, by the slot's location, VID:PID and descriptor order, and
confirmed by AT: their names change with each enumeration.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from cellbench.base.clock import Deadline
from cellbench.base.errors import CellbenchError, NotPossible, RigError
from cellbench.catalogue.modules.model import ModuleProfile, UsbComposition
from cellbench.host.channel import Channel
from cellbench.host.errors import AtTimeout
from cellbench.host.facts import NOT_SLOWER, Slower, grammar_for
from cellbench.host.portgroup import PortGroup
from cellbench.host.transcript import Transcript
from cellbench.host.wear import NvmWatch
from cellbench.io.netif import ipv4_address
from cellbench.io.pipe import LinePort, PortLost, PortMissing
from cellbench.io.ports import open_pipe
from cellbench.io.recorder import StreamRecorder
from cellbench.io.usb import UsbDevice, find_device, is_present
from cellbench.io.usb_port import PortPlace, UsbSerialPort
from cellbench.rig.schema import Slot as SlotModel
from cellbench.rig.schema import UartPort, UsbRoots
from cellbench.rig.usb_offer import ask_for_offer
from cellbench.rig.usb_roles import ASK_S, answers_at, misplaced, told_apart
from cellbench.rig.usb_view import ROLE, UsbAbsent, UsbScene, UsbTrouble, UsbView, has_port

_POLL_S = 0.02
_AUTOBAUD_RATE = 115_200
_LOOK_AGAIN_S, _SHORTEST_SYNC_S = 1.0, 0.1
_CONFIRM_TRIES_S = (0.2, 0.3, ASK_S)  # a module may just have come up: the first AT may be lost


@dataclass(slots=True)
class SlotPorts:
    """The serial endpoints of one slot; ``boot_max_s`` is the longest a USB port may take to appear.

    ``elsewhere`` are the USB locations of other slots. A trouble with a device that is there (no driver, no
    node, no permission) counts when it has lasted ``settle_s`` seconds: enumeration takes a moment.
    """

    name: str
    model: SlotModel
    profile: ModuleProfile
    roots: UsbRoots
    trace: Transcript
    boot_max_s: float
    elsewhere: frozenset[str] = frozenset()
    settle_s: float = 4.0
    slower: Slower = field(default_factory=lambda: NOT_SLOWER)  # response times of the module's firmware
    channels: dict[str, Channel] = field(default_factory=dict)
    recorders: dict[str, StreamRecorder] = field(default_factory=dict)  # trace ports that are being read
    group: PortGroup = field(default_factory=PortGroup)  # the module serves its ports in turn
    wear: NvmWatch = field(init=False)
    next_record: dict[str, int] = field(default_factory=dict)  # a trace goes on at each opening
    up_since_ns: int = 0  # monotonic: when all USB ports of the present enumeration were first seen
    _seen_devnum: int = 0
    _chosen: tuple[int, UsbComposition] | None = None  # told apart by AT in the enumeration of that number
    _confirmed: set[tuple[int, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.wear = NvmWatch(self.profile, grammar_for(self.profile, self.slower).commands)

    def channel(self, role: str) -> Channel:
        """The AT channel of a role: ``uart``, ``aux_uart``, or ``at0``, ``at1`` ... on USB.

        One whose port vanished is opened anew where the port is now. Raises what keeps it from being there:
        UsbTrouble, UsbAbsent, PortMissing; WrongRole when another port answers in its place.
        """
        channel = self.channels.get(role)
        if channel is None:
            channel = self.channels[role] = self._open_channel(role)
        elif channel.lost is not None:
            self.move(role, self.boot_max_s)
        return channel

    def roles(self) -> tuple[str, ...]:
        """Roles that the rig file gives this slot ports for, the main one first; on USB those that are
        there now. What the module shows on USB also tells which UARTs it has at present (LARA-R6, +USIO);
        where nothing tells, the auxiliary one counts only if there is no other port."""
        view = self._now()
        shown = view.composition if view is not None else None
        roles = []
        if self.model.ports.uart is not None and (shown is None or shown.uart):
            roles.append("uart")
        if view is not None:
            roles += [f"at{number}" for number in range(len(view.of_role("at")))]
        alone = self.model.ports.uart is None and self.model.ports.usb is None
        if self.model.ports.aux_uart is not None and (shown.aux_uart if shown is not None else alone):
            roles.append("aux_uart")
        return tuple(roles)

    def shows(self, role: str, before: int = 0) -> bool | None:
        """Whether the module has the port of a role, by what it shows on USB; None while that does not tell:
        no USB, not enumerated, or still the enumeration with the number ``before``."""
        try:
            view = self.scene().view()
            if view.device.devnum == before:
                return None
            told = {has_port(one, role) for one in view.candidates}
            if len(told) > 1:
                told = {has_port(one, role) for one in self._told_apart(view).candidates}
        except (UsbAbsent, UsbTrouble, NotPossible):
            return None
        return told.pop() if len(told) == 1 else None

    @property
    def enumeration(self) -> int:
        """The number of the module's present enumeration on USB, 0 when it is not there."""
        device = self.scene().device() if self.model.ports.usb is not None else None
        return device.devnum if device is not None else 0

    def sync(self, role: str, timeout_s: float, before: int = 0) -> bool:
        """Wait until the open channel of a role answers AT, ``timeout_s`` seconds at most. False as soon as
        the module, past the enumeration ``before``, shows itself without that port. Raises AtTimeout,
        PortLost, PortMissing, and what keeps it off USB."""
        channel, deadline = self.channels[role], Deadline.after(timeout_s)
        while self.shows(role, before) is not False:
            try:
                if not channel.is_up:
                    self.move(role, deadline.remaining)
                channel.sync(max(_SHORTEST_SYNC_S, min(_LOOK_AGAIN_S, deadline.remaining)))
                return True
            except AtTimeout:
                if deadline.expired:
                    raise AtTimeout("AT", timeout_s) from None
            except (PortLost, PortMissing):
                if deadline.expired:
                    raise
                time.sleep(_POLL_S)  # the node was there and went again: the enumeration is not over
        return False

    def view(self, timeout_s: float = 0.0) -> UsbView:
        """The module on USB with all its serial ports; waits for them, ``timeout_s`` seconds at most.

        Raises UsbAbsent when it stays away, UsbTrouble with the remedy when the bench is in its way,
        NotPossible when the slot has no USB.
        """
        scene = self.scene()
        deadline = Deadline.after(timeout_s)
        standing: object = None
        since = 0.0
        while True:
            device = scene.device()
            if device is None and not deadline.expired:
                time.sleep(_POLL_S)
                continue
            try:
                return self._told_apart(self._noted(scene.view(device)))
            except (UsbTrouble, UsbAbsent) as error:
                now = time.monotonic()
                seen = (str(error), device)
                if seen != standing:  # as long as something changes, the host is still at it
                    standing, since = seen, now
                lasting = device is not None and now - since >= self.settle_s
                if deadline.expired or lasting:
                    raise _after(error, timeout_s, device) from None
            time.sleep(_POLL_S)

    def wait_usb(self, timeout_s: float) -> UsbDevice:
        """The module on USB at this slot's location; raises as ``view``."""
        return self.view(timeout_s).device

    def usb_appears(self, seconds: float) -> bool:
        """True when anything shows at the slot's USB location within ``seconds``; False without USB."""
        if self.model.ports.usb is None:
            return False
        deadline = Deadline.after(seconds)
        scene = self.scene()
        while not is_present(scene.sysfs, scene.location):
            if deadline.expired:
                return False
            time.sleep(_POLL_S)
        return True

    def network_interface(self, timeout_s: float = 0.0) -> str:
        """The host's network interface of the module (``usb0``); raises as ``view``, and UsbTrouble with the
        remedy when no driver made one."""
        self.view(timeout_s)
        return self.scene().network_interface()

    def network_address(self, timeout_s: float = 10.0) -> str:
        """The IPv4 address that this host has on the module's network interface, else the one that the module
        offers it by DHCP within ``timeout_s`` seconds; nothing is changed by the asking.

        Raises as ``network_interface``; NotPossible where the interface is none of this host's (its hardware
        address tells) or may not be used; UnitError when nothing is offered.
        """
        name = self.network_interface()
        if not self.scene().is_ours(name):
            raise NotPossible(f"slot {self.name}: {name} is no network interface of this host",
                              remedy="the bench must run where the module's network interface is")
        return ipv4_address(name) or str(ask_for_offer(name, timeout_s).address)

    def answers(self, role: str, seconds: float = ASK_S) -> bool:
        """True when a serial port on USB, of whatever role, answers AT with OK within ``seconds``. Raises as
        ``view``; NotPossible for a role that the module does not show."""
        view = self.view(self.boot_max_s)
        index = self._port_of(view, role)
        held = [one for known, one in self.channels.items()
                if self._on_usb(known) and one.is_up and one.port_name == str(view.nodes[index])]
        return not held[0].silent(seconds) if held else answers_at(view.nodes[index], seconds)

    @property
    def uart_rate(self) -> int:
        """The host's rate on the UART, in bit/s: the rig file's, else the profile's, else 115200."""
        uart = self.model.ports.uart
        asked = uart.rate_bit_s if uart is not None else None
        return asked or self.profile.serial.factory_rate.value or _AUTOBAUD_RATE

    @property
    def _aux_rate(self) -> int:
        aux = self.model.ports.aux_uart
        return (aux.rate_bit_s if aux is not None else None) or _AUTOBAUD_RATE

    def close(self) -> None:
        """Close every port of this slot."""
        for role in tuple(self.channels):
            self.drop(role)

    def drop(self, role: str) -> None:
        """Close one port."""
        channel = self.channels.pop(role)
        channel.stop()
        self.next_record[role] = channel.next_record

    def move(self, role: str, timeout_s: float) -> None:
        """Open the port of an open channel anew, wherever it is now; the channel stays the same object.

        Waits for a port on USB, ``timeout_s`` seconds at most. Raises UnitError, PortMissing.
        """
        if self._on_usb(role):
            self.view(timeout_s)
        self.channels[role].move(self.pipe(role))

    def scene(self) -> UsbScene:
        """This slot's place on the bus; NotPossible when it has no USB."""
        if self.model.ports.usb is None:
            raise NotPossible(f"slot {self.name} has no USB", remedy="name its location under ports.usb")
        return UsbScene(self.name, self.model.ports.usb.location, self.profile, self.roots, self.elsewhere)

    def pipe(self, role: str) -> LinePort:
        """The port of a role, not yet opened: AT ports (``at0``), on USB also ``cp-trace``, ``diag``,
        ``reserved1`` ... It is found anew whenever it is opened."""
        if self._on_usb(role):
            return UsbSerialPort(f"{self.name}.{role}", lambda: self._place(role))
        uart = {"uart": self.model.ports.uart, "aux_uart": self.model.ports.aux_uart}.get(role)
        if uart is not None and uart.url is not None:
            return open_pipe(uart.url)
        if uart is not None:
            return UsbSerialPort(f"{self.name}.{role}", lambda: self._adapter_place(uart))
        raise self._no_port(role)

    # -- inside ----------------------------------------------------------------------------------

    def _now(self) -> UsbView | None:
        """What the module shows on USB now; None when it is not there, or not whole."""
        if self.model.ports.usb is None:
            return None
        with contextlib.suppress(UsbAbsent, UsbTrouble):
            return self._told_apart(self.scene().view())
        return None

    def _on_usb(self, role: str) -> bool:
        return role not in ("uart", "aux_uart") and self.model.ports.usb is not None

    def _noted(self, view: UsbView) -> UsbView:
        if view.device.devnum != self._seen_devnum:
            self._seen_devnum, self.up_since_ns = view.device.devnum, time.monotonic_ns()
        return view

    def _told_apart(self, view: UsbView) -> UsbView:
        """The view with one candidate, as soon as AT can tell; until then the one at delivery comes first."""
        if len(view.candidates) == 1:
            return view
        if self._chosen is None or self._chosen[0] != view.device.devnum:
            found = told_apart(view, self._asks)
            if found is None:
                return view
            self._chosen = (view.device.devnum, found)
        return UsbView(view.device, (self._chosen[1],), view.nodes, view.nets)

    def _asks(self, index: int, node: Path) -> bool | None:
        """Ask a port, unless one of our own channels has it open: that channel is asked through. A recorder
        is not disturbed."""
        if any(recorder.port_name == str(node) for recorder in self.recorders.values()):
            return None
        for role, channel in self.channels.items():
            if self._on_usb(role) and channel.port_name == str(node) and channel.is_up:
                return None if channel.silent(ASK_S) else True
        return answers_at(node)

    def _open_channel(self, role: str) -> Channel:
        if self._on_usb(role):
            self.view(self.boot_max_s)
        pipe = self.pipe(role)
        channel = Channel(
            pipe, self.profile, trace=self.trace, name=f"{self.name}.{role}", group=self.group,
            wear=self.wear, grammar=grammar_for(self.profile, self.slower),
        )
        channel.start(self.next_record.get(role, 0))
        if not self._on_usb(role):
            # a UART behind a plain TCP bridge has its rate set on the bridge
            with contextlib.suppress(NotPossible):
                channel.set_rate(self.uart_rate if role == "uart" else self._aux_rate)
        elif role.startswith("at") and isinstance(pipe, UsbSerialPort):
            self._confirm(role, channel, pipe)
        return channel

    def _confirm(self, role: str, channel: Channel, pipe: UsbSerialPort) -> None:
        """Ask the port for AT once in each enumeration. Silence is no error here (it may still be booting),
        but an answer on a port of another role is."""
        mark = (pipe.place.devnum if pipe.place else 0, role)
        if mark in self._confirmed:
            return
        try:
            if all(channel.silent(seconds) for seconds in _CONFIRM_TRIES_S):
                self._look_for_swap(role)
                return
        except BaseException:
            channel.stop()
            raise
        self._confirmed = {known for known in self._confirmed if known[0] == mark[0]} | {mark}

    def _look_for_swap(self, role: str) -> None:
        try:
            view = self.scene().view()
            index = self._port_of(view, role)
        except (UsbTrouble, UsbAbsent, NotPossible):
            return  # gone again: whoever uses the channel sees it
        wrong = misplaced(view, index, self._asks)
        if wrong is not None:
            raise wrong

    def _place(self, role: str) -> PortPlace:
        """Where a port on USB is now; PortMissing when it is not."""
        scene = self.scene()
        device = scene.device()
        if device is None:
            raise PortMissing(f"slot {self.name}: nothing is on USB at {scene.location}")
        try:
            view = scene.view(device)
        except (UsbTrouble, UsbAbsent) as error:
            raise PortMissing(error.message, remedy=error.remedy) from error
        chosen = self._chosen
        if chosen is not None and chosen[0] == view.device.devnum and chosen[1] in view.candidates:
            view = UsbView(view.device, (chosen[1],), view.nodes, view.nets)
        try:
            node = view.nodes[self._port_of(view, role)]
        except NotPossible as error:
            shown = f"{view.device.words} at {view.device.location} shows {view.composition.name!r} now"
            raise PortMissing(f"{error.message}: {shown}") from error
        return PortPlace(node, view.device.location, view.device.devnum)

    def _port_of(self, view: UsbView, role: str) -> int:
        """The number of a role's port among the serial ports; ``at1`` is the second AT port."""
        found = ROLE.fullmatch(role)
        ports = view.of_role(found[1]) if found else ()
        number = int(found[2] or 0) if found else 0
        if number >= len(ports):
            raise self._no_port(role)
        return ports[number].index

    def _adapter_place(self, uart: UartPort) -> PortPlace:
        """Where the serial adapter's port is now."""
        assert uart.location is not None
        device = find_device(Path(self.roots.sysfs), Path(self.roots.dev), uart.location)
        if device is None:
            raise RigError(
                f"slot {self.name}: no serial adapter at USB location {uart.location}",
                remedy="run `cellbench check` to see what is there",
            )
        number = uart.interface or 0
        if number >= len(device.ttys):
            raise RigError(
                f"slot {self.name}: {device.words} at USB location {uart.location} has {len(device.ttys)} "
                f"serial ports, the rig file names number {number}",
                remedy="correct interface in the rig file, or see that a driver is bound to it",
            )
        return PortPlace(device.ttys[number], uart.location, device.devnum)

    def _no_port(self, role: str) -> CellbenchError:
        return NotPossible(
            f"slot {self.name} has no port {role}", remedy="name it under ports in the rig file"
        )


def _after(error: UsbTrouble | UsbAbsent, timeout_s: float, device: UsbDevice | None) -> CellbenchError:
    """The error with the time that was waited in vain."""
    if device is not None or not timeout_s:
        return error
    waited = f" after {timeout_s:g} s" if isinstance(error, UsbAbsent) else f" (waited {timeout_s:g} s)"
    return type(error)(error.message + waited, remedy=error.remedy)
