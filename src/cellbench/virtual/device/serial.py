"""Settings of the serial interfaces: rate, flow control, port profiles, USB composition, greeting."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cellbench.catalogue.modules.model import UsbComposition
from cellbench.virtual.device.faces import Output
from cellbench.virtual.front.results import Style
from cellbench.virtual.front.state import PortSettings, PortState

if TYPE_CHECKING:
    from cellbench.virtual.device.module import Module
    from cellbench.virtual.front.port import AtPort

_AUX_FACTORY = (115_200, 3)
_WITH_PARITY = 2
_RTS_CTS = 3  # &K
_RING_FOR_URCS = (1, 3)  # +URING: 0 calls and messages, 1 URCs too, 2 data too, 3 all
REGISTERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12)


class SerialState:
    """What the serial interfaces of a module are set to."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.usio = 0  # the +USIO value this boot began with
        self.forced: UsbComposition | None = None  # shown whatever the settings say (a fault)
        self._ringing: asyncio.TimerHandle | None = None

    @property
    def rts_gates(self) -> bool:
        """True while RTS off holds the module's output back (&K3)."""
        return self._module.settings.number("&K", _RTS_CTS) == _RTS_CTS

    @property
    def uart_enabled(self) -> bool:
        """False while +USIO gives the UART away."""
        variant = self._variant()
        return variant is None or variant.uart

    @property
    def aux_enabled(self) -> bool:
        """True while +USIO gives four pins of the main UART to an auxiliary one."""
        variant = self._variant()
        return variant is not None and variant.aux_uart

    @property
    def aux_settings(self) -> tuple[int, int]:
        """Rate and <flow> that the auxiliary UART comes up with (+UUARTCONF)."""
        stored = self._module.settings.numbers("+UUARTCONF")
        return (stored[1], stored[2]) if len(stored) > 2 else _AUX_FACTORY

    def _variant(self) -> UsbComposition | None:
        """What the +USIO value of this boot makes of the serial interfaces; None on a series without."""
        return next((one for one in self._own() if one.selected_by == f"usio={self.usio}"), None)

    def _own(self) -> list[UsbComposition]:
        """The compositions of the module's own product grade."""
        model, every = self._module.config.model, list(self._module.profile.usb)
        return [one for one in every if not one.ordering or one.ordering in model] or every

    @property
    def boot_rate(self) -> int:
        """The rate the UART comes up with, 0 for autobauding."""
        return self._module.settings.number("+IPR", self._module.profile.serial.factory_rate.value)

    @property
    def frame(self) -> tuple[int, int]:
        """Data bits and parity of +ICF (V.250 6.2.11): formats 1 and 3 have none, format 2 <parity> odd or
        even."""
        values = (*self._module.settings.numbers("+ICF"), 1)
        return (8, 2 + min(values[1], 1)) if values[0] == _WITH_PARITY else (8, 1)

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
        for selector in self._selectors():
            for one in self._own():
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
        nine_wires = port is not None and not self.aux_enabled
        module.set_output(Output.CTS, port is not None and module.sleep.uart_open(module.pace.now()))
        module.set_output(Output.DSR, nine_wires and port is not None and self._set_ready(port))
        carrier = nine_wires and port is not None and (
            port.settings.circuit_109 == 0 or port.state is PortState.DATA or port.online is not None)
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

    def _set_ready(self, port: AtPort) -> bool:
        """Circuit 107 by &S."""
        if port.settings.circuit_107 == 0 or not self._module.config.behaviour.dsr_follows_data:
            return True
        return port.state is PortState.DATA

    def urc_printed(self) -> None:
        """RI for a URC, where +URING wants that (application note)."""
        if self._module.settings.number("+URING") in _RING_FOR_URCS:
            self.ring()

    def ring(self, seconds: float | None = None) -> None:
        """RI on for so long (true seconds; None: a URC's time), or as long as something else keeps it on; the
        pin is the auxiliary UART's while that is there."""
        module = self._module
        if module.uart.port is None or self.aux_enabled:
            return
        wanted = module.config.behaviour.ring_s if seconds is None else seconds
        if self._ringing is not None:
            wanted = max(wanted, self._ringing.when() - module.pace.now())
            self._ringing.cancel()
        module.set_output(Output.RI, True)
        self._ringing = module.pace.later_true(wanted, self._still)

    def _still(self) -> None:
        self._ringing = None
        self._module.set_output(Output.RI, False)

    def power_off(self) -> None:
        """The module goes off or restarts: no line moves later on."""
        if self._ringing is not None:
            self._ringing.cancel()
            self._ringing = None

    def set_flow(self, port: AtPort, mode: int) -> None:
        """&K on a UART's port: 3 is RTS/CTS."""
        module = self._module
        if port is module.aux.port:
            module.aux.set_gated(mode == _RTS_CTS)
            return
        module.settings.store("&K", mode)
        if mode != _RTS_CTS:
            module.uart.rts_on()
