"""Settings of the serial interfaces: rate, flow control, port profiles, USB composition, greeting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellbench.catalogue.modules.model import UsbComposition
from cellbench.virtual.device.faces import Output
from cellbench.virtual.front.results import Style
from cellbench.virtual.front.state import PortSettings, PortState

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module

_UART_OFF = (3, 4)  # +USIO values without the main UART (application note of LARA-R6)
REGISTERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12)


class SerialState:
    """What the serial interfaces of a module are set to."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.usio = 0  # the +USIO value this boot began with
        self.forced: UsbComposition | None = None  # shown whatever the settings say (a fault)

    @property
    def rts_gates(self) -> bool:
        """True while RTS off holds the module's output back (&K3)."""
        return self._module.settings.number("&K", 3) == 3

    @property
    def uart_enabled(self) -> bool:
        """False while +USIO gives the UART away."""
        return self.usio not in _UART_OFF

    @property
    def boot_rate(self) -> int:
        """The rate the UART comes up with, 0 for autobauding."""
        return self._module.settings.number("+IPR", self._module.profile.serial.factory_rate.value)

    def _selectors(self) -> tuple[str, ...]:
        """What chooses the composition, strongest first; the names are the profile's."""
        settings = self._module.settings
        network = settings.items("+UUSBCONF")
        chosen = [f"uusbconf={network[1]}"] if len(network) > 1 and network[1] else []
        return (*chosen, f"usbmode={settings.number('usbmode', 2)}", f"usio={self.usio}")

    def usb_composition(self) -> UsbComposition | None:
        """The composition this boot shows; what +USIO says is in force from now on."""
        self.usio = self._module.settings.number("+USIO", 0)
        if self.forced is not None:
            name, _, number = self.forced.selected_by.partition("=")
            self.usio = int(number) if name == "usio" else 0
            return self.forced
        return self.chosen()

    def chosen(self) -> UsbComposition | None:
        """The composition the settings choose; those of the module's own product grade first."""
        model = self._module.config.model
        mine = [one for one in self._module.profile.usb if not one.ordering or one.ordering in model]
        for selector in self._selectors():
            for one in mine or self._module.profile.usb:
                if one.selected_by == selector:
                    return one
        return None

    def port_settings(self, *, on_usb: bool) -> PortSettings:
        """What a port begins with: the stored profile."""
        del on_usb  # one profile for all ports
        get = self._module.settings.number
        registers = {number: get(f"S{number}") for number in REGISTERS
                     if self._module.settings.get(f"S{number}") is not None}
        style = Style(verbose=get("V", 1) == 1, quiet=get("Q") == 1, extended=get("X", 4),
                      cr=chr(registers.get(3, 13)), lf=chr(registers.get(4, 10)))
        return PortSettings(echo=get("E", 1) == 1, style=style, cmee=get("+CMEE"), circuit_109=get("&C", 1),
                            circuit_108=get("&D", 1), circuit_107=get("&S", 1), registers=registers)

    def show_lines(self) -> None:
        """CTS, DSR and DCD as the UART port's state and &C, &S have it."""
        module, port = self._module, self._module.uart.port
        ready = port is not None
        module.set_output(Output.CTS, ready)
        module.set_output(Output.DSR, ready)
        carrier = port is not None and (port.settings.circuit_109 == 0 or port.state is PortState.DATA
                                        or port.online is not None)
        module.set_output(Output.DCD, carrier)
        if module.uart.carrier is not None:
            for channel in module.ports:
                module.uart.carrier.port_changed(channel)

    def greet(self) -> None:
        """The greeting of +CSGT on every AT port (LENA-R8 guide 3.2.2, 5.3)."""
        values = self._module.settings.items("+CSGT")
        if len(values) < 2 or not values[0] or not values[1]:
            return
        for port in self._module.ports:
            port.greet(str(values[1]), when_dtr=self._module.config.behaviour.greeting_per_port)

    def ring(self, seconds: float = 1.0) -> None:
        """RI for an incoming call or SMS."""
        self._module.set_output(Output.RI, True)
        self._module.pace.later_true(seconds, lambda: self._module.set_output(Output.RI, False))
