"""One virtual module: its electrical face, its ports, and what lives inside while it is powered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from cellbench.base.clock import SYSTEM_CLOCK, Clock
from cellbench.catalogue.modules.model import ModuleProfile, UsbComposition
from cellbench.virtual.device import gpio, restore, trace, update_flash
from cellbench.virtual.device.aux_uart import AuxUart
from cellbench.virtual.device.clients import lwm2m
from cellbench.virtual.device.clients.outward import Outward
from cellbench.virtual.device.config import ModuleConfig
from cellbench.virtual.device.contexts import Contexts
from cellbench.virtual.device.draw import Draw
from cellbench.virtual.device.faces import Input, Output, Subsystem, UartFace, UsbFace, garble
from cellbench.virtual.device.factory import factory_values, storage_for
from cellbench.virtual.device.network import NetworkState
from cellbench.virtual.device.pace import Pace
from cellbench.virtual.device.power import Power
from cellbench.virtual.device.radio import Radio
from cellbench.virtual.device.serial import SerialState
from cellbench.virtual.device.settings import Settings
from cellbench.virtual.device.sim import Sim
from cellbench.virtual.device.sleep import Sleep
from cellbench.virtual.device.stuck import Stuck
from cellbench.virtual.device.telephony.subscriber import Subscriber
from cellbench.virtual.device.update import Updater
from cellbench.virtual.device.usb_lan import UsbLan
from cellbench.virtual.front.port import AtPort
from cellbench.virtual.front.state import PortState
from cellbench.virtual.net.telephone.network import TelephoneNetwork

if TYPE_CHECKING:
    from cellbench.virtual.net.internet import Internet

__all__ = ["Input", "Module", "Output", "Subsystem", "UartFace", "UsbFace", "garble"]

S = TypeVar("S", bound=Subsystem)
_ETHERNET = ("ecm", "rndis")


class Turn:
    """Who may execute a command: every port for itself, or one port at a time in order of arrival."""

    def __init__(self, *, serialised: bool) -> None:
        self._lock = asyncio.Lock() if serialised else None
        self._holder: AtPort | None = None

    @contextlib.asynccontextmanager
    async def of(self, port: AtPort) -> AsyncIterator[None]:
        """Hold the turn for a command line."""
        await self.take(port)
        try:
            yield
        finally:
            self.leave(port)

    async def take(self, port: AtPort) -> None:
        """Wait for the turn (again, after data mode)."""
        if self._lock is not None:
            await self._lock.acquire()
            self._holder = port

    def leave(self, port: AtPort) -> None:
        """Let the others go on (data mode: a dial-up does not block the other ports)."""
        if self._lock is not None and self._holder is port:
            self._holder = None
            self._lock.release()


class Module:
    """One virtual module. All methods are to be called in the loop's thread.

    Attributes for the other parts of the virtual device: ``name``, ``profile``, ``config``, ``clock``,
    ``settings`` (NVM and volatile), ``power``, ``network`` (what the radio finds around it), ``radio``,
    ``contexts``, ``sim``, ``updater`` (firmware), ``serial``, ``sleep``, ``draw``, ``pace``, ``turn``,
    ``internet``, ``subscriber`` (its place in the telephone network), ``home`` (the module's directory).
    """

    def __init__(self, name: str, profile: ModuleProfile, config: ModuleConfig, nvm: Path, *,
                 internet: Internet | None = None, telephones: TelephoneNetwork | None = None,
                 clock: Clock = SYSTEM_CLOCK) -> None:
        self.name = name
        self.profile = profile
        self.config = config
        self.clock = clock
        self.home = nvm.parent
        self.internet = internet
        self.on_output: Callable[[Output, bool], None] | None = None
        self.on_usb: Callable[[UsbComposition | None], None] | None = None
        self.pace = Pace(config.timing)
        self.settings = Settings(nvm, factory_values(profile, config), storage_for(profile))
        self.uart = UartFace(self)
        self.aux = AuxUart(self)
        self.usb_faces: tuple[UsbFace, ...] = ()
        self.lan: UsbLan | None = None  # while a composition with an Ethernet function is shown
        self._inputs = {pin: pin in (Input.RTS, Input.DTR) for pin in Input}
        self._outputs = dict.fromkeys(Output, False)
        self._ports: list[AtPort] = []
        self._subsystems: dict[type[Subsystem], Subsystem] = {}
        self.turn = Turn(serialised=config.behaviour.ports_serialised)
        self.network = NetworkState(config.network)
        self.sim = Sim(self)
        self.radio = Radio(self)
        self.contexts = Contexts(self)
        self.subscriber = Subscriber(self, telephones or TelephoneNetwork())
        self.serial = SerialState(self)
        self.sleep = Sleep(self)
        self.updater = Updater(self)
        self.power = Power(self)
        self.draw = Draw(self)
        self.slow_answers = False  # a fault: every command takes its declared response time, or slow_s
        self.slow_s: float | None = None
        self.hung = False  # a fault: see hang()
        self.stuck = Stuck(self)  # faults that one countermeasure clears

    # electrical face, called by the bench
    def set_supply(self, volts: float) -> None:
        """Voltage at the supply pins, as often as it changes."""
        self.power.set_supply(volts)

    def set_input(self, pin: Input, active: bool) -> None:
        """Assert or release a line."""
        if self._inputs[pin] == active:
            return
        if pin in (Input.DTR, Input.RTS):
            self.sleep.line_moves(pin, active)
        self._inputs[pin] = active
        if pin in (Input.PWR_ON, Input.RESET_N):
            self.power.line(pin, active)
        elif pin is Input.DTR and self.aux.port is None:
            self.uart.set_dtr(active)
        elif pin is Input.RTS and active:
            self.uart.rts_on()

    def input(self, pin: Input) -> bool:
        """True while a line is asserted."""
        return self._inputs[pin]

    def output(self, pin: Output) -> bool:
        """Level of an output line."""
        return self._outputs[pin]

    def set_output(self, pin: Output, level: bool) -> None:
        """Move an output line; for the parts inside."""
        if self._outputs[pin] != level:
            self._outputs[pin] = level
            if pin is Output.RI and self.uart.carrier is not None:
                self.uart.carrier.ring(level)
            if self.on_output is not None:
                self.on_output(pin, level)

    def current_a(self) -> float:
        """Supply current drawn now, in ampere, bursts averaged over some milliseconds."""
        return self.draw.current_a()

    def usb_port(self, index: int) -> UsbFace:
        """Serial port ``index`` of the composition in force, in descriptor order; IndexError when absent."""
        return self.usb_faces[index]

    # for the parts inside
    @property
    def ports(self) -> tuple[AtPort, ...]:
        """The AT ports that exist now."""
        return tuple(self._ports)

    def urc(self, text: str, *, keep: bool = True) -> None:
        """Print a URC on every AT port that wants it; on a busy one it waits (``keep``) or is dropped."""
        self.serial.urc_printed()
        for port in self._ports:
            if port.urcs_wanted:
                port.urc(text, keep=keep)

    def subsystem(self, kind: type[S]) -> S:
        """The one ``kind(module)`` of this boot, made on first use, told ``power_off`` at the end."""
        found = self._subsystems.get(kind)
        if found is None:
            found = self._subsystems[kind] = cast(Callable[[Module], S], kind)(self)
        return cast(S, found)

    def running(self, kind: type[S]) -> S | None:
        """A subsystem that was made in this boot, None for one that was not."""
        found = self._subsystems.get(kind)
        return None if found is None else cast(S, found)

    def add_port(self, port: AtPort, *, first: bool = False) -> None:
        """A port comes into being (boot, multiplexer), or the UART is back among the ports."""
        self._ports.insert(0 if first else len(self._ports), port)

    def open_channel(self, name: str, transmit: Callable[[bytes], None]) -> AtPort:
        """A further AT port on the UART: a channel of the multiplexer, with the stored profile."""
        port = AtPort(self, name, transmit, on_usb=False, settings=self.serial.port_settings(on_usb=False))
        self.add_port(port)
        return port

    def remove_port(self, port: AtPort, *, close: bool = True) -> None:
        """A port ceases to exist; without ``close`` it rests (the bare UART under the multiplexer)."""
        if port in self._ports:
            self._ports.remove(port)
        if close:
            port.close()

    def data_mode_changed(self, port: AtPort) -> None:
        """A port entered or left data mode: DCD follows on the UART (&C1, V.250 6.2.8)."""
        if port is self.uart.port:
            self.serial.show_lines()
        elif self.uart.carrier is not None:
            self.uart.carrier.port_changed(port)

    # called by power
    def restore_pending(self) -> bool:
        """Do what +UFACTORY asked for; True when something was restored."""
        return restore.at_boot(self)

    def enter_usb(self, vusb: bool) -> None:
        """The USB device appears, if VUSB_DET was high at the boot."""
        composition = self.serial.usb_composition()
        if composition is not None and vusb:
            self._show_usb(composition)

    def enter_download(self, vusb: bool) -> None:
        """USB_BOOT was high: the download port alone (LENA-R8 guide 5.2.4)."""
        wanted = [one for one in self.profile.usb if any(port.role == "fw-update" for port in one.interfaces)]
        if vusb and wanted:
            self._show_usb(wanted[0])
            update_flash.attach(self)

    def _show_usb(self, composition: UsbComposition) -> None:
        if composition.network in _ETHERNET:
            self.lan = UsbLan(self)
        self.usb_faces = tuple(UsbFace(one.role, one.name, index)
                               for index, one in enumerate(composition.interfaces))
        for face in self.usb_faces:
            trace.attach(self, face)
        if self.on_usb is not None:
            self.on_usb(composition)

    def enter(self) -> None:
        """The AT interface is ready: ports, SIM, radio, greeting."""
        stored = self.serial.port_settings
        if self.serial.uart_enabled:
            port = AtPort(self, "uart", self.uart.send, on_usb=False, settings=stored(on_usb=False))
            port.dtr = self._inputs[Input.DTR] or self.serial.aux_enabled  # then nobody drives it
            self.add_port(port)
            self.uart.start(port, self.serial.boot_rate)
            self.uart.set_frame(self.serial.frame)
        self._enter_aux()
        for face in self.usb_faces:
            if face.role == "at":
                port = AtPort(self, f"usb{face.index}", face.send, on_usb=True, settings=stored(on_usb=True))
                port.dtr = face.opened
                face.port = port
                self.add_port(port)
        self.serial.show_lines()
        self.sleep.watch()
        self.sim.power_on()
        self.contexts.power_on()
        self.subscriber.power_on()
        self.radio.power_on()
        self.subsystem(Outward)  # the ports of +UEMBPF are those of the boot
        lwm2m.at_boot(self)
        self.serial.greet()
        self.updater.tell()

    def _enter_aux(self) -> None:
        """The auxiliary UART, where +USIO has it."""
        if not self.serial.aux_enabled:
            return
        port = AtPort(self, "aux_uart", self.aux.send, on_usb=False,
                      settings=self.serial.port_settings(on_usb=False))
        self.add_port(port)
        rate, flow = self.serial.aux_settings
        self.aux.start(port, rate, gated=flow == self.config.behaviour.aux_needs_flow)

    def leave(self, *, usb: bool) -> None:
        """Everything that lives from boot to power-off ends now."""
        for part in self._subsystems.values():
            part.power_off()
        self._subsystems.clear()
        self.sleep.power_off()
        self.radio.power_off()
        self.contexts.power_off()
        self.sim.power_off()
        for port in self._ports:
            port.close()
        self._ports.clear()
        self.uart.stop()
        self.aux.stop()
        if self.lan is not None:
            self.lan.power_off()
            self.lan = None
        self.serial.power_off()
        self.settings.power_off()
        self.updater.power_off()
        self.stuck.clear()
        self.hung = False
        for pin in (Output.CTS, Output.DSR, Output.DCD, Output.RI):
            self.set_output(pin, False)
        for face in self.usb_faces:
            if face.on_open is not None:
                face.on_open(False)
        had_usb, self.usb_faces = bool(self.usb_faces), ()
        self.turn = Turn(serialised=self.config.behaviour.ports_serialised)
        if usb and had_usb and self.on_usb is not None:
            self.on_usb(None)

    def hang(self, hung: bool) -> None:
        """The firmware stands still: what comes in is lost, nothing goes out (a fault)."""
        self.hung = hung

    def gpio_function(self, pin: int) -> int:
        """The function of a GPIO by its pin number, 255 when it has none."""
        return gpio.function(self, pin)

    def busy_ports(self) -> tuple[AtPort, ...]:
        """Ports that do not take a command line now."""
        return tuple(port for port in self._ports if port.state not in (PortState.COMMAND, PortState.ONLINE))

    async def close(self) -> None:
        """End everything (the rack goes down); nothing keeps running."""
        self.power.hang_up_all()
        await asyncio.sleep(0)
